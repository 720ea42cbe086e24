import type { FenceStatements } from './dialects/statements';
import type { FenceExecutor } from './executor';

/** What may be purged, and how much at a time. */
export interface PurgeOptions {
  /**
   * How long no call may have touched a finished row, in milliseconds by the database's clock; at least 86,400,000 (a
   * day, the longest transaction timeout by default). A row that goes too early lets a very late Try through, or makes
   * a repeated Confirm a refusal; so it must outlast the longest time that a coordinator may be down or cut off and
   * then repeat a call. Default: 2,592,000,000 (30 days).
   */
  readonly olderThanMs?: number;
  /**
   * Rows to look at, 1 to 10,000. Each deletion is one statement, so this also bounds how long the transaction of
   * `executor` is, if it is one. Default: 500.
   */
  readonly limit?: number;
}

/** What one purge did. */
export interface PurgeReport {
  /** Rows looked at. */
  readonly examined: number;
  /** Rows deleted. */
  readonly deleted: number;
  /** The last row of the table was looked at; the next purge begins at the first again. */
  readonly endReached: boolean;
}

/** The last key that was looked at. */
export interface PurgeCursor {
  readonly gid: string;
  readonly branchId: string;
}

const SHORTEST_AGE_MS = 86_400_000;
const DEFAULT_AGE_MS = 30 * 86_400_000;
const DEFAULT_LIMIT = 500;
/** One scan's rows are held in memory, and in SQLite they are one pause of the event loop. */
const LARGEST_LIMIT = 10_000;

/** Sorts before every key. */
const START: PurgeCursor = { gid: '', branchId: '' };

/**
 * Walks the table in key order and deletes what is finished and old, each row by its full key and only if it still is:
 * a range DELETE would lock its neighbours, which are other transactions' live rows.
 */
export async function purgeFence(
  executor: FenceExecutor,
  statements: FenceStatements,
  options: PurgeOptions,
  from: PurgeCursor = START,
): Promise<{ readonly report: PurgeReport; readonly cursor: PurgeCursor | undefined }> {
  const { olderThanMs = DEFAULT_AGE_MS, limit = DEFAULT_LIMIT } = options;
  if (!Number.isInteger(olderThanMs) || olderThanMs < SHORTEST_AGE_MS) {
    throw new RangeError(`olderThanMs must be at least ${SHORTEST_AGE_MS}: a late message could still come`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > LARGEST_LIMIT) {
    throw new RangeError(`limit must be 1 to ${LARGEST_LIMIT}`);
  }
  const { rows } = await executor.execute(statements.scan(limit), [olderThanMs, from.gid, from.gid, from.branchId]);
  let deleted = 0;
  let cursor = from;
  for (const row of rows) {
    cursor = { gid: String(row['gid']), branchId: String(row['branch_id']) };
    if (Number(row['purgeable']) !== 1) continue;
    const result = await executor.execute(statements.purge, [cursor.gid, cursor.branchId, olderThanMs]);
    deleted += result.affectedRows;
  }
  const endReached = rows.length < limit;
  return { report: { examined: rows.length, deleted, endReached }, cursor: endReached ? undefined : cursor };
}
