import type { Dialect } from './dialect';

/**
 * The seam between the journal's SQL and a driver: as little as the statements need. Statements use `?` for values, and
 * the dialect's `now` and `stamp` for the database's clock.
 */
export interface Database {
  readonly dialect: Dialect;
  /** Where it is, for logs and errors: never with user or password. */
  readonly label: string;
  /** Runs `work` in one database transaction; commits when it resolves and rolls back when it rejects. */
  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Runs `work` on one connection, each statement by itself (autocommit). */
  session<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /**
   * Commits these writes as one transaction, in one round trip where the server can: for statements of which none depends on
   * what another one found. Resolves with what each wrote. A single one goes by itself, and is atomic all the same.
   */
  script(statements: readonly Sql[]): Promise<readonly Written[]>;
  /** Closes every connection. What still runs may fail. */
  close(): Promise<void>;
}

/** One connection, lent for the time of a `transaction` or `session`. Both methods reject with a DatabaseFault only. */
export interface Connection {
  read(sql: string, values?: readonly SqlValue[]): Promise<readonly Row[]>;
  write(sql: string, values?: readonly SqlValue[]): Promise<Written>;
}

/** A statement and its values. */
export interface Sql {
  readonly text: string;
  readonly values: readonly SqlValue[];
}

export type SqlValue = string | number | null | Uint8Array;

export type Row = Readonly<Record<string, SqlValue>>;

export interface Written {
  /** Rows that the WHERE clause matched, or that were inserted: also those that an UPDATE left as they were. */
  readonly rows: number;
  /** The database's clock in the statement, epoch ms; 0 unless the statement holds the dialect's `stamp` and touched a row. */
  readonly stampMs: number;
}

/**
 * What a failed statement or commit means for a retry:
 * `unreachable`: the database cannot be used now, and nothing of the transaction was done;
 * `unknown`: the connection broke (or the time was over) when the commit was on its way: done or not done;
 * `contention`: a deadlock or a lock that was waited for too long: nothing is done, run the whole transaction again;
 * `duplicate`: a key exists already: nothing is done;
 * `rejected`: the database does not take this statement, now or ever: nothing is done.
 */
export type FaultKind = 'unreachable' | 'unknown' | 'contention' | 'duplicate' | 'rejected';

export class DatabaseFault extends Error {
  override readonly name = 'DatabaseFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** True for a DatabaseFault of one of these kinds. */
export function isFault(error: unknown, ...kinds: readonly FaultKind[]): error is DatabaseFault {
  return error instanceof DatabaseFault && (kinds.length === 0 || kinds.includes(error.kind));
}
