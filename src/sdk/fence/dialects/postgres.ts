import { returningStatements } from './returning';
import type { FenceStatements } from './statements';

const NOW = `(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint`;

/**
 * PostgreSQL 12+. Under REPEATABLE READ and SERIALIZABLE, calls that meet on one row fail with serialization errors
 * (40001) instead of waiting; nothing has happened then, and the call comes again. READ COMMITTED spares that.
 */
export function postgresStatements(table: string): FenceStatements {
  return {
    ...returningStatements(table, NOW),
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
