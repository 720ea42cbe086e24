import { createConnection, type RowDataPacket } from 'mysql2/promise';

const CONNECT_MS = 5_000;

/** A statement of the run's own may take so long, unless it is said otherwise. */
const ANSWER_MS = 10_000;

/** Runs one statement over a connection of its own, which a fault cannot have left half dead. */
export async function run(url: string, statement: string, withinMs = ANSWER_MS): Promise<RowDataPacket[]> {
  const connection = await createConnection({ uri: url, connectTimeout: CONNECT_MS });
  connection.on('error', () => undefined);
  try {
    const [rows] = await connection.query<RowDataPacket[]>({ sql: statement, timeout: withinMs });
    return rows;
  } finally {
    connection.destroy();
  }
}

/** Whether the statement was given up because no answer came. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'PROTOCOL_SEQUENCE_TIMEOUT';
}

/** Such as "MariaDB 10.11.11", from what VERSION() says. */
export function productOf(version: string): string {
  const product = /mariadb/i.test(version) ? 'MariaDB' : 'MySQL';
  return `${product} ${/^[\d.]+/.exec(version)?.[0] ?? version}`;
}
