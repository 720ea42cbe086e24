import { dollarPlaceholders, driverParameter, type FenceExecutor, type LocalTransaction } from './executor';
import { rerunOnDeadlock } from './rerun';

/** What the fence uses of a pg client. */
export interface PgClient {
  query(text: string, values?: (string | number | null | Buffer)[]): Promise<PgResult>;
}

/** What the fence reads of a pg result. */
export interface PgResult {
  readonly command: string;
  readonly rowCount: number | null;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as pg itself types its rows, so that business code can read them
  readonly rows: any[];
}

export interface PgPoolClient extends PgClient {
  release(destroy?: boolean): void;
  on(event: 'error', listener: () => void): unknown;
  removeListener(event: 'error', listener: () => void): unknown;
}

/** What the fence uses of a pg pool. */
export interface PgPool<Client extends PgPoolClient> {
  connect(): Promise<Client>;
}

/** An executor on a pg client that has a transaction open. */
export function pgExecutor(client: PgClient): FenceExecutor {
  return {
    async execute(sql, parameters) {
      const { rowCount, rows } = await client.query(dollarPlaceholders(sql), parameters.map(driverParameter));
      return { affectedRows: rowCount ?? 0, rows: rows as Record<string, unknown>[] };
    },
  };
}

/**
 * Opens local transactions on a pg pool, at the session's isolation level; deadlocks and serialization failures are
 * rerun. `inPgTransaction<PoolClient>(pool)` gives the handlers pg's own client type.
 */
export function inPgTransaction<Client extends PgPoolClient = PgPoolClient>(
  pool: PgPool<Client>,
): LocalTransaction<Client> {
  return (work) => rerunOnDeadlock(() => transact(pool, work));
}

async function transact<Client extends PgPoolClient, Result>(
  pool: PgPool<Client>,
  work: (client: Client, executor: FenceExecutor) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  // A connection that is lost rejects the running statement and, beside it, emits an event that would end the process.
  const ignore = (): void => undefined;
  client.on('error', ignore);
  try {
    await client.query('BEGIN');
    const result = await work(client, pgExecutor(client));
    const { command } = await client.query('COMMIT');
    // PostgreSQL answers so when a statement before had failed and somebody caught the error.
    if (command !== 'COMMIT') throw new Error('the local transaction had failed and was rolled back');
    client.release();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      // Nobody knows what is open on it; whoever got it next would write into that.
      () => client.release(true),
    );
    throw error;
  } finally {
    client.removeListener('error', ignore);
  }
}
