import { returningStatements, type ReturningDialect } from './returning';
import type { FenceStatements } from './statements';

const NOW = `(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint`;

const GIVEN = 'json_array_elements(CAST(? AS json)) AS given (entry)';

const dialect: ReturningDialect = {
  now: NOW,
  keys: `SELECT given.entry->>0 AS gid, given.entry->>1 AS branch_id FROM ${GIVEN}`,
  lock: 'ORDER BY gid, branch_id FOR UPDATE',
  storeReplies: (table) =>
    `UPDATE ${table} AS fence SET reply = decode(given.entry->>2, 'base64'), reply_type = given.entry->>3 ` +
    `FROM ${GIVEN} WHERE fence.gid = given.entry->>0 AND fence.branch_id = given.entry->>1`,
};

/**
 * PostgreSQL 12+. Under REPEATABLE READ and SERIALIZABLE, calls that meet on one row fail with serialization errors
 * (40001) instead of waiting; nothing has happened then, and the call comes again. READ COMMITTED spares that.
 */
export function postgresStatements(table: string): FenceStatements {
  return {
    ...returningStatements(table, dialect),
    createTable: `CREATE TABLE IF NOT EXISTS ${table} (
  gid VARCHAR(64) COLLATE "C" NOT NULL,
  branch_id VARCHAR(64) COLLATE "C" NOT NULL,
  status VARCHAR(9) NOT NULL,
  calls INTEGER NOT NULL,
  reply BYTEA NULL,
  reply_type VARCHAR(64) NULL,
  created_at_ms BIGINT NOT NULL,
  last_call_at_ms BIGINT NOT NULL,
  PRIMARY KEY (gid, branch_id)
)`,
    probe: 'SELECT 1',
  };
}
