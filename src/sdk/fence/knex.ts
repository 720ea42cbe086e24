import { driverParameter, type ExecuteResult, type FenceExecutor, type LocalTransaction } from './executor';
import { mysqlResult } from './mysql2';
import { rerunOnDeadlock } from './rerun';

/** What the fence uses of a knex transaction (or of knex itself, for createTable and purge). */
export interface KnexLike {
  raw(sql: string, bindings: readonly (string | number | null | Buffer)[]): PromiseLike<unknown>;
}

/** What the fence uses of knex to open transactions. */
export interface KnexTransactor<Transaction extends KnexLike> {
  transaction<Result>(
    work: (transaction: Transaction) => Promise<Result>,
    config?: { readonly isolationLevel?: KnexIsolation },
  ): Promise<Result>;
}

export type KnexIsolation = 'read committed' | 'repeatable read' | 'serializable';

/** An executor on a knex transaction: mysql2, pg, and better-sqlite3 or what stands in for it. */
export function knexExecutor(transaction: KnexLike): FenceExecutor {
  return {
    execute: async (sql, parameters) => knexResult(await transaction.raw(sql, parameters.map(driverParameter))),
  };
}

/**
 * Opens local transactions with knex; deadlocks are rerun. `isolationLevel`: default the session's own. PostgreSQL and
 * MySQL fences are right under each, and quickest under `read committed`.
 */
export function inKnexTransaction<Transaction extends KnexLike>(
  knex: KnexTransactor<Transaction>,
  options: { readonly isolationLevel?: KnexIsolation } = {},
): LocalTransaction<Transaction> {
  return (work) =>
    rerunOnDeadlock(() =>
      knex.transaction((transaction) => work(transaction, knexExecutor(transaction)), { ...options }),
    );
}

/** knex hands through what each driver returns. */
function knexResult(result: unknown): ExecuteResult {
  if (Array.isArray(result)) {
    // mysql2: [rows or header, columns]. SQLite: rows, which are neither arrays nor headers.
    const [first] = result as unknown[];
    if (Array.isArray(first) || has(first, 'affectedRows')) return mysqlResult(first);
    return { affectedRows: result.length, rows: result as Record<string, unknown>[] };
  }
  if (has(result, 'rowCount')) {
    const { rowCount, rows } = result as { rowCount: number | null; rows: Record<string, unknown>[] };
    return { affectedRows: rowCount ?? 0, rows };
  }
  return { affectedRows: has(result, 'changes') ? Number(result.changes) : 0, rows: [] };
}

function has<Name extends string>(value: unknown, name: Name): value is Record<Name, unknown> {
  return typeof value === 'object' && value !== null && name in value;
}
