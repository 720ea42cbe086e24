import type { FenceDialect, FenceExecutor } from '../../../src/sdk/fence';

/**
 * MySQL's own list of lock waits is a copy that is not refreshed while somebody keeps looking, so this counts the fence's
 * inserts that are running: one that runs for as long as a test looks is one that waits.
 */
const queries: Partial<Record<FenceDialect, string>> = {
  mysql:
    'SELECT COUNT(*) AS waiting FROM information_schema.PROCESSLIST ' +
    "WHERE DB = DATABASE() AND COMMAND IN ('Query', 'Execute') AND INFO LIKE 'INSERT INTO tcc_fence%'",
  postgres:
    'SELECT COUNT(*) AS waiting FROM pg_stat_activity ' +
    "WHERE datname = current_database() AND wait_event_type = 'Lock'",
};

/** How many transactions of this database wait for a fence row. */
export async function lockWaits(dialect: FenceDialect, executor: FenceExecutor): Promise<number> {
  const sql = queries[dialect];
  if (sql === undefined) throw new Error(`${dialect} has no row locks`);
  const { rows } = await executor.execute(sql, []);
  return Number(rows[0]?.['waiting']);
}
