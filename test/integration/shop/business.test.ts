import type { Knex } from 'knex';
import { readLedger, type Ledger } from '../../../samples/shop/books/ledger';
import type { ShopDatabases } from '../../../samples/shop/books/shop-databases';
import { openDatabase } from '../../../samples/shop/database/open';
import { createStockTables, giveBack, receiveGoods, reserve, sell } from '../../../samples/shop/inventory/stock';
import { createOrderTable, settle, strikeOut, writeDown } from '../../../samples/shop/orders/orders';
import { createAccountTables, hold, letGo, openAccounts, pay } from '../../../samples/shop/payments/accounts';
import { sqlDatabases, type TestDatabase } from '../../support/databases';

const branch = (gid: string) => ({ gid, branchId: 'b-1' });

describe.each(sqlDatabases())('the shop on $name', (databases) => {
  let database: TestDatabase;
  let db: Knex;

  beforeAll(async () => {
    database = await databases.create();
    const opened = openDatabase(database.url);
    db = opened.db;
    // Twice: a restart finds its tables and rows as they are.
    for (let start = 1; start <= 2; start += 1) {
      await createStockTables(db, opened.dialect);
      await createOrderTable(db, opened.dialect);
      await createAccountTables(db, opened.dialect);
    }
  });

  beforeEach(async () => {
    for (const table of ['items', 'reservations', 'accounts', 'holds', 'orders']) await db(table).delete();
    for (let start = 1; start <= 2; start += 1) {
      await receiveGoods(db, { lamp: 3 });
      await openAccounts(db, { ada: 5000 });
    }
  });

  afterAll(async () => {
    await db.destroy();
    await database.drop();
  });

  const inTransaction = (work: (trx: Knex) => Promise<void>) => db.transaction(work);
  const pots = async () => {
    const shop: ShopDatabases = { inventory: db, orders: db, payments: db };
    const { pots: found }: Ledger = await readLedger(shop);
    return Object.fromEntries(
      found.map(({ name, available, frozen, gone, open }) => [name, [available, frozen, gone, open]]),
    );
  };

  test('a reservation freezes pieces, and a sale takes them out of the house', async () => {
    await inTransaction((trx) => reserve(trx, branch('g-1'), { sku: 'lamp', quantity: 2 }));
    expect(await pots()).toMatchObject({ lamp: [1, 2, 0, 2] });
    await inTransaction((trx) => sell(trx, branch('g-1')));
    expect(await pots()).toMatchObject({ lamp: [1, 0, 2, 0] });
  });

  test('what is given back is available again', async () => {
    await inTransaction((trx) => reserve(trx, branch('g-1'), { sku: 'lamp', quantity: 2 }));
    await inTransaction((trx) => giveBack(trx, branch('g-1')));
    expect(await pots()).toMatchObject({ lamp: [3, 0, 0, 0] });
  });

  test('more than is there is refused in words, and leaves nothing', async () => {
    await expect(inTransaction((trx) => reserve(trx, branch('g-1'), { sku: 'lamp', quantity: 4 }))).rejects.toThrow(
      'no stock: 4 lamp wanted, 3 left',
    );
    await expect(inTransaction((trx) => reserve(trx, branch('g-1'), { sku: 'Lamp', quantity: 1 }))).rejects.toThrow(
      'no such item: Lamp',
    );
    await expect(inTransaction((trx) => reserve(trx, branch('g-1'), { sku: 'lamp', quantity: -1 }))).rejects.toThrow(
      'positive whole number',
    );
    expect(await pots()).toMatchObject({ lamp: [3, 0, 0, 0] });
  });

  test('of ten who want the last three pieces at once, three get one', async () => {
    const tries = Array.from({ length: 10 }, (_, index) =>
      inTransaction((trx) => reserve(trx, branch(`g-${index}`), { sku: 'lamp', quantity: 1 })),
    );
    const results = await Promise.allSettled(tries);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(await pots()).toMatchObject({ lamp: [0, 3, 0, 3] });
  });

  test('money is held, then paid, or let go', async () => {
    await inTransaction((trx) => hold(trx, branch('g-1'), { buyer: 'ada', amount: 2000 }));
    await inTransaction((trx) => hold(trx, branch('g-2'), { buyer: 'ada', amount: 3000 }));
    expect(await pots()).toMatchObject({ ada: [0, 5000, 0, 5000] });
    await inTransaction((trx) => pay(trx, branch('g-1')));
    await inTransaction((trx) => letGo(trx, branch('g-2')));
    expect(await pots()).toMatchObject({ ada: [3000, 0, 2000, 0] });
  });

  test('more money than is there is refused in words', async () => {
    await expect(inTransaction((trx) => hold(trx, branch('g-1'), { buyer: 'ada', amount: 5001 }))).rejects.toThrow(
      'not enough money: 50.01 wanted, 50.00 left',
    );
    await expect(inTransaction((trx) => hold(trx, branch('g-1'), { buyer: 'eve', amount: 1 }))).rejects.toThrow(
      'no such account: eve',
    );
    await expect(inTransaction((trx) => hold(trx, branch('g-1'), { buyer: 'ada', amount: 0.5 }))).rejects.toThrow(
      'positive number of cents',
    );
    expect(await pots()).toMatchObject({ ada: [5000, 0, 0, 0] });
  });

  test('the database itself refuses negative stock and money', async () => {
    await expect(db('items').update({ available: -1 })).rejects.toThrow();
    await expect(db('accounts').update({ balance: -1 })).rejects.toThrow();
  });

  test('an order is pending, then confirmed or struck out', async () => {
    const purchase = { buyer: 'ada', sku: 'lamp', quantity: 1, amount: 1999 };
    await inTransaction((trx) => writeDown(trx, 'o-1', purchase));
    await inTransaction((trx) => writeDown(trx, 'o-2', purchase));
    expect(await db('orders').pluck('status')).toEqual(['PENDING', 'PENDING']);
    await inTransaction((trx) => settle(trx, 'o-1'));
    await inTransaction((trx) => strikeOut(trx, 'o-2'));
    expect(await db('orders').orderBy('order_id').pluck('status')).toEqual(['CONFIRMED', 'CANCELLED']);
  });
});

test('a database URL of another kind is refused', () => {
  expect(() => openDatabase('postgres://localhost')).toThrow(/sqlite: or mysql:/);
});
