import type { Knex } from 'knex';
import { createFence, fenced, fencedBatch } from 'tcc-coordinator/fence';
import { inKnexTransaction, knexExecutor } from 'tcc-coordinator/fence/knex';
import { readLedger } from '../../../samples/shop/books/ledger';
import { openDatabase } from '../../../samples/shop/database/open';
import { createStockTables, giveBack, receiveGoods, reserve, sell } from '../../../samples/shop/inventory/stock';
import { giveBackAll, reserveAll, sellAll } from '../../../samples/shop/inventory/stock-batch';
import { createOrderTable } from '../../../samples/shop/orders/orders';
import { createAccountTables } from '../../../samples/shop/payments/accounts';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { Actions } from '../../../src/sdk/participant/actions';
import type { Answer } from '../../../src/sdk/participant/answer';
import { CallHandler } from '../../../src/sdk/participant/call-handler';
import { sqlDatabases, type TestDatabase } from '../../support/databases';

type Phase = 'try' | 'confirm' | 'cancel';

describe.each(sqlDatabases())('the inventory that serves batches on $name', (databases) => {
  let database: TestDatabase;
  let db: Knex;
  let inventory: CallHandler;
  const failures: string[] = [];
  const batches: number[] = [];

  beforeAll(async () => {
    database = await databases.create();
    const opened = openDatabase(database.url);
    const { dialect } = opened;
    db = opened.db;
    await createStockTables(db, dialect);
    await createAccountTables(db, dialect);
    await createOrderTable(db, dialect);
    const fence = createFence({ dialect });
    await fence.createTable(knexExecutor(db));
    const actions = new Actions();
    const begin = inKnexTransaction(db);
    const oneByOne = fenced(fence, begin, {
      try: (call, trx) => reserve(trx, call, call.payload()),
      confirm: (call, trx) => sell(trx, call),
      cancel: (call, trx) => giveBack(trx, call),
    });
    const together = fencedBatch(fence, begin, {
      try: (calls, trx) => {
        batches.push(calls.length);
        return reserveAll(trx, calls);
      },
      confirm: (calls, trx) => sellAll(trx, calls),
      cancel: (calls, trx) => giveBackAll(trx, calls),
    });
    actions.add('deduct', { ...oneByOne, ...together }, { batch: { lanes: 8 } });
    const logger = { ...silentLogger, warn: (_: object, message: string) => void failures.push(message) };
    inventory = new CallHandler({ actions, maxInFlight: 4_000 }, { clock: systemClock, logger });
  });

  beforeEach(async () => {
    failures.length = 0;
    batches.length = 0;
    for (const table of ['items', 'reservations', 'tcc_fence']) await db(table).delete();
    await receiveGoods(db, { chair: 5, clock: 1, lamp: 3 });
  });

  afterAll(async () => {
    await db.destroy();
    await database.drop();
  });

  const call = (phase: Phase, gid: string, payload: unknown = { sku: 'lamp', quantity: 1 }) =>
    inventory.handle(phase, {
      gid,
      branchId: 'b',
      action: 'deduct',
      attempt: 1,
      remainingMs: 60_000,
      payload: {
        data: payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload)),
        contentType: 'application/json',
      },
    });

  const words = (answers: readonly Answer[]) =>
    answers.map((answer) => (answer.kind === 'done' ? answer.fence : answer.message));

  const pots = async () => {
    const { pots: found } = await readLedger({ inventory: db, orders: db, payments: db });
    return Object.fromEntries(
      found.map(({ name, available, frozen, gone, open }) => [name, [available, frozen, gone, open]]),
    );
  };

  test('whoever came first is served first, until nothing is left; each item by itself', async () => {
    const answers = await Promise.all([
      call('try', 'g-1', { sku: 'lamp', quantity: 2 }),
      call('try', 'g-2', { sku: 'clock', quantity: 1 }),
      call('try', 'g-3', { sku: 'lamp', quantity: 2 }),
      call('try', 'g-4', { sku: 'lamp', quantity: 1 }),
      call('try', 'g-5', { sku: 'lamp', quantity: 1 }),
      call('try', 'g-6', { sku: 'chair', quantity: 5 }),
      call('try', 'g-7', { sku: 'Lamp', quantity: 1 }),
      call('try', 'g-8', { sku: 'lamp', quantity: -1 }),
      call('try', 'g-9', Buffer.from('{')),
    ]);
    expect(words(answers)).toEqual([
      'FRESH',
      'FRESH',
      'no stock: 2 lamp wanted, 1 left',
      'FRESH',
      'no stock: 1 lamp wanted, 0 left',
      'FRESH',
      'no such item: Lamp',
      'the quantity must be a positive whole number',
      'the payload is not well-formed JSON',
    ]);
    expect(await pots()).toEqual({ chair: [0, 5, 0, 5], clock: [0, 1, 0, 1], lamp: [0, 3, 0, 3] });
    expect([batches, failures]).toEqual([[9], []]);
    expect(await db('tcc_fence').count({ n: '*' })).toEqual([{ n: 4 }]);
  });

  test('what is sold leaves the house, what is given back is there again; the single handlers know both', async () => {
    const gids = ['g-1', 'g-2', 'g-3'];
    await Promise.all(gids.map((gid) => call('try', gid)));
    expect(words(await Promise.all([call('confirm', 'g-1'), call('confirm', 'g-2'), call('cancel', 'g-3')]))).toEqual([
      'FRESH',
      'FRESH',
      'FRESH',
    ]);
    expect(await pots()).toMatchObject({ lamp: [1, 0, 2, 0] });
    expect(await db('reservations').orderBy('gid').pluck('status')).toEqual(['SOLD', 'SOLD', 'RELEASED']);
    expect(words(await Promise.all([...gids, 'g-4'].map((gid) => call('cancel', gid))))).toEqual([
      'cannot cancel: the branch is confirmed',
      'cannot cancel: the branch is confirmed',
      'REPEAT',
      'EMPTY_ROLLBACK',
    ]);
    expect(await pots()).toMatchObject({ lamp: [1, 0, 2, 0] });
  });

  test('a refused, a repeated and a hanging Try at once, among fresh ones', async () => {
    await call('try', 'repeated');
    await call('cancel', 'hanging');
    const answers = ['repeated', 'a', 'hanging', 'b', 'refused'].map((gid) => call('try', gid));
    expect(words(await Promise.all(answers))).toEqual([
      'REPEAT',
      'FRESH',
      'this Try came after its Cancel',
      'FRESH',
      'no stock: 1 lamp wanted, 0 left',
    ]);
    expect(words([await call('cancel', 'refused')])).toEqual(['EMPTY_ROLLBACK']);
    expect(await pots()).toMatchObject({ lamp: [0, 3, 0, 3] });
  });

  test('32 batches at once for the last 100 pieces: exactly 100 are sold, and the books balance', async () => {
    await receiveGoods(db, { rush: 100 });
    const sold: string[] = [];
    const turns = Array.from({ length: 32 }, async (_, buyer) => {
      // Each turn of the event loop is a batch of its own; what waits for a lane gathers.
      for (let step = 0; step < buyer; step += 1) await new Promise((resolve) => setImmediate(resolve));
      const gids = Array.from({ length: 8 }, (_unused, index) => `rush-${buyer}-${index}`);
      const answers = await Promise.all(
        gids.map((gid, index) => call('try', gid, { sku: index === 3 ? 'chair' : 'rush', quantity: 1 })),
      );
      const held = gids.filter((_gid, index) => answers[index]?.kind === 'done');
      const done = await Promise.all(held.map((gid) => call('confirm', gid)));
      expect(done.every(({ kind }) => kind === 'done')).toBe(true);
      sold.push(...held);
    });
    await Promise.all(turns);
    expect(batches.length).toBeGreaterThan(1);
    expect(sold).toHaveLength(105);
    expect(await pots()).toMatchObject({ rush: [0, 0, 100, 0], chair: [0, 0, 5, 0] });
    expect(failures).toEqual([]);
  });

  test('stock that comes and goes in 32 batches at once is never negative, and all of it comes back', async () => {
    const skus = ['lamp', 'chair', 'clock'];
    const answers = await Promise.all(
      Array.from({ length: 32 }, async (_, buyer) => {
        for (let step = 0; step < buyer; step += 1) await new Promise((resolve) => setImmediate(resolve));
        const gids = Array.from({ length: 6 }, (_unused, index) => `come-${buyer}-${index}`);
        const tries = gids.map((gid, index) => call('try', gid, { sku: skus[(index + buyer) % 3], quantity: 1 }));
        await Promise.all(tries);
        return Promise.all(gids.map((gid) => call('cancel', gid)));
      }),
    );
    expect(answers.flat().every(({ kind }) => kind === 'done')).toBe(true);
    expect(await pots()).toEqual({ chair: [5, 0, 0, 0], clock: [1, 0, 0, 0], lamp: [3, 0, 0, 0] });
    expect(failures).toEqual([]);
  });

  test('a Try that comes five times at once reserves once', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => call('try', 'g-1')));
    expect(words(answers).sort()).toEqual(['FRESH', 'REPEAT', 'REPEAT', 'REPEAT', 'REPEAT']);
    expect(await pots()).toMatchObject({ lamp: [2, 1, 0, 1] });
  });

  test('a Confirm whose reservation is gone fails by itself', async () => {
    await Promise.all(['g-1', 'g-2'].map((gid) => call('try', gid)));
    await db('reservations').where({ gid: 'g-2' }).delete();
    const answers = await Promise.all(['g-1', 'g-2'].map((gid) => call('confirm', gid)));
    expect(answers).toMatchObject([{ fence: 'FRESH' }, { status: 'UNKNOWN' }]);
    expect(failures).toEqual(['a batch failed; its calls run one by one']);
    expect(await db('tcc_fence').where({ status: 'CONFIRMED' }).pluck('gid')).toEqual(['g-1']);
  });
});
