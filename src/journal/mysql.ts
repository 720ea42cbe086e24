import type { Socket } from 'node:net';

import { createPool, type Pool, type PoolConnection, type PoolOptions } from 'mysql2';

import { DatabaseFault, isFault, type Connection, type Database, type Sql, type Written } from './database';
import type { MysqlAddress } from './database-url';
import { mysqlDialect } from './dialect';
import { LentConnection, SESSION } from './mysql-connection';
import { KEEPALIVE_AFTER_MS, socketOptions } from './mysql-tls';

export interface MysqlOptions {
  /** Connections at most. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** For each statement; a connection whose statement took longer is destroyed, because its answer may still come. */
  readonly queryTimeoutMs: number;
  /** Statements that set up each new connection, after those that every connection gets. Default: none. */
  readonly session?: readonly string[];
  /** Opens the socket of a connection, for whoever must be able to cut it. Default: the driver does. */
  readonly openSocket?: () => Socket;
}

/**
 * Callers that wait for a connection at most; above it they are refused as unreachable. Far above what the batcher's lanes
 * and the limited number of open requests can ask for: revise when `JOURNAL_UNAVAILABLE` shows with a healthy database.
 */
const WAITING_FOR_CONNECTION = 10_000;

/** MySQL, MariaDB and what speaks their protocol, through mysql2's pool. */
export class MysqlDatabase implements Database {
  readonly dialect = mysqlDialect;
  readonly label: string;
  private readonly pool: Pool;
  /** What `prepare` found, for the connections that are set up. */
  private readonly longest = new WeakMap<PoolConnection, number>();
  private readonly queryTimeoutMs: number;
  private readonly settings: readonly string[];

  constructor(address: MysqlAddress, options: MysqlOptions) {
    this.label = `${address.host}:${address.port}/${address.database}`;
    this.queryTimeoutMs = options.queryTimeoutMs;
    this.settings = [...SESSION, ...(options.session ?? [])];
    this.pool = createPool(poolOptions(address, options));
  }

  async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.lend((lent) => lent.transaction(work));
  }

  async session<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.lend((lent) =>
      work({
        read: (sql, values) => lent.read(sql, values),
        // A write by itself is its own commit: when the connection breaks under it, nobody knows.
        write: (sql, values) => lent.write(sql, values).catch(asUnknown),
      }),
    );
  }

  async script(statements: readonly Sql[]): Promise<readonly Written[]> {
    const [first, ...others] = statements;
    if (first === undefined) return [];
    return this.lend(async (lent) => {
      if (others.length > 0) return lent.commitAll(statements);
      return [await lent.write(first.text, first.values).catch(asUnknown)];
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.pool.end(() => resolve());
    });
  }

  /** Lends a connection; one that is no longer usable is destroyed, not given back. */
  private async lend<T>(work: (lent: LentConnection) => Promise<T>): Promise<T> {
    const connection = await this.acquire();
    const lent = new LentConnection(connection, this.queryTimeoutMs, this.longest.get(connection));
    try {
      this.longest.set(connection, await lent.prepare(this.settings));
      return await work(lent);
    } finally {
      if (lent.isUsable) connection.release();
      else connection.destroy();
    }
  }

  private acquire(): Promise<PoolConnection> {
    return new Promise((resolve, reject) => {
      this.pool.getConnection((error, connection) => {
        if (error === null) resolve(connection);
        else reject(new DatabaseFault('unreachable', error.message, error));
      });
    });
  }
}

function asUnknown(error: unknown): never {
  if (isFault(error, 'unreachable')) throw new DatabaseFault('unknown', error.message, error.cause);
  throw error;
}

function poolOptions(address: MysqlAddress, options: MysqlOptions): PoolOptions {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    ...socketOptions(address, options.openSocket),
    charset: 'utf8mb4_bin',
    // With FOUND_ROWS an UPDATE counts the rows that met its conditions, changed or not: exactly what a compare-and-set asks.
    // The statements come with their values in them; the driver would read every one to its end in search of placeholders.
    queryFormat: (sql: string) => sql,
    flags: ['+FOUND_ROWS', '-LOCAL_FILES'],
    // A batch is sent whole (see `script`). No statement holds text that is not written in hexadecimal or known to be plain.
    multipleStatements: true,
    connectionLimit: options.connections,
    maxIdle: options.connections,
    queueLimit: WAITING_FOR_CONNECTION,
    connectTimeout: options.connectTimeoutMs,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_AFTER_MS,
  };
}
