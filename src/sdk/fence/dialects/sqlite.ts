import { returningStatements, type ReturningDialect } from './returning';
import type { FenceStatements } from './statements';

/** Not unixepoch('subsec'): that needs SQLite 3.42. */
const NOW = `CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`;

const dialect: ReturningDialect = {
  now: NOW,
  keys: `SELECT json_extract(value, '$[0]') AS gid, json_extract(value, '$[1]') AS branch_id FROM json_each(?)`,
  lock: '',
  storeReplies: () => undefined,
};

/** SQLite 3.35+. One writer at a time: a second transaction waits at its BEGIN IMMEDIATE. */
export function sqliteStatements(table: string): FenceStatements {
  return {
    ...returningStatements(table, dialect),
    createTable: `CREATE TABLE IF NOT EXISTS ${table} (
  gid TEXT NOT NULL,
  branch_id TEXT NOT NULL,
  status TEXT NOT NULL,
  calls INTEGER NOT NULL,
  reply BLOB NULL,
  reply_type TEXT NULL,
  created_at_ms INTEGER NOT NULL,
  last_call_at_ms INTEGER NOT NULL,
  PRIMARY KEY (gid, branch_id)
) WITHOUT ROWID`,
    probe: undefined,
  };
}
