import { DatabaseSync } from '@photostructure/sqlite';
import knex, { type Knex } from 'knex';
import { createPool, type PoolConnection } from 'mysql2/promise';
import { Pool, type PoolClient } from 'pg';

import { createFence, fenced, type FenceCall, type FenceDialect, type LocalTransaction } from '../../../src/sdk/fence';
import { inKnexTransaction, knexExecutor } from '../../../src/sdk/fence/knex';
import { inMysql2Transaction, mysql2Executor } from '../../../src/sdk/fence/mysql2';
import { inPgTransaction, pgExecutor } from '../../../src/sdk/fence/pg';
import { inSqliteTransaction, sqliteExecutor } from '../../../src/sdk/fence/sqlite';
import { postgresDatabases, sqlDatabases, type TestDatabase } from '../../support/databases';

const insert = "INSERT INTO bookings VALUES ('A')";
const createBookings = 'CREATE TABLE bookings (sku VARCHAR(20) NOT NULL)';

const call = (phase: FenceCall['phase'], gid = 'order-1'): FenceCall => ({ gid, branchId: 'b', phase });

async function fresh(name: 'sqlite' | 'mysql'): Promise<TestDatabase> {
  const database = await sqlDatabases()
    .find((kind) => kind.name === name)
    ?.create();
  if (database === undefined) throw new Error(`no ${name}`);
  return database;
}

/** The action as a participant would write it, with the driver's own transaction object. */
async function book<Transaction>(
  dialect: FenceDialect,
  begin: LocalTransaction<Transaction>,
  business: (transaction: Transaction) => unknown,
  count: () => Promise<number>,
): Promise<void> {
  const fence = createFence({ dialect });
  const handled: string[] = [];
  let fail = true;
  const action = fenced(fence, begin, {
    try: async ({ gid }: FenceCall, transaction) => {
      await business(transaction);
      if (fail) throw new Error('lost');
      return { booked: gid };
    },
    confirm: ({ phase }, _, outcome) => handled.push(phase, outcome),
    cancel: ({ phase }) => handled.push(phase),
  });
  await expect(action.try(call('try'))).rejects.toThrow('lost');
  expect(await count()).toBe(0);
  fail = false;
  expect((await action.try(call('try'))).reply?.booked).toBe('order-1');
  expect(await action.try(call('try'))).toMatchObject({ fence: 'REPEAT', reply: { booked: 'order-1' } });
  expect(await count()).toBe(1);
  expect(await action.confirm(call('confirm'))).toMatchObject({ fence: 'FRESH' });
  expect(await action.cancel(call('cancel', 'order-2'))).toMatchObject({ fence: 'EMPTY_ROLLBACK' });
  expect(handled).toEqual(['confirm', 'FRESH']);
}

test('mysql2: a pool, and one connection with a transaction of the user', async () => {
  const database = await fresh('mysql');
  const pool = createPool(database.url);
  try {
    await createFence({ dialect: 'mysql' }).createTable(mysql2Executor(await lent(pool)));
    await pool.query(createBookings);
    const count = async () => ((await pool.query('SELECT * FROM bookings')) as unknown as [unknown[]])[0].length;
    await book('mysql', inMysql2Transaction(pool), (connection: PoolConnection) => connection.execute(insert), count);
  } finally {
    await pool.end();
    await database.drop();
  }

  async function lent(from: typeof pool): Promise<PoolConnection> {
    const connection = await from.getConnection();
    connection.release();
    return connection;
  }
});

test('mysql2: a connection that was cut is not given back to the pool', async () => {
  const database = await fresh('mysql');
  const pool = createPool({ uri: database.url, connectionLimit: 1 });
  try {
    const begin = inMysql2Transaction(pool);
    await expect(
      begin(async (connection) => {
        await connection.query(`KILL ${connection.threadId}`).catch(() => undefined);
        await connection.query('SELECT 1');
      }),
    ).rejects.toThrow();
    expect(await begin((_, executor) => executor.execute('SELECT 1 AS one', []))).toMatchObject({ rows: [{ one: 1 }] });
  } finally {
    await pool.end();
    await database.drop();
  }
});

test('knex on MySQL: the transaction is knex’s own', async () => {
  const database = await fresh('mysql');
  const db = knex({ client: 'mysql2', connection: database.url });
  try {
    await createFence({ dialect: 'mysql' }).createTable(knexExecutor(db));
    await db.raw(createBookings);
    const business = (trx: Knex.Transaction) => trx('bookings').insert({ sku: 'A' });
    await book('mysql', inKnexTransaction(db), business, async () => (await db('bookings')).length);
  } finally {
    await db.destroy();
    await database.drop();
  }
});

test('sqlite: one connection, one transaction at a time', async () => {
  const database = await fresh('sqlite');
  const db = new DatabaseSync(database.url.slice('sqlite:'.length));
  try {
    await createFence({ dialect: 'sqlite' }).createTable(sqliteExecutor(db));
    db.exec(createBookings);
    const begin = inSqliteTransaction(db);
    const count = () => Promise.resolve(db.prepare('SELECT * FROM bookings').all().length);
    await book(
      'sqlite',
      begin,
      (open) => {
        open.exec(insert);
      },
      count,
    );
    const order: string[] = [];
    const step = (name: string) =>
      begin(async () => {
        order.push(`${name} begins`);
        await Promise.resolve();
        order.push(`${name} ends`);
      });
    await Promise.all([step('a'), step('b')]);
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  } finally {
    db.close();
    await database.drop();
  }
});

// PostgreSQL is there only where the environment names one, and `describe.each` takes no empty table.
for (const databases of postgresDatabases()) {
  describe(databases.name, () => {
    test('pg: a pool', async () => {
      const database = await databases.create();
      const pool = new Pool({ connectionString: database.url });
      pool.on('error', () => undefined);
      try {
        const client = await pool.connect();
        await createFence({ dialect: 'postgres' }).createTable(pgExecutor(client));
        await client.query(createBookings);
        client.release();
        const count = async () => (await pool.query('SELECT * FROM bookings')).rows.length;
        await book('postgres', inPgTransaction<PoolClient>(pool), (open) => open.query(insert), count);
      } finally {
        await pool.end();
        await database.drop();
      }
    });

    test('a statement that failed and was caught does not pass for a commit', async () => {
      const database = await databases.create();
      const pool = new Pool({ connectionString: database.url, max: 1 });
      const db = knex({ client: 'pg', connection: database.url });
      pool.on('error', () => undefined);
      try {
        const fence = createFence({ dialect: 'postgres' });
        await fence.createTable(knexExecutor(db));
        const swallow = (statement: Promise<unknown>) => statement.catch(() => undefined);
        await expect(inPgTransaction(pool)((client) => swallow(client.query('SELECT 1/0')))).rejects.toThrow();
        await expect(
          inKnexTransaction(db)((trx: Knex.Transaction, executor) =>
            fence.run(executor, call('try'), () => swallow(trx.raw('SELECT 1/0').then(() => undefined))),
          ),
        ).rejects.toThrow('aborted');
        expect((await pool.query('SELECT * FROM tcc_fence')).rows).toEqual([]);
      } finally {
        await pool.end();
        await db.destroy();
        await database.drop();
      }
    });
  });
}
