import type { Knex } from 'knex';
import { createFence, fenced } from 'tcc-coordinator/fence';
import { inKnexTransaction, knexExecutor } from 'tcc-coordinator/fence/knex';
import type { BranchCall, Phase } from 'tcc-coordinator/participant';
import { openDatabase } from '../../../samples/shop/database/open';
import { createStockTables, giveBack, receiveGoods, reserve, sell } from '../../../samples/shop/inventory/stock';
import { sqlDatabases, type TestDatabase } from '../../support/databases';

const picking = { sku: 'lamp', quantity: 2 };

describe.each(sqlDatabases())('the inventory behind its fence on $name', (databases) => {
  let database: TestDatabase;
  let db: Knex;
  let dialect: 'mysql' | 'sqlite';

  beforeAll(async () => {
    database = await databases.create();
    ({ db, dialect } = openDatabase(database.url));
    await createStockTables(db, dialect);
    await createFence({ dialect }).createTable(knexExecutor(db));
  });

  beforeEach(async () => {
    for (const table of ['items', 'reservations', 'tcc_fence']) await db(table).delete();
    await receiveGoods(db, { lamp: 10 });
  });

  afterAll(async () => {
    await db.destroy();
    await database.drop();
  });

  const deduct = () =>
    fenced(createFence({ dialect }), inKnexTransaction(db), {
      try: (call, trx) => reserve(trx, call, picking),
      confirm: (call, trx) => sell(trx, call),
      cancel: (call, trx) => giveBack(trx, call),
    });
  // The fence reads the key and the phase only.
  const call = (phase: Phase) => ({ gid: 'g-1', branchId: 'b-1', phase }) as unknown as BranchCall;
  const lamps = () => db('items').where({ sku: 'lamp' }).first('available', 'frozen');

  test('a Try that comes five times at once reserves once', async () => {
    const action = deduct();
    await Promise.all(Array.from({ length: 5 }, () => action.try(call('try'))));
    expect(await lamps()).toEqual({ available: 8, frozen: 2 });
  });

  test('a Confirm that comes twice sells once', async () => {
    const action = deduct();
    await action.try(call('try'));
    expect(await action.confirm(call('confirm'))).toMatchObject({ fence: 'FRESH' });
    expect(await action.confirm(call('confirm'))).toMatchObject({ fence: 'REPEAT' });
    expect(await lamps()).toEqual({ available: 8, frozen: 0 });
  });

  test('a Cancel without a Try gives nothing back, and the Try that comes after it is refused', async () => {
    const action = deduct();
    expect(await action.cancel(call('cancel'))).toMatchObject({ fence: 'EMPTY_ROLLBACK' });
    await expect(action.try(call('try'))).rejects.toMatchObject({ fence: 'HANGING_REFUSED' });
    expect(await lamps()).toEqual({ available: 10, frozen: 0 });
  });

  test('a refused Try leaves nothing, and its Cancel is an empty rollback', async () => {
    const action = deduct();
    await db('items').update({ available: 1, received: 1 });
    await expect(action.try(call('try'))).rejects.toThrow('no stock');
    expect(await action.cancel(call('cancel'))).toMatchObject({ fence: 'EMPTY_ROLLBACK' });
    expect(await lamps()).toEqual({ available: 1, frozen: 0 });
  });
});
