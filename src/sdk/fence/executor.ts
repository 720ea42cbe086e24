/** What a statement's placeholder may stand for: primitives and bytes only, never an object. */
export type SqlParameter = string | number | null | Uint8Array;

/** What a statement did. */
export interface ExecuteResult {
  /** Rows written; for MySQL as the server counts them: ON DUPLICATE KEY UPDATE is 1 for an insert and 2 for an update. */
  readonly affectedRows: number;
  /** Rows read, by column name. */
  readonly rows: readonly Record<string, unknown>[];
}

/**
 * All that the fence asks of a database connection. Whoever has a local transaction open gives the fence an executor on
 * it, and the fence row commits or rolls back with the business rows.
 */
export interface FenceExecutor {
  /** Runs one statement. Placeholders are `?` in every dialect (see `dollarPlaceholders`). Rejects with the driver's error. */
  execute(sql: string, parameters: readonly SqlParameter[]): Promise<ExecuteResult>;
}

/**
 * Begins a local transaction, runs `work` in it and commits; rolls back when `work` throws and throws the same error.
 * `transaction` is the driver's own object, for the business statements.
 */
export type LocalTransaction<Transaction> = <Result>(
  work: (transaction: Transaction, executor: FenceExecutor) => Promise<Result>,
) => Promise<Result>;

/** Writes `?` as `$1`, `$2`, …, for drivers that want it so. The fence's statements hold no other question mark. */
export function dollarPlaceholders(sql: string): string {
  let count = 0;
  return sql.replace(/\?/g, () => `$${(count += 1)}`);
}

/** Drivers know Buffer; some would treat another Uint8Array as an object. */
export function driverParameter(value: SqlParameter): string | number | null | Buffer {
  return value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
}
