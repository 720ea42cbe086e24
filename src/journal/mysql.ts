import { createPool, type Pool, type PoolConnection, type PoolOptions, type ResultSetHeader } from 'mysql2';

import {
  DatabaseFault,
  isFault,
  type Connection,
  type Database,
  type Row,
  type SqlValue,
  type Written,
} from './database';
import type { MysqlAddress, Tls } from './database-url';
import { mysqlDialect, mysqlFault } from './dialect';
import { withValues } from './mysql-literals';

export interface MysqlOptions {
  /** Connections at most. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** For each statement; a connection whose statement took longer is destroyed, because its answer may still come. */
  readonly queryTimeoutMs: number;
}

/**
 * Callers that wait for a connection at most; above it they are refused as unreachable. Far above what the batcher's lanes
 * and the limited number of open requests can ask for: revise when `JOURNAL_UNAVAILABLE` shows with a healthy database.
 */
const WAITING_FOR_CONNECTION = 10_000;

/** A dead peer that never says goodbye is found after so long. */
const KEEPALIVE_AFTER_MS = 10_000;

/** How long a statement waits for a row lock before the transaction is rolled back and run again. */
const LOCK_WAIT_SECONDS = 3;

/**
 * A session from which the server hears nothing for so long is closed by the server, and what it had begun is rolled back: a
 * coordinator that stands still or is cut off in the middle of a commit must not keep row locks from the others (I11). Well above
 * any pause between two statements of a batch; an idle connection that is closed for it is made anew in milliseconds.
 */
const SILENCE_SECONDS = 5;

/**
 * What every statement relies on: READ COMMITTED (compare-and-set sees the last commit), strictness (nothing is truncated),
 * and a time zone in which the clock has no ambiguous hour.
 */
const SESSION = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, wait_timeout = ${SILENCE_SECONDS}, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
];

/** A command byte and its header. */
const PACKET_OVERHEAD = 64;

/** MySQL, MariaDB and what speaks their protocol, through mysql2's pool. */
export class MysqlDatabase implements Database {
  readonly dialect = mysqlDialect;
  readonly label: string;
  private readonly pool: Pool;
  /** What `prepare` found, for the connections that are set up. */
  private readonly longest = new WeakMap<PoolConnection, number>();
  private readonly queryTimeoutMs: number;

  constructor(address: MysqlAddress, options: MysqlOptions) {
    this.label = `${address.host}:${address.port}/${address.database}`;
    this.queryTimeoutMs = options.queryTimeoutMs;
    this.pool = createPool(poolOptions(address, options));
  }

  async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.lend(async (lent) => {
      await lent.send('BEGIN');
      try {
        const result = await work(lent);
        await lent.commit();
        return result;
      } catch (error) {
        await lent.rollback();
        throw error;
      }
    });
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
      this.longest.set(connection, await lent.prepare());
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

/** A connection of the pool while somebody uses it. It turns every failure into a DatabaseFault. */
class LentConnection implements Connection {
  /** False once a statement was cut off: its answer may still come, and would be taken for another one's. */
  isUsable = true;
  private readonly connection: PoolConnection;
  private readonly timeoutMs: number;
  private longest: number | undefined;

  /** `longest`: see `prepare`; undefined for a connection that was never used. */
  constructor(connection: PoolConnection, timeoutMs: number, longest: number | undefined) {
    this.connection = connection;
    this.timeoutMs = timeoutMs;
    this.longest = longest;
  }

  /** Sets the session up when it is new. Returns how many bytes a statement may have: the server hangs up on a longer one. */
  async prepare(): Promise<number> {
    if (this.longest !== undefined) return this.longest;
    for (const setting of SESSION) await this.send(setting);
    const [row] = await this.read('SELECT @@max_allowed_packet AS bytes');
    this.longest = Number(row?.['bytes']) - PACKET_OVERHEAD;
    return this.longest;
  }

  async read(sql: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
    return (await this.send(withValues(sql, values))) as readonly Row[];
  }

  async write(sql: string, values: readonly SqlValue[] = []): Promise<Written> {
    const header = (await this.send(withValues(sql, values))) as ResultSetHeader;
    return { rows: header.affectedRows, stampMs: header.insertId };
  }

  /** Any failure but a certain roll-back leaves the outcome unknown (I9). */
  async commit(): Promise<void> {
    try {
      await this.send('COMMIT');
    } catch (error) {
      if (isFault(error, 'contention')) throw error;
      this.isUsable = false;
      throw new DatabaseFault('unknown', 'the reply to COMMIT was lost', error);
    }
  }

  /** A connection that cannot roll back is closed, and then the server rolls back by itself. */
  async rollback(): Promise<void> {
    if (!this.isUsable) return;
    await this.send('ROLLBACK').catch(() => {
      this.isUsable = false;
    });
  }

  /** The text of a statement is plain ASCII (see withValues), so that its length is its bytes. */
  async send(sql: string): Promise<unknown> {
    if (this.longest !== undefined && sql.length > this.longest) {
      throw new DatabaseFault(
        'rejected',
        `a statement of ${sql.length} bytes is above the server's max_allowed_packet`,
      );
    }
    try {
      return await query(this.connection, sql, this.timeoutMs);
    } catch (error) {
      if (isFault(error, 'unreachable')) this.isUsable = false;
      throw error;
    }
  }
}

function asUnknown(error: unknown): never {
  if (isFault(error, 'unreachable')) throw new DatabaseFault('unknown', error.message, error.cause);
  throw error;
}

function query(connection: PoolConnection, sql: string, timeout: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    connection.query({ sql, timeout }, (error, result) => {
      if (error === null) {
        resolve(result);
        return;
      }
      // The statement's text holds payloads, and errors end up in logs.
      delete (error as { sql?: string }).sql;
      reject(new DatabaseFault(mysqlFault(error), error.message, error));
    });
  });
}

function poolOptions(address: MysqlAddress, options: MysqlOptions): PoolOptions {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    ...(address.tls === undefined ? {} : { ssl: sslOptions(address.tls) }),
    charset: 'utf8mb4_bin',
    // With FOUND_ROWS an UPDATE counts the rows that met its conditions, changed or not: exactly what a compare-and-set asks.
    // The statements come with their values in them; the driver would read every one to its end in search of placeholders.
    queryFormat: (sql: string) => sql,
    flags: ['+FOUND_ROWS', '-LOCAL_FILES'],
    multipleStatements: false,
    connectionLimit: options.connections,
    maxIdle: options.connections,
    queueLimit: WAITING_FOR_CONNECTION,
    connectTimeout: options.connectTimeoutMs,
    enableKeepAlive: true,
    keepAliveInitialDelay: KEEPALIVE_AFTER_MS,
  };
}

function sslOptions(tls: Tls): NonNullable<PoolOptions['ssl']> & object {
  return {
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
    rejectUnauthorized: tls.rejectUnauthorized,
    verifyIdentity: tls.verifyIdentity,
  };
}
