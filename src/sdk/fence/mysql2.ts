import { driverParameter, type ExecuteResult, type FenceExecutor, type LocalTransaction } from './executor';
import { rerunOnDeadlock } from './rerun';

/** What the fence uses of a mysql2/promise connection. */
export interface Mysql2Connection {
  execute(sql: string, values: (string | number | null | Buffer)[]): Promise<readonly [unknown, ...unknown[]]>;
}

/** What the fence uses of a mysql2/promise pool. */
export interface Mysql2Pool<Connection extends Mysql2PoolConnection> {
  getConnection(): Promise<Connection>;
}

export interface Mysql2PoolConnection extends Mysql2Connection {
  query(sql: string): Promise<unknown>;
  release(): void;
  destroy(): void;
}

/** An executor on a mysql2/promise connection that has a transaction open. Statements are prepared: nothing is escaped. */
export function mysql2Executor(connection: Mysql2Connection): FenceExecutor {
  return {
    async execute(sql, parameters) {
      const [result] = await connection.execute(sql, parameters.map(driverParameter));
      return mysqlResult(result);
    },
  };
}

/** What a mysql driver returns: rows of a SELECT, or a header with the count. */
export function mysqlResult(result: unknown): ExecuteResult {
  if (Array.isArray(result)) return { affectedRows: 0, rows: result as Record<string, unknown>[] };
  return { affectedRows: (result as { affectedRows: number }).affectedRows, rows: [] };
}

/**
 * Opens local transactions on a mysql2/promise pool, at the session's isolation level; deadlocks are rerun.
 * Set `innodb_lock_wait_timeout` of the pool's sessions to a few seconds: a Cancel waits that long for a running Try.
 */
export function inMysql2Transaction<Connection extends Mysql2PoolConnection>(
  pool: Mysql2Pool<Connection>,
): LocalTransaction<Connection> {
  return (work) => rerunOnDeadlock(() => transact(pool, work));
}

async function transact<Connection extends Mysql2PoolConnection, Result>(
  pool: Mysql2Pool<Connection>,
  work: (connection: Connection, executor: FenceExecutor) => Promise<Result>,
): Promise<Result> {
  const connection = await pool.getConnection();
  try {
    await connection.query('START TRANSACTION');
    const result = await work(connection, mysql2Executor(connection));
    await connection.query('COMMIT');
    connection.release();
    return result;
  } catch (error) {
    await connection.query('ROLLBACK').then(
      () => connection.release(),
      // Nobody knows what is open on it; whoever got it next would write into that.
      () => connection.destroy(),
    );
    throw error;
  }
}
