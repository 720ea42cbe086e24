import knex, { type Knex } from 'knex';

import { createFence, fenced } from '../../../src/sdk/fence';
import { inKnexTransaction, knexExecutor } from '../../../src/sdk/fence/knex';
import { createParticipant, Refused, type Participant } from '../../../src/sdk/participant';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { branchCall, Caller } from '../../unit/sdk/participant/caller';
import { deadAddress } from '../../unit/sdk/participant/fake-registry';
import { knexOnSqlite } from './knex-sqlite';

interface Deduct {
  readonly sku: string;
  readonly quantity: number;
}

describe.each(sqlDatabases())('a fenced participant on $name', ({ name, create }) => {
  let database: TestDatabase;
  let db: Knex;
  let participant: Participant;
  let caller: Caller;
  const fence = createFence({ dialect: name });

  beforeAll(async () => {
    database = await create();
    db =
      name === 'sqlite'
        ? knexOnSqlite(database.url.slice('sqlite:'.length))
        : knex({ client: 'mysql2', connection: database.url });
    await fence.createTable(knexExecutor(db));
    await db.schema.createTable('stock', (table) => {
      table.string('sku', 20).primary();
      table.integer('available').notNullable();
      table.integer('frozen').notNullable();
    });
    await db('stock').insert({ sku: 'A', available: 3, frozen: 0 });
    participant = createParticipant({ name: 'inventory', coordinators: [await deadAddress()], attach: false });
    participant.action(
      'deduct',
      fenced(fence, inKnexTransaction(db), {
        try: async (call, trx) => {
          const { sku, quantity } = call.payload<Deduct>();
          const freeze = { available: trx.raw('available - ?', quantity), frozen: trx.raw('frozen + ?', quantity) };
          const frozen = await trx('stock').where({ sku }).andWhere('available', '>=', quantity).update(freeze);
          if (frozen === 0) throw new Refused('no stock');
          return { frozen: quantity };
        },
        confirm: async (call, trx) => {
          const { sku, quantity } = call.payload<Deduct>();
          await trx('stock').where({ sku }).decrement('frozen', quantity);
        },
        cancel: async (call, trx) => {
          const { sku, quantity } = call.payload<Deduct>();
          await trx('stock').where({ sku }).decrement('frozen', quantity).increment('available', quantity);
        },
      }),
    );
    // The same without the helper: the fence joins a transaction that the handler has opened itself.
    participant.action('count', {
      try: (call) =>
        db.transaction((trx) => fence.run(knexExecutor(trx), call, async () => (await trx('stock')).length)),
      confirm: () => undefined,
      cancel: () => undefined,
    });
    await participant.start();
    caller = new Caller(participant.address);
  });

  afterAll(async () => {
    caller.close();
    await participant.stop();
    await db.destroy();
    await database.drop();
  });

  const stock = async () => (await db('stock').first('available', 'frozen')) as unknown;

  test('tries, confirms and cancels, and says what the fence found', async () => {
    const two = branchCall({ sku: 'A', quantity: 2 });
    const first = await caller.call('try', two);
    expect(first).toMatchObject({ status: 'OK', reply: { fence: 'FENCE_OUTCOME_FRESH' } });
    const repeat = await caller.call('try', two);
    expect(repeat.reply).toEqual({ ...first.reply, fence: 'FENCE_OUTCOME_REPEAT' });
    expect(await stock()).toEqual({ available: 1, frozen: 2 });
    expect(await caller.call('confirm', two)).toMatchObject({ reply: { fence: 'FENCE_OUTCOME_FRESH' } });
    expect(await stock()).toEqual({ available: 1, frozen: 0 });
    expect(await caller.call('cancel', two)).toMatchObject({ status: 'FAILED_PRECONDITION' });
  });

  test('a refused Try, its Cancel, and the Try again', async () => {
    const much = branchCall({ sku: 'A', quantity: 100 }, { gid: 'order-2' });
    expect(await caller.call('try', much)).toMatchObject({ status: 'ABORTED', message: 'no stock' });
    expect(await caller.call('cancel', much)).toMatchObject({ reply: { fence: 'FENCE_OUTCOME_EMPTY_ROLLBACK' } });
    expect(await caller.call('try', much)).toMatchObject({ status: 'ABORTED', fence: 'HANGING_REFUSED' });
    expect(await stock()).toEqual({ available: 1, frozen: 0 });
  });

  test('a Confirm without a Try is refused', async () => {
    const one = branchCall({ sku: 'A', quantity: 1 }, { gid: 'order-3' });
    expect(await caller.call('confirm', one)).toMatchObject({ status: 'FAILED_PRECONDITION' });
  });

  test('the fence joins a transaction that the handler opened', async () => {
    const count = branchCall(null, { gid: 'order-4', action: 'count' });
    expect((await caller.call('try', count)).reply?.payload?.data.toString()).toBe('1');
  });
});
