import { DatabaseSync } from '@photostructure/sqlite';

import {
  DatabaseFault,
  type Connection,
  type Database,
  type Row,
  type Sql,
  type SqlValue,
  type Written,
} from './database';
import { sqliteDialect, sqliteFault } from './dialect';

/**
 * SQLite waits this long for another process's transaction, and blocks this process meanwhile; longer waits are made by
 * running the transaction again after a pause, which blocks nobody.
 */
const BUSY_TIMEOUT_MS = 100;

/** Statements that are kept prepared. Batches make ever new texts, so that the texts kept are short ones. */
const KEPT_STATEMENTS = 100;
const LONGEST_KEPT_STATEMENT = 2_000;

const NOW = "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER) AS now_ms";

/** Durable at every commit, readable while written, and safe with several processes on one file. */
const SETTINGS = [
  `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`,
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA foreign_keys = OFF',
];

type Statement = ReturnType<InstanceType<typeof DatabaseSync>['prepare']>;

/**
 * The embedded database. One connection, which one transaction at a time has for itself: SQLite writes one at a time
 * anyway, and calls into it block.
 */
export class SqliteDatabase implements Database {
  readonly dialect = sqliteDialect;
  readonly label: string;
  private readonly path: string;
  private handle: InstanceType<typeof DatabaseSync> | undefined;
  private readonly statements = new Map<string, { statement: Statement; takesNow: boolean }>();
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(path: string) {
    this.path = path;
    this.label = `sqlite:${path}`;
  }

  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.alone(async () => {
      this.execute('BEGIN IMMEDIATE');
      try {
        const result = await work(this.connection());
        this.execute('COMMIT');
        return result;
      } catch (error) {
        this.rollback();
        throw error;
      }
    });
  }

  session<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.alone(() => {
      this.open();
      return work({
        read: async (sql, values) => this.connection().read(sql, values),
        // The clock is read under the write lock, so that no other process's later time is overtaken.
        write: async (sql, values = []) => {
          this.execute('BEGIN IMMEDIATE');
          try {
            const written = await this.connection().write(sql, values);
            this.execute('COMMIT');
            return written;
          } catch (error) {
            this.rollback();
            throw error;
          }
        },
      });
    });
  }

  script(statements: readonly Sql[]): Promise<readonly Written[]> {
    return this.transaction(async (connection) => {
      const written: Written[] = [];
      for (const { text, values } of statements) written.push(await connection.write(text, values));
      return written;
    });
  }

  close(): Promise<void> {
    return this.alone(() => {
      this.closed = true;
      this.statements.clear();
      this.handle?.close();
      this.handle = undefined;
      return Promise.resolve();
    });
  }

  /** Runs one piece of work after another, in the order of the calls. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }

  private connection(): Connection {
    const now = guarded((): unknown => this.open().prepare(NOW).get()) as { now_ms: number };
    const bind = (takesNow: boolean, values: readonly SqlValue[]): unknown[] =>
      takesNow ? [{ now: now.now_ms }, ...values] : [...values];
    return {
      read: (sql, values = []) =>
        promised((): readonly Row[] => {
          const { statement, takesNow } = this.prepare(sql);
          return statement.all(...bind(takesNow, values)) as Row[];
        }),
      write: (sql, values = []) =>
        promised((): Written => {
          const { statement, takesNow } = this.prepare(sql);
          const { changes } = statement.run(...bind(takesNow, values)) as { changes: number };
          return { rows: changes, stampMs: changes > 0 ? now.now_ms : 0 };
        }),
    };
  }

  private prepare(sql: string): { statement: Statement; takesNow: boolean } {
    const kept = this.statements.get(sql);
    if (kept !== undefined) return kept;
    const fresh = { statement: this.open().prepare(sql), takesNow: sql.includes(':now') };
    if (sql.length <= LONGEST_KEPT_STATEMENT) {
      if (this.statements.size >= KEPT_STATEMENTS) this.statements.clear();
      this.statements.set(sql, fresh);
    }
    return fresh;
  }

  private open(): InstanceType<typeof DatabaseSync> {
    if (this.closed) throw new DatabaseFault('unreachable', 'the database is closed');
    this.handle ??= guarded(() => {
      const handle = new DatabaseSync(this.path);
      try {
        for (const setting of SETTINGS) handle.exec(setting);
      } catch (error) {
        handle.close();
        throw error;
      }
      return handle;
    });
    return this.handle;
  }

  private execute(sql: string): void {
    guarded(() => this.open().exec(sql));
  }

  private rollback(): void {
    if (this.handle?.isTransaction === true) this.execute('ROLLBACK');
  }
}

function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof DatabaseFault) throw error;
    throw new DatabaseFault(sqliteFault(error), error instanceof Error ? error.message : String(error), error);
  }
}

function promised<T>(call: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(guarded(call));
  });
}
