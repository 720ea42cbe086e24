import { clip } from '../engine/model';
import {
  ATTEMPTS_KEPT,
  type AnswerStep,
  type BranchChange,
  type PostponeStep,
  type RegisterStep,
} from '../engine/step';

import { type BatchResults, databaseNow } from './batch-results';
import * as codes from './codes';
import type { Connection, Row, Sql, Written } from './database';
import type { Dialect } from './dialect';
import type { Plan } from './plan';
import { number, text } from './rows';
import { branchRow, byBytes, chunks, scriptOf } from './script';
import * as sql from './statements';

/** A statement that names branches by OR holds so many at most: SQLite allows expressions 1,000 deep. */
const KEYS_PER_STATEMENT = 200;

/**
 * Writes one plan over one connection, in one database transaction or one statement.
 * W2. What belongs to a step besides its row (branches, attempts) is written only when the step is applied.
 */
export class BatchWrite {
  private readonly results: BatchResults;
  private readonly connection: Connection;
  private readonly dialect: Dialect;
  private readonly retentionMs: number;

  constructor(connection: Connection, dialect: Dialect, retentionMs: number, results: BatchResults) {
    this.connection = connection;
    this.dialect = dialect;
    this.retentionMs = retentionMs;
    this.results = results;
  }

  /** Rejects with a DatabaseFault 'duplicate' when a gid to begin exists. */
  async run(plan: Plan): Promise<void> {
    for (const { statement, note } of scriptOf(plan, this.dialect, this.retentionMs)) {
      note(await this.write(statement), this.results);
    }
    if (plan.registers.length > 0) await this.register(plan.registers);
    for (const step of plan.answers) await this.answer(step);
    for (const step of plan.postpones) await this.postpone(step);
    if (plan.retries.length > 0) await this.retry(plan.retries.map((step) => step.gid));
    await this.results.tellApart(this.connection, this.dialect);
    await this.changeBranches(plan);
    await this.recordAttempts(plan);
  }

  private async register(steps: readonly RegisterStep[]): Promise<void> {
    const gids = steps.map((step) => step.gid);
    const rows = await this.read(sql.lockForRegister(this.dialect, gids));
    const found = new Map(rows.map((row) => [text(row, 'gid'), row]));
    const open = new Set(steps.filter((step) => mayRegister(found.get(step.gid), step)));
    const taken = await this.takenBranches([...open]);
    const inserts: sql.BranchRow[] = [];
    let atMs = 0;
    for (const step of steps) {
      const row = found.get(step.gid);
      if (row === undefined || !open.has(step) || taken.has(step.gid)) {
        this.results.lost(step.gid);
        continue;
      }
      atMs = number(row, 'now_ms');
      inserts.push(branchRow(step.gid, step.branch, number(row, 'branch_count')));
      this.results.applied(step.gid, atMs, number(row, 'deadline_at'));
    }
    if (inserts.length === 0) return;
    await this.write(sql.addToBranchCount(inserts.map((row) => row.gid)));
    for (const some of byBytes(inserts)) await this.write(sql.insertBranches(this.dialect, some, atMs));
  }

  private async takenBranches(steps: readonly RegisterStep[]): Promise<ReadonlySet<string>> {
    const taken = new Set<string>();
    for (const some of chunks(steps, KEYS_PER_STATEMENT)) {
      const keys = some.map((step) => ({ gid: step.gid, branchId: step.branch.branchId }));
      for (const row of await this.read(sql.selectBranchKeys(keys))) taken.add(text(row, 'gid'));
    }
    return taken;
  }

  private async answer(step: AnswerStep): Promise<void> {
    const written = await this.write(
      sql.answerBranch(this.dialect, {
        gid: step.gid,
        branchId: step.branchId,
        reply: step.reply?.data ?? null,
        replyType: step.reply?.contentType ?? null,
      }),
    );
    await this.one(step.gid, written);
  }

  private async postpone(step: PostponeStep): Promise<void> {
    const { gid, due, rounds, afterRounds } = step;
    const from = codes.transactionStatus.of(step.from);
    await this.one(gid, await this.write(sql.postpone(this.dialect, { gid, from, due, rounds, afterRounds })));
  }

  /** A row that is open now was open then: terminal is for ever. */
  private async retry(gids: readonly string[]): Promise<void> {
    const terminal = [codes.transactionStatus.of('CONFIRMED'), codes.transactionStatus.of('CANCELLED')];
    const written = await this.write(sql.retryNow(this.dialect, gids));
    this.results.changed(gids, written.rows, written.stampMs, (row) => !terminal.includes(number(row, 'status')));
  }

  private async one(gid: string, { rows, stampMs }: Written): Promise<void> {
    if (rows === 0) this.results.lost(gid);
    else this.results.applied(gid, stampMs === 0 ? await databaseNow(this.connection, this.dialect) : stampMs);
  }

  /** The same change of many branches (a participant that is down fails them all alike) is one statement. */
  private async changeBranches(plan: Plan): Promise<void> {
    const deciding = new Set([...plan.decisions.values()].flatMap((group) => group.gids));
    const groups = new Map<string, { change: BranchChange; atMs: number; keys: sql.BranchKey[] }>();
    for (const [gid, changes] of plan.changes) {
      const atMs = this.results.appliedAt(gid);
      if (atMs === undefined) continue;
      for (const each of changes) {
        // A decision begins a new phase, and attempts are counted per phase.
        const change = deciding.has(gid) ? { ...each, attempts: 0 } : each;
        const { branchId, status, attempts, refusals, lastError } = change;
        const key = JSON.stringify([status, attempts, refusals, lastError, status === undefined ? 0 : atMs]);
        const group = groups.get(key) ?? { change, atMs, keys: [] };
        groups.set(key, group);
        group.keys.push({ gid, branchId });
      }
    }
    for (const { change, atMs, keys } of groups.values()) {
      const status = change.status === undefined ? undefined : codes.branchStatus.of(change.status);
      const lastError = change.lastError === undefined ? undefined : clip(change.lastError);
      for (const some of chunks(keys, KEYS_PER_STATEMENT)) {
        const statement = sql.changeBranches({ ...change, status, lastError }, atMs, some);
        if (statement !== undefined) await this.write(statement);
      }
    }
  }

  private async recordAttempts(plan: Plan): Promise<void> {
    const rows: sql.AttemptRow[] = [];
    for (const [gid, records] of plan.attempts) {
      if (!this.results.isApplied(gid)) continue;
      for (const { branchId, phase, attempt, code, message } of records) {
        const slot = attempt % ATTEMPTS_KEPT;
        rows.push({ gid, branchId, phase: codes.phase.of(phase), slot, attempt, code, message: clip(message) });
      }
    }
    for (const some of chunks(rows)) await this.write(sql.recordAttempts(this.dialect, some));
  }

  private read(statement: Sql): Promise<readonly Row[]> {
    return this.connection.read(statement.text, statement.values);
  }

  private write(statement: Sql): Promise<Written> {
    return this.connection.write(statement.text, statement.values);
  }
}

function mayRegister(row: Row | undefined, step: RegisterStep): boolean {
  return (
    row !== undefined &&
    row['status'] === codes.transactionStatus.of('TRYING') &&
    row['mode'] === codes.mode.of('interactive') &&
    number(row, 'now_ms') < number(row, 'deadline_at') &&
    number(row, 'branch_count') < step.maxBranches
  );
}
