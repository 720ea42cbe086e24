import type { FenceBatchStatements, FenceStatements } from './statements';

/** Epoch milliseconds by the server's clock; computed from UTC, because NOW() repeats an hour each autumn. */
const NOW = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000`;

/**
 * MySQL 8.0+, MariaDB 10.6+. The bump of `calls` makes affectedRows 2 for a row that was there, with and without the
 * FOUND_ROWS flag, which mysql2 sets by default. When Cancels meet that have no Try, SELECT … FOR UPDATE before the INSERT
 * would deadlock nearly always, and INSERT IGNORE often; this form never does, under either isolation level. One case is
 * left, in InnoDB itself: when a Try rolls back while several Cancels wait for its row, one gets it and the others are
 * deadlock victims. The adapters rerun those.
 */
export function mysqlStatements(table: string): FenceStatements {
  const insert = (status: string) =>
    `INSERT INTO ${table} (gid, branch_id, status, calls, created_at_ms, last_call_at_ms) ` +
    `VALUES (?, ?, '${status}', 1, ${NOW}, ${NOW}) ` +
    `ON DUPLICATE KEY UPDATE calls = calls + 1, last_call_at_ms = ${NOW}`;
  return {
    createTable: `CREATE TABLE IF NOT EXISTS ${table} (
  gid VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  branch_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  status VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  calls INT UNSIGNED NOT NULL,
  reply MEDIUMBLOB NULL,
  reply_type VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_at_ms BIGINT NOT NULL,
  last_call_at_ms BIGINT NOT NULL,
  PRIMARY KEY (gid, branch_id)
) ENGINE = InnoDB`,
    insertTried: insert('TRIED'),
    insertCancelled: insert('CANCELLED'),
    insertReturnsRow: false,
    confirm:
      `UPDATE ${table} SET status = 'CONFIRMED', calls = calls + 1, last_call_at_ms = ${NOW} ` +
      `WHERE gid = ? AND branch_id = ? AND status = 'TRIED'`,
    touch: `UPDATE ${table} SET calls = calls + 1, last_call_at_ms = ${NOW} WHERE gid = ? AND branch_id = ?`,
    // A plain read would do for a row of one's own writing; where the row is missing the lock keeps it so.
    read: `SELECT status, calls, reply, reply_type FROM ${table} WHERE gid = ? AND branch_id = ? FOR UPDATE`,
    storeReply: `UPDATE ${table} SET reply = ?, reply_type = ? WHERE gid = ? AND branch_id = ?`,
    cancel: `UPDATE ${table} SET status = 'CANCELLED' WHERE gid = ? AND branch_id = ?`,
    probe: undefined,
    // LIMIT takes no placeholder: mysql2 sends numbers as DOUBLE, which MySQL refuses there.
    scan: (limit) =>
      `SELECT gid, branch_id, ` +
      `CASE WHEN status <> 'TRIED' AND last_call_at_ms < ${NOW} - ? THEN 1 ELSE 0 END AS purgeable ` +
      `FROM ${table} WHERE gid >= ? AND (gid > ? OR branch_id > ?) ORDER BY gid, branch_id LIMIT ${limit}`,
    purge:
      `DELETE FROM ${table} WHERE gid = ? AND branch_id = ? ` +
      `AND status <> 'TRIED' AND last_call_at_ms < ${NOW} - ?`,
    batch: batchStatements(table),
  };
}

const KEY_TYPE = 'VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin';

const KEY_COLUMNS = `gid ${KEY_TYPE} PATH '$[0]', branch_id ${KEY_TYPE} PATH '$[1]'`;

const KEYS = `JSON_TABLE(?, '$[*]' COLUMNS (${KEY_COLUMNS})) AS given`;

const REPLIES =
  `JSON_TABLE(?, '$[*]' COLUMNS (${KEY_COLUMNS}, reply LONGTEXT PATH '$[2]', reply_type ${KEY_TYPE} PATH '$[3]')) ` +
  `AS given`;

/**
 * STRAIGHT_JOIN and FORCE INDEX look the keys up one after the other. Left to itself, or with `IN (…)`, the optimizer
 * reads the whole of a small table instead, and waits for rows of others on its way: batches then deadlock in MariaDB,
 * under either isolation level.
 */
function batchStatements(table: string): FenceBatchStatements {
  const columns = 'fence.gid, fence.branch_id, fence.status, fence.calls, fence.reply, fence.reply_type';
  const joined =
    `STRAIGHT_JOIN ${table} AS fence FORCE INDEX (PRIMARY) ` +
    `ON fence.gid = given.gid AND fence.branch_id = given.branch_id`;
  const insert = (status: string) =>
    `INSERT INTO ${table} (gid, branch_id, status, calls, created_at_ms, last_call_at_ms) ` +
    `SELECT given.gid, given.branch_id, '${status}', 1, ${NOW}, ${NOW} FROM ${KEYS} ` +
    `ON DUPLICATE KEY UPDATE calls = calls + 1, last_call_at_ms = ${NOW}`;
  const update = (change: string) => `UPDATE ${KEYS} ${joined} SET ${change}`;
  const count = `fence.calls = fence.calls + 1, fence.last_call_at_ms = ${NOW}`;
  return {
    insertTried: insert('TRIED'),
    insertCancelled: insert('CANCELLED'),
    read: `SELECT ${columns} FROM ${KEYS} ${joined}`,
    // MySQL refuses to lock what comes out of JSON_TABLE, and MariaDB has no FOR UPDATE OF; a derived table suits both.
    lock: `SELECT ${columns} FROM (SELECT gid, branch_id FROM ${KEYS}) AS given ${joined} FOR UPDATE`,
    touch: update(count),
    confirm: update(`fence.status = 'CONFIRMED', ${count}`),
    cancel: update(`fence.status = 'CANCELLED'`),
    remove: `DELETE fence FROM ${KEYS} ${joined}`,
    storeReplies:
      `UPDATE ${REPLIES} ${joined} ` +
      `SET fence.reply = FROM_BASE64(given.reply), fence.reply_type = given.reply_type`,
  };
}
