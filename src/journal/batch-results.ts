import type { Connection, Row } from './database';
import type { Dialect } from './dialect';
import type { StepResult } from './journal';
import { selectDecisions, selectNow, selectTransactions } from './read-statements';
import { number, text, transactionsOf } from './rows';

/** A statement that changed some of its rows and not others, and how to tell which. */
interface Mixed {
  readonly gids: readonly string[];
  readonly atMs: number;
  readonly isOurs: (row: Row) => boolean;
}

/**
 * What became of each step of a batch, by gid.
 * W1. A step is `applied` only when this write is known to have changed its row; everything else `stands` (J2). To take a winner
 *     for a loser is safe: its driver goes on from the row as it stands.
 */
export class BatchResults {
  private readonly results = new Map<string, StepResult>();
  private readonly losers: string[] = [];
  private mixed: Mixed[] = [];

  /** Whether something must be read before every result is known. */
  get isIncomplete(): boolean {
    return this.losers.length > 0 || this.mixed.length > 0;
  }

  isApplied(gid: string): boolean {
    return this.appliedAt(gid) !== undefined;
  }

  /** The database's time of the step, epoch ms; undefined when it is not applied. */
  appliedAt(gid: string): number | undefined {
    const result = this.results.get(gid);
    return result?.kind === 'applied' ? result.atMs : undefined;
  }

  applied(gid: string, atMs: number, deadlineAt?: number): void {
    this.results.set(gid, { kind: 'applied', atMs, deadlineAt });
  }

  lost(gid: string): void {
    this.losers.push(gid);
  }

  /** One statement changed so many rows of these gids. Only when there are winners and losers must the rows tell. */
  changed(gids: readonly string[], rows: number, atMs: number, isOurs: (row: Row) => boolean): void {
    if (rows === gids.length) for (const gid of gids) this.applied(gid, atMs);
    else if (rows === 0) this.losers.push(...gids);
    else this.mixed.push({ gids, atMs, isOurs });
  }

  /** Tells winners from losers, before anything else is written that depends on it. */
  async tellApart(connection: Connection, dialect: Dialect): Promise<void> {
    for (const { gids, atMs, isOurs } of this.mixed) {
      const statement = selectDecisions(gids, dialect.forUpdate);
      const rows = await connection.read(statement.text, statement.values);
      const won = new Set(rows.filter(isOurs).map((row) => text(row, 'gid')));
      for (const gid of gids) {
        if (won.has(gid)) this.applied(gid, atMs);
        else this.losers.push(gid);
      }
    }
    this.mixed = [];
  }

  /** All of them. What stands is read after everything else of the batch, and waits for whoever is still committing. */
  async complete(connection: Connection, dialect: Dialect): Promise<ReadonlyMap<string, StepResult>> {
    await this.tellApart(connection, dialect);
    if (this.losers.length > 0) {
      const atMs = await databaseNow(connection, dialect);
      const select = selectTransactions(this.losers, dialect.forUpdate);
      const current = transactionsOf(await connection.read(select.text, select.values));
      for (const gid of this.losers) this.results.set(gid, { kind: 'stands', atMs, current: current.get(gid) });
    }
    return this.results;
  }

  /** All of them, when nothing has to be read. */
  get known(): ReadonlyMap<string, StepResult> {
    return this.results;
  }
}

/** The database's clock over this connection, epoch ms. */
export async function databaseNow(connection: Connection, dialect: Dialect): Promise<number> {
  const clock = selectNow(dialect);
  const [row] = await connection.read(clock.text, clock.values);
  return row === undefined ? 0 : number(row, 'now_ms');
}
