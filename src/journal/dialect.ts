import type { FaultKind } from './database';

/**
 * What differs between the MySQL family and SQLite. Statements are written once, and take these pieces where they must.
 */
export interface Dialect {
  readonly name: 'mysql' | 'sqlite';
  /** The database's clock in epoch ms, constant within a statement. */
  readonly now: string;
  /** The same, and the statement's Written.stampMs tells it: an exact time without another round trip. */
  readonly stamp: string;
  /** The time that the last statement with a `stamp` wrote over this connection; 0 when it touched no row. */
  readonly stamped: string;
  /**
   * Ends a SELECT that locks its rows until the transaction ends, and so waits for a session that is still committing: a plain
   * read would miss what that one writes. SQLite's transactions lock the whole file already. (TiDB knows no shared locks.)
   */
  readonly forUpdate: string;
}

/**
 * NOW(3) is constant within a statement, and with the session's time zone at +00:00 it is never ambiguous. The value of
 * LAST_INSERT_ID(expression) comes back in the OK packet of INSERT and UPDATE alike (seen on MariaDB 10.11 and MySQL 9.7).
 */
const MYSQL_NOW = 'CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)';

export const mysqlDialect: Dialect = {
  name: 'mysql',
  now: MYSQL_NOW,
  stamp: `LAST_INSERT_ID(${MYSQL_NOW})`,
  stamped: 'LAST_INSERT_ID()',
  forUpdate: ' FOR UPDATE',
};

/** `:now` is bound by the driver to the clock that it read, through SQL, once at the start of the transaction. */
export const sqliteDialect: Dialect = {
  name: 'sqlite',
  now: ':now',
  stamp: ':now',
  stamped: ':now',
  forUpdate: '',
};

/** Deadlock, lock wait timeout, changed since read (MariaDB), certification failure at commit (Galera, Group Replication). */
const MYSQL_CONTENTION = new Set([1205, 1213, 1020, 3101, 3572]);

/**
 * The server cannot serve this now, though another one, or this one later, can: too many connections (1040, 1203, 1226),
 * shutting down (1053, 3032, 3168), killed (1317, 1927), read-only (1290, 1792, 1836, 1874), not in its cluster (1047, 3100),
 * or not heard by it (3796, 3797, 3798, 3799: a read that was to wait for the group), full (1021, 1114),
 * out of time (1969, 3024), idle too long (4031), and every refusal to let us in (1044, 1045, 1049, 1129, 1130, 1251).
 */
const MYSQL_UNREACHABLE = new Set([
  1021, 1040, 1044, 1045, 1047, 1049, 1053, 1114, 1129, 1130, 1203, 1226, 1251, 1290, 1317, 1792, 1836, 1874, 1927,
  1969, 3024, 3032, 3100, 3168, 3796, 3797, 3798, 3799, 4031,
]);

/** Whether an error of mysql2 is the server's own word; any other is the connection's, and tells nothing of the server. */
export function isServersWord(error: unknown): boolean {
  const { errno, sqlState } = error as { errno?: unknown; sqlState?: unknown };
  return typeof errno === 'number' && typeof sqlState === 'string';
}

/** What an error of mysql2 means. */
export function mysqlFault(error: unknown): FaultKind {
  if (!isServersWord(error)) return 'unreachable';
  const { errno } = error as { errno: number };
  if (errno === 1062) return 'duplicate';
  if (MYSQL_CONTENTION.has(errno)) return 'contention';
  return MYSQL_UNREACHABLE.has(errno) ? 'unreachable' : 'rejected';
}

/** SQLite's primary result codes: BUSY and LOCKED wait; IOERR, FULL, READONLY, CANTOPEN are the disk's. */
const SQLITE_CONTENTION = new Set([5, 6]);
const SQLITE_UNREACHABLE = new Set([8, 10, 13, 14]);
const SQLITE_UNIQUE = new Set([1555, 2067]);

/** What an error of DatabaseSync means. */
export function sqliteFault(error: unknown): FaultKind {
  const { errcode } = error as { errcode?: unknown };
  if (typeof errcode !== 'number') return 'rejected';
  if (SQLITE_UNIQUE.has(errcode)) return 'duplicate';
  const primary = errcode & 0xff;
  if (SQLITE_CONTENTION.has(primary)) return 'contention';
  return SQLITE_UNREACHABLE.has(primary) ? 'unreachable' : 'rejected';
}
