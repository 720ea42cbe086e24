import { gidOf, type Step } from '../engine/step';
import { TccError, isTccError } from '../lib/errors';

import { BatchResults } from './batch-results';
import { BatchWrite } from './batch-write';
import { isFault, type Connection, type Database } from './database';
import type { StepResult, StepStore } from './journal';
import { isOneStatement, isScript, type Plan, planOf } from './plan';
import { selectGids, selectNow, selectTransactions } from './read-statements';
import type { Retrier } from './retry';
import { number, text, transactionsOf } from './rows';
import { chunks, scriptOf } from './script';

/**
 * A batch whose gids to begin exist is run again without those that do. Each run finds all of them, so that a second one
 * meets only gids that were begun in between.
 */
const DUPLICATE_RUNS = 5;

/**
 * Commits batches of steps over SQL.
 * S1. A batch is one database transaction, or one statement: all or nothing of it is durable.
 * S2. A lost reply is resolved by running the batch again (I9): what the first run did then stands.
 */
export class SqlStore implements StepStore {
  private readonly database: Database;
  private readonly retrier: Retrier;
  private readonly retentionMs: number;

  constructor(database: Database, retrier: Retrier, retentionMs: number) {
    this.database = database;
    this.retrier = retrier;
    this.retentionMs = retentionMs;
  }

  async commit(steps: readonly Step[]): Promise<readonly StepResult[]> {
    const standing = new Map<string, StepResult>();
    let rest = steps;
    for (let runs = 1; rest.length > 0; runs += 1) {
      try {
        const done = await this.retrier.run(() => this.write(rest));
        return resultsOf(steps, (gid) => done.get(gid) ?? standing.get(gid));
      } catch (error) {
        if (!isFault(error, 'duplicate')) throw error;
        const found = await this.existing(rest);
        if (found.size === 0 || runs === DUPLICATE_RUNS) throw broken('a key exists that cannot be found', error);
        for (const [gid, result] of found) standing.set(gid, result);
        rest = rest.filter((step) => !found.has(gidOf(step)));
      }
    }
    return resultsOf(steps, (gid) => standing.get(gid));
  }

  private write(steps: readonly Step[]): Promise<ReadonlyMap<string, StepResult>> {
    const plan = planOf(steps);
    if (isScript(plan)) return this.writeScript(plan);
    const work = async (connection: Connection) => {
      const results = new BatchResults();
      await new BatchWrite(connection, this.database.dialect, this.retentionMs, results).run(plan);
      return results.complete(connection, this.database.dialect);
    };
    return isOneStatement(plan) ? this.database.session(work) : this.database.transaction(work);
  }

  /** The hot path: one round trip for the whole batch. What lost is looked at after it. */
  private async writeScript(plan: Plan): Promise<ReadonlyMap<string, StepResult>> {
    const { dialect } = this.database;
    const lines = scriptOf(plan, dialect, this.retentionMs);
    const written = await this.database.script(lines.map(({ statement }) => statement));
    const results = new BatchResults();
    for (const [index, { note }] of lines.entries()) note(written[index] ?? { rows: 0, stampMs: 0 }, results);
    if (!results.isIncomplete) return results.known;
    return this.database.session((connection) => results.complete(connection, dialect));
  }

  /** Those of the gids to begin that are there already, as they stand. */
  private async existing(steps: readonly Step[]): Promise<ReadonlyMap<string, StepResult>> {
    const gids = steps.filter((step) => step.kind === 'begin').map(gidOf);
    const standing = new Map<string, StepResult>();
    await this.retrier.run(() =>
      this.database.session(async (connection) => {
        standing.clear();
        for (const some of chunks(gids)) {
          const names = selectGids(some);
          const there = (await connection.read(names.text, names.values)).map((row) => text(row, 'gid'));
          if (there.length === 0) continue;
          const clock = selectNow(this.database.dialect);
          const [now] = await connection.read(clock.text, clock.values);
          const select = selectTransactions(there, this.database.dialect.forUpdate);
          const rows = await connection.read(select.text, select.values);
          for (const [gid, current] of transactionsOf(rows)) {
            standing.set(gid, { kind: 'stands', atMs: now === undefined ? 0 : number(now, 'now_ms'), current });
          }
        }
      }),
    );
    return standing;
  }
}

function resultsOf(steps: readonly Step[], find: (gid: string) => StepResult | undefined): readonly StepResult[] {
  return steps.map((step) => {
    const result = find(gidOf(step));
    if (result === undefined) throw broken('a step has no result');
    return result;
  });
}

function broken(message: string, cause?: unknown): TccError {
  return isTccError(cause) ? cause : new TccError('BROKEN_INVARIANT', message, { cause });
}
