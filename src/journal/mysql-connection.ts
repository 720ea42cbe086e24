import type { PoolConnection, ResultSetHeader } from 'mysql2';

import { DatabaseFault, isFault, type Connection, type Row, type Sql, type SqlValue, type Written } from './database';
import { isServersWord, mysqlFault } from './dialect';
import { scriptText, withValues } from './mysql-literals';

/** How long a statement waits for a row lock before the transaction is rolled back and run again. */
const LOCK_WAIT_SECONDS = 3;

/**
 * A session from which the server hears nothing for so long is closed by the server, and what it had begun is rolled back: a
 * coordinator that stands still or is cut off in the middle of a commit must not keep row locks from the others (I11). Well above
 * any pause between two statements of a batch; an idle connection that is closed for it is made anew in milliseconds.
 */
const SILENCE_SECONDS = 5;

/**
 * What every statement relies on: READ COMMITTED (compare-and-set sees the last commit), strictness (nothing is truncated),
 * and a time zone in which the clock has no ambiguous hour.
 */
export const SESSION = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}, wait_timeout = ${SILENCE_SECONDS}, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
];

/** A command byte and its header. */
const PACKET_OVERHEAD = 64;

/** A connection of the pool while somebody uses it. It turns every failure into a DatabaseFault. */
export class LentConnection implements Connection {
  /** False once a statement was cut off: its answer may still come, and would be taken for another one's. */
  isUsable = true;
  private readonly connection: PoolConnection;
  private readonly timeoutMs: number;
  private longest: number | undefined;

  /** `longest`: see `prepare`; undefined for a connection that was never used. */
  constructor(connection: PoolConnection, timeoutMs: number, longest: number | undefined) {
    this.connection = connection;
    this.timeoutMs = timeoutMs;
    this.longest = longest;
  }

  /** Sets the session up when it is new. Returns how many bytes a statement may have: the server hangs up on a longer one. */
  async prepare(settings: readonly string[]): Promise<number> {
    if (this.longest !== undefined) return this.longest;
    for (const setting of settings) await this.send(setting);
    const [row] = await this.read('SELECT @@max_allowed_packet AS bytes');
    this.longest = Number(row?.['bytes']) - PACKET_OVERHEAD;
    return this.longest;
  }

  async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    await this.send('BEGIN');
    try {
      const result = await work(this);
      await this.commit();
      return result;
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  async read(sql: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
    return (await this.send(withValues(sql, values))) as readonly Row[];
  }

  async write(sql: string, values: readonly SqlValue[] = []): Promise<Written> {
    return writtenOf((await this.send(withValues(sql, values))) as ResultSetHeader);
  }

  /** Begin, statements and commit: in one round trip where the server takes so much in one packet. */
  async commitAll(statements: readonly Sql[]): Promise<readonly Written[]> {
    const text = scriptText(statements);
    if (this.longest !== undefined && text.length <= this.longest) return this.script(text, statements.length);
    return this.transaction(async () => {
      const written: Written[] = [];
      for (const { text, values } of statements) written.push(await this.write(text, values));
      return written;
    });
  }

  /**
   * So many statements between BEGIN and COMMIT, in one round trip. The server stops at the first that fails: when that is one of the
   * statements, nothing is committed. A connection that breaks meanwhile says nothing about any of them (I9).
   */
  private async script(text: string, count: number): Promise<readonly Written[]> {
    let answered = 0;
    try {
      const results = (await query(this.connection, text, this.timeoutMs, () => (answered += 1))) as ResultSetHeader[];
      return results.slice(1, -1).map(writtenOf);
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      const isCommits = answered > count && !isFault(error, 'contention');
      if (isServersWord(cause) && !isCommits) {
        // As in `send`: a server that became read-only would refuse the next batch as well.
        if (isFault(error, 'unreachable')) this.isUsable = false;
        await this.rollback();
        throw error;
      }
      this.isUsable = false;
      throw new DatabaseFault('unknown', 'the reply to a commit was lost', error);
    }
  }

  /** Any failure but a certain roll-back leaves the outcome unknown (I9). */
  private async commit(): Promise<void> {
    try {
      await this.send('COMMIT');
    } catch (error) {
      if (isFault(error, 'contention')) throw error;
      this.isUsable = false;
      throw new DatabaseFault('unknown', 'the reply to COMMIT was lost', error);
    }
  }

  /** A connection that cannot roll back is closed, and then the server rolls back by itself. */
  private async rollback(): Promise<void> {
    if (!this.isUsable) return;
    await this.send('ROLLBACK').catch(() => {
      this.isUsable = false;
    });
  }

  /** The text of a statement is plain ASCII (see withValues), so that its length is its bytes. */
  private async send(sql: string): Promise<unknown> {
    if (this.longest !== undefined && sql.length > this.longest) {
      throw new DatabaseFault(
        'rejected',
        `a statement of ${sql.length} bytes is above the server's max_allowed_packet`,
      );
    }
    try {
      return await query(this.connection, sql, this.timeoutMs);
    } catch (error) {
      if (isFault(error, 'unreachable')) this.isUsable = false;
      throw error;
    }
  }
}

function writtenOf(header: ResultSetHeader): Written {
  return { rows: header.affectedRows, stampMs: header.insertId };
}

/** `answered` is called for each statement that went well, as its answer comes. */
function query(connection: PoolConnection, sql: string, timeout: number, answered?: () => void): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const command = connection.query({ sql, timeout }, (error, result) => {
      if (error === null) {
        resolve(result);
        return;
      }
      // The driver (3.24) forgets the timer of a statement whose connection broke; it would run on after the pool is closed (I13).
      clearTimeout((command as { queryTimeout?: NodeJS.Timeout | null }).queryTimeout ?? undefined);
      // The statement's text holds payloads, and errors end up in logs.
      delete (error as { sql?: string }).sql;
      reject(new DatabaseFault(mysqlFault(error), error.message, error));
    });
    if (answered !== undefined) command.on('result', answered);
  });
}
