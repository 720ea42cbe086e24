import { knex, type Knex } from 'knex';
import { SqliteClient } from './sqlite-client';

export type Dialect = 'mysql' | 'sqlite';

/** A service's own database. Nobody else writes to it. */
export interface ShopDatabase {
  readonly db: Knex;
  /** What the fence must speak. */
  readonly dialect: Dialect;
}

/**
 * Connections per service. Every Try of one hot item waits for the same row, so more of them only wait in the database
 * instead of here.
 */
const CONNECTIONS = 10;

/** How long a statement may wait for a row, in seconds: shorter than a coordinator's call. MySQL's own default is 50. */
const LOCK_WAIT_SECONDS = 3;

/** Opens `sqlite:PATH` or `mysql://user:password@host:port/database`. Throws on any other URL. */
export function openDatabase(url: string): ShopDatabase {
  if (url.startsWith('sqlite:')) return { db: openSqlite(url.slice('sqlite:'.length)), dialect: 'sqlite' };
  if (url.startsWith('mysql:') || url.startsWith('mariadb:')) return { db: openMysql(url), dialect: 'mysql' };
  throw new Error('the database URL must start with sqlite: or mysql:');
}

function openSqlite(path: string): Knex {
  // One file has one writer, so one connection: local transactions of this service run one after the other.
  return knex({
    client: SqliteClient,
    connection: { filename: path },
    useNullAsDefault: true,
    pool: { min: 1, max: 1 },
  });
}

function openMysql(url: string): Knex {
  return knex({
    client: 'mysql2',
    connection: url.replace(/^mariadb:/, 'mysql:'),
    pool: {
      min: 0,
      max: CONNECTIONS,
      afterCreate(connection: MysqlConnection, done: (error: Error | null, connection: MysqlConnection) => void) {
        connection.query(`SET SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`, (error) =>
          done(error, connection),
        );
      },
    },
  });
}

interface MysqlConnection {
  query(sql: string, done: (error: Error | null) => void): void;
}

/** What a CREATE TABLE ends with. MySQL's default collation takes 'Lamp' and 'lamp' for the same key; this one does not. */
export function tableOptions(dialect: Dialect): string {
  return dialect === 'mysql' ? ' DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin' : '';
}
