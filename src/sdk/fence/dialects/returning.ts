import type { FenceBatchStatements, FenceStatements } from './statements';

/** What differs between the databases that have RETURNING. */
export interface ReturningDialect {
  /** An expression for the database's clock in epoch milliseconds. */
  readonly now: string;
  /** A query for the keys in a JSON text: gid, branch_id, in the order of the text. */
  readonly keys: string;
  /** What a SELECT ends with to lock the rows in the order of their keys. */
  readonly lock: string;
  readonly storeReplies: (table: string) => string | undefined;
}

/**
 * The statements of a database with ON CONFLICT … DO UPDATE … RETURNING: one round trip tells whether the row is new
 * (`calls` is 1) and what it says.
 */
export function returningStatements(
  table: string,
  dialect: ReturningDialect,
): Omit<FenceStatements, 'createTable' | 'probe'> {
  const { now } = dialect;
  const columns = 'status, calls, reply, reply_type';
  const insert = (status: string) =>
    `INSERT INTO ${table} AS fence (gid, branch_id, status, calls, created_at_ms, last_call_at_ms) ` +
    `VALUES (?, ?, '${status}', 1, ${now}, ${now}) ` +
    `ON CONFLICT (gid, branch_id) DO UPDATE SET calls = fence.calls + 1, last_call_at_ms = ${now} RETURNING ${columns}`;
  return {
    insertTried: insert('TRIED'),
    insertCancelled: insert('CANCELLED'),
    insertReturnsRow: true,
    confirm:
      `UPDATE ${table} SET status = 'CONFIRMED', calls = calls + 1, last_call_at_ms = ${now} ` +
      `WHERE gid = ? AND branch_id = ? AND status = 'TRIED' RETURNING status`,
    touch:
      `UPDATE ${table} SET calls = calls + 1, last_call_at_ms = ${now} ` +
      `WHERE gid = ? AND branch_id = ? RETURNING status`,
    read: `SELECT ${columns} FROM ${table} WHERE gid = ? AND branch_id = ?`,
    storeReply: `UPDATE ${table} SET reply = ?, reply_type = ? WHERE gid = ? AND branch_id = ? RETURNING status`,
    cancel: `UPDATE ${table} SET status = 'CANCELLED' WHERE gid = ? AND branch_id = ? RETURNING status`,
    scan: (limit) =>
      `SELECT gid, branch_id, ` +
      `CASE WHEN status <> 'TRIED' AND last_call_at_ms < ${now} - ? THEN 1 ELSE 0 END AS purgeable ` +
      `FROM ${table} WHERE gid >= ? AND (gid > ? OR branch_id > ?) ORDER BY gid, branch_id LIMIT ${limit}`,
    purge:
      `DELETE FROM ${table} WHERE gid = ? AND branch_id = ? ` +
      `AND status <> 'TRIED' AND last_call_at_ms < ${now} - ? RETURNING gid`,
    batch: batchStatements(table, dialect),
  };
}

function batchStatements(table: string, { now, keys, lock, storeReplies }: ReturningDialect): FenceBatchStatements {
  const columns = 'gid, branch_id, status, calls, reply, reply_type';
  const ofKeys = `WHERE (gid, branch_id) IN (${keys})`;
  const insert = (status: string) =>
    `INSERT INTO ${table} AS fence (gid, branch_id, status, calls, created_at_ms, last_call_at_ms) ` +
    `SELECT gid, branch_id, '${status}', 1, ${now}, ${now} FROM (${keys}) AS given WHERE true ` +
    `ON CONFLICT (gid, branch_id) DO UPDATE SET calls = fence.calls + 1, last_call_at_ms = ${now} RETURNING ${columns}`;
  return {
    insertTried: insert('TRIED'),
    insertCancelled: insert('CANCELLED'),
    read: `SELECT ${columns} FROM ${table} ${ofKeys}`,
    lock: `SELECT ${columns} FROM ${table} ${ofKeys} ${lock}`,
    touch: `UPDATE ${table} SET calls = calls + 1, last_call_at_ms = ${now} ${ofKeys}`,
    confirm: `UPDATE ${table} SET status = 'CONFIRMED', calls = calls + 1, last_call_at_ms = ${now} ${ofKeys}`,
    cancel: `UPDATE ${table} SET status = 'CANCELLED' ${ofKeys}`,
    remove: `DELETE FROM ${table} ${ofKeys}`,
    storeReplies: storeReplies(table),
  };
}
