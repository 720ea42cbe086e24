import { DatabaseSync } from '@photostructure/sqlite';
import knex from 'knex';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';

import { createFence, type Fence, type FenceDialect, type FenceExecutor } from '../../../src/sdk/fence';
import { inKnexTransaction, knexExecutor, type KnexIsolation } from '../../../src/sdk/fence/knex';
import { inMysql2Transaction } from '../../../src/sdk/fence/mysql2';
import { inPgTransaction } from '../../../src/sdk/fence/pg';
import { inSqliteTransaction, sqliteExecutor } from '../../../src/sdk/fence/sqlite';
import { postgresDatabases, sqlDatabases, type TestDatabase } from '../../support/databases';
import { knexOnSqlite } from './knex-sqlite';

export type Isolation = Extract<KnexIsolation, 'read committed' | 'repeatable read'>;

/** A local transaction through one adapter; the driver's own object is the adapter's matter. */
export type Begin = <Result>(work: (executor: FenceExecutor) => Promise<Result>) => Promise<Result>;

/** One adapter on one open database. */
export interface OpenTarget {
  readonly begin: Begin;
  /** Runs statements by themselves, outside of a local transaction. */
  readonly direct: FenceExecutor;
  close(): Promise<void>;
}

export interface Target {
  readonly name: string;
  readonly dialect: FenceDialect;
  /** Opens up to `connections` connections, each with this isolation level where the database has levels. */
  open(url: string, options?: OpenOptions): OpenTarget;
  /** Makes an empty database. */
  create(): Promise<TestDatabase>;
}

interface OpenOptions {
  readonly isolation?: Isolation;
  readonly connections?: number;
}

function database(name: 'sqlite' | 'mysql'): () => Promise<TestDatabase> {
  return () => {
    const kind = sqlDatabases().find((databases) => databases.name === name);
    if (kind === undefined) throw new Error(`no ${name} in sqlDatabases()`);
    return kind.create();
  };
}

function mysqlPool(url: string, flags: string[], { isolation, connections = 8 }: OpenOptions): OpenTarget {
  const pool = createPool({ uri: url, flags, connectionLimit: connections });
  if (isolation !== undefined) {
    pool.pool.on('connection', (connection) => {
      connection.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${isolation}`);
    });
  }
  const begin = inMysql2Transaction(pool);
  return {
    begin: (work) => begin((_, executor) => work(executor)),
    direct: { execute: (sql, parameters) => begin((_, executor) => executor.execute(sql, parameters)) },
    close: () => pool.end(),
  };
}

function knexPool(client: 'mysql2' | 'pg', url: string, { isolation, connections = 8 }: OpenOptions): OpenTarget {
  const database = knex({ client, connection: url, pool: { min: 0, max: connections } });
  const begin = inKnexTransaction(database, isolation === undefined ? {} : { isolationLevel: isolation });
  return {
    begin: (work) => begin((_, executor) => work(executor)),
    direct: knexExecutor(database),
    close: () => database.destroy(),
  };
}

const mysqlTargets: Target[] = [
  {
    name: 'mysql through mysql2',
    dialect: 'mysql',
    create: database('mysql'),
    open: (url, options = {}) => mysqlPool(url, [], options),
  },
  {
    name: 'mysql through mysql2 without FOUND_ROWS',
    dialect: 'mysql',
    create: database('mysql'),
    open: (url, options = {}) => mysqlPool(url, ['-FOUND_ROWS'], options),
  },
  {
    name: 'mysql through knex',
    dialect: 'mysql',
    create: database('mysql'),
    open: (url, options = {}) => knexPool('mysql2', url, options),
  },
];

const postgresTargets: Target[] = postgresDatabases().flatMap(({ create }) => [
  {
    name: 'postgres through pg',
    dialect: 'postgres' as const,
    create,
    open: (url: string, { isolation, connections = 8 }: OpenOptions = {}) => {
      const level = (isolation ?? 'read committed').replace(' ', '\\ ');
      const pool = new Pool({
        connectionString: url,
        max: connections,
        options: `-c default_transaction_isolation=${level}`,
      });
      // Dropping the database cuts connections whose goodbye is still on its way.
      pool.on('error', () => undefined);
      const begin = inPgTransaction(pool);
      return {
        begin: <Result>(work: (executor: FenceExecutor) => Promise<Result>) => begin((_, executor) => work(executor)),
        direct: {
          execute: (sql: string, parameters: Parameters<FenceExecutor['execute']>[1]) =>
            begin((_, executor) => executor.execute(sql, parameters)),
        },
        close: () => pool.end(),
      };
    },
  },
  {
    name: 'postgres through knex',
    dialect: 'postgres' as const,
    create,
    open: (url: string, options?: OpenOptions) => knexPool('pg', url, options ?? {}),
  },
]);

const sqliteTargets: Target[] = [
  {
    name: 'sqlite',
    dialect: 'sqlite',
    create: database('sqlite'),
    open: (url) => {
      const db = new DatabaseSync(url.slice('sqlite:'.length), { timeout: 5_000 });
      const begin = inSqliteTransaction(db);
      return {
        begin: (work) => begin((_, executor) => work(executor)),
        direct: sqliteExecutor(db),
        close: () => {
          db.close();
          return Promise.resolve();
        },
      };
    },
  },
  {
    name: 'sqlite through knex',
    dialect: 'sqlite',
    create: database('sqlite'),
    open: (url) => {
      const database = knexOnSqlite(url.slice('sqlite:'.length));
      const begin = inKnexTransaction(database);
      return {
        begin: (work) => begin((_, executor) => work(executor)),
        direct: knexExecutor(database),
        close: () => database.destroy(),
      };
    },
  },
];

/** Every adapter on every database that is there. */
export const targets: readonly Target[] = [...sqliteTargets, ...mysqlTargets, ...postgresTargets];

/** The ones whose transactions run side by side. */
export const serverTargets: readonly Target[] = [...mysqlTargets, ...postgresTargets];

/** A fence on a fresh table, and a business table with one row. */
export async function prepare(target: Target, direct: FenceExecutor): Promise<Fence> {
  const fence = createFence({ dialect: target.dialect });
  await fence.createTable(direct);
  await direct.execute(
    'CREATE TABLE stock (sku VARCHAR(20) NOT NULL PRIMARY KEY, available INT NOT NULL, frozen INT NOT NULL)',
    [],
  );
  await direct.execute("INSERT INTO stock VALUES ('A', 10, 0)", []);
  return fence;
}
