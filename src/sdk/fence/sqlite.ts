import { driverParameter, type ExecuteResult, type FenceExecutor, type LocalTransaction } from './executor';

/** What the fence uses of a DatabaseSync: node:sqlite or @photostructure/sqlite. */
export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
}

export interface SqliteStatement {
  all(...parameters: (string | number | null | Buffer)[]): unknown[];
  run(...parameters: (string | number | null | Buffer)[]): { readonly changes: number | bigint };
}

/**
 * Transactions that may wait for one database. A participant has at most 1,000 calls in flight by default; more than
 * this means that nobody bounds them, and waiting longer would only outlast their deadlines.
 */
const WAITING_LIMIT = 10_000;

/** An executor on a database that has a transaction open. */
export function sqliteExecutor(database: SqliteDatabase): FenceExecutor {
  return {
    execute: (sql, parameters) =>
      new Promise((resolve) => {
        resolve(execute(database, sql, parameters.map(driverParameter)));
      }),
  };
}

/**
 * Opens local transactions on one SQLite connection, one after the other: a connection has one transaction at a time.
 * So a handler must not open a second one inside. Where other connections write to the same file, open the database with
 * a busy timeout.
 */
export function inSqliteTransaction<Database extends SqliteDatabase>(database: Database): LocalTransaction<Database> {
  return (work) => inTurn(database, () => transact(database, work));
}

const statementCaches = new WeakMap<SqliteDatabase, Map<string, SqliteStatement>>();

/** The fence has a dozen statements per table; the bound only guards against an executor used for something else. */
const CACHED_STATEMENTS = 100;

function prepare(database: SqliteDatabase, sql: string): SqliteStatement {
  const cache = statementCaches.get(database) ?? new Map<string, SqliteStatement>();
  statementCaches.set(database, cache);
  const statement = cache.get(sql) ?? database.prepare(sql);
  if (cache.size < CACHED_STATEMENTS) cache.set(sql, statement);
  return statement;
}

function execute(
  database: SqliteDatabase,
  sql: string,
  parameters: (string | number | null | Buffer)[],
): ExecuteResult {
  const statement = prepare(database, sql);
  if (!/^\s*select\b|\breturning\b/i.test(sql)) {
    return { affectedRows: Number(statement.run(...parameters).changes), rows: [] };
  }
  const rows = statement.all(...parameters) as Record<string, unknown>[];
  return { affectedRows: rows.length, rows };
}

async function transact<Database extends SqliteDatabase, Result>(
  database: Database,
  work: (database: Database, executor: FenceExecutor) => Promise<Result>,
): Promise<Result> {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = await work(database, sqliteExecutor(database));
    database.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself already, as it does when the disk is full.
    }
    throw error;
  }
}

interface Turn {
  last: Promise<unknown>;
  waiting: number;
}

const turns = new WeakMap<SqliteDatabase, Turn>();

async function inTurn<Result>(database: SqliteDatabase, run: () => Promise<Result>): Promise<Result> {
  const turn = turns.get(database) ?? { last: Promise.resolve(), waiting: 0 };
  turns.set(database, turn);
  if (turn.waiting >= WAITING_LIMIT) throw new Error(`${WAITING_LIMIT} transactions wait for this SQLite database`);
  turn.waiting += 1;
  const mine = turn.last.then(run).finally(() => {
    turn.waiting -= 1;
  });
  turn.last = mine.catch(() => undefined);
  return mine;
}
