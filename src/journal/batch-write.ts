import { clip } from '../engine/model';
import {
  ATTEMPTS_KEPT,
  type AnswerStep,
  type BeginStep,
  type BranchChange,
  type DecideStep,
  type FinishStep,
  type PostponeStep,
  type RegisterStep,
} from '../engine/step';

import * as codes from './codes';
import type { Connection, Row, Written } from './database';
import type { Dialect } from './dialect';
import type { StepResult } from './journal';
import type { Group, Plan } from './plan';
import { selectDecisions, selectNow, selectTransactions } from './read-statements';
import { number, text, transactionsOf } from './rows';
import * as sql from './statements';

/** A multi-row statement holds so many rows at most, and so many bytes of payload: below SQLite's and MySQL's limits. */
export const ROWS_PER_STATEMENT = 1_000;
const PAYLOAD_BYTES_PER_STATEMENT = 4 * 1024 * 1024;

/** A statement that names branches by OR holds so many at most: SQLite allows expressions 1,000 deep. */
const KEYS_PER_STATEMENT = 200;

/**
 * Writes one plan over one connection.
 * W1. A step is `applied` only when this write changed its row; everything else `stands` (J2).
 * W2. What belongs to a step besides its row (branches, attempts) is written only when the step is applied.
 */
export class BatchWrite {
  private readonly results = new Map<string, StepResult>();
  private readonly losers: string[] = [];
  private readonly connection: Connection;
  private readonly dialect: Dialect;
  private readonly retentionMs: number;

  constructor(connection: Connection, dialect: Dialect, retentionMs: number) {
    this.connection = connection;
    this.dialect = dialect;
    this.retentionMs = retentionMs;
  }

  /** The results by gid. Rejects with a DatabaseFault 'duplicate' when a gid to begin exists. */
  async run(plan: Plan): Promise<ReadonlyMap<string, StepResult>> {
    if (plan.begins.length > 0) await this.begin(plan.begins);
    if (plan.registers.length > 0) await this.register(plan.registers);
    for (const step of plan.answers) await this.answer(step);
    for (const group of plan.decisions.values()) await this.decide(group);
    for (const step of plan.postpones) await this.postpone(step);
    for (const group of plan.finishes.values()) await this.finish(group);
    if (plan.retries.length > 0) await this.retry(plan.retries.map((step) => step.gid));
    await this.forgetAttempts(plan);
    await this.changeBranches(plan);
    await this.recordAttempts(plan);
    if (this.losers.length > 0) await this.readLosers();
    return this.results;
  }

  private async begin(steps: readonly BeginStep[]): Promise<void> {
    const { stampMs } = await this.write(
      sql.insertTransactions(
        this.dialect,
        steps.map(({ transaction, worker, dueInMs }) => ({
          gid: transaction.gid,
          name: transaction.name,
          mode: codes.mode.of(transaction.mode),
          tryOrder: codes.tryOrder.of(transaction.tryOrder),
          timeoutMs: transaction.timeoutMs,
          dueInMs: transaction.mode === 'interactive' ? transaction.timeoutMs : dueInMs,
          worker,
          branchCount: transaction.branches.length,
        })),
      ),
    );
    const rows: sql.BranchRow[] = [];
    for (const { transaction } of steps) {
      this.applied(transaction.gid, stampMs, stampMs + transaction.timeoutMs);
      for (const [ordinal, branch] of transaction.branches.entries()) {
        rows.push(branchRow(transaction.gid, branch, ordinal, stampMs));
      }
    }
    await this.insertBranches(rows);
  }

  private async insertBranches(rows: readonly sql.BranchRow[]): Promise<void> {
    let chunk: sql.BranchRow[] = [];
    let bytes = 0;
    for (const row of rows) {
      const isFull = chunk.length === ROWS_PER_STATEMENT || bytes + row.payload.length > PAYLOAD_BYTES_PER_STATEMENT;
      if (isFull && chunk.length > 0) {
        await this.write(sql.insertBranches(chunk));
        chunk = [];
        bytes = 0;
      }
      chunk.push(row);
      bytes += row.payload.length;
    }
    if (chunk.length > 0) await this.write(sql.insertBranches(chunk));
  }

  private async register(steps: readonly RegisterStep[]): Promise<void> {
    const gids = steps.map((step) => step.gid);
    const rows = await this.read(sql.lockForRegister(this.dialect, gids));
    const found = new Map(rows.map((row) => [text(row, 'gid'), row]));
    const open = new Set(steps.filter((step) => mayRegister(found.get(step.gid), step)));
    const taken = await this.takenBranches([...open]);
    const inserts: sql.BranchRow[] = [];
    for (const step of steps) {
      const row = found.get(step.gid);
      if (row === undefined || !open.has(step) || taken.has(step.gid)) {
        this.losers.push(step.gid);
        continue;
      }
      const atMs = number(row, 'now_ms');
      inserts.push(branchRow(step.gid, step.branch, number(row, 'branch_count'), atMs));
      this.applied(step.gid, atMs, number(row, 'deadline_at'));
    }
    if (inserts.length === 0) return;
    await this.write(sql.addToBranchCount(inserts.map((row) => row.gid)));
    await this.insertBranches(inserts);
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
    const isTried = step.status === 'TRIED';
    const last = step.attempts.at(-1);
    const written = await this.write(
      sql.answerBranch(this.dialect, {
        gid: step.gid,
        branchId: step.branchId,
        status: codes.branchStatus.of(step.status),
        reply: step.reply?.data ?? null,
        replyType: step.reply?.contentType ?? null,
        attempts: isTried ? 0 : (last?.attempt ?? 0),
        lastError: isTried || last === undefined ? '' : clip(`${last.code}: ${last.message}`),
      }),
    );
    await this.one(step.gid, written);
  }

  private async decide({ first, gids }: Group<DecideStep>): Promise<void> {
    const status = codes.transactionStatus.of(first.to);
    const written = await this.write(
      sql.decide(
        this.dialect,
        {
          status,
          reasonCode: first.reason === undefined ? null : codes.reasonCode.of(first.reason.code),
          reasonBranchId: first.reason?.branchId ?? null,
          reasonMessage: first.reason === undefined ? null : clip(first.reason.message),
          branchCount: first.branchCount,
          epoch: first.epoch,
          deadline: first.deadline,
          dueInMs: first.dueInMs,
          worker: first.worker,
        },
        gids,
      ),
    );
    await this.many(
      gids,
      written,
      (row) => row['status'] === status && row['decided_at'] === written.stampMs && row['worker'] === first.worker,
    );
  }

  private async finish({ first, gids }: Group<FinishStep>): Promise<void> {
    const from = codes.transactionStatus.of(first.to === 'CONFIRMED' ? 'CONFIRMING' : 'CANCELLING');
    const to = codes.transactionStatus.of(first.to);
    const written = await this.write(sql.finish(this.dialect, from, to, this.retentionMs, gids));
    await this.many(gids, written, (row) => row['status'] === to && row['finished_at'] === written.stampMs);
  }

  private async postpone(step: PostponeStep): Promise<void> {
    const { gid, due, rounds } = step;
    const from = codes.transactionStatus.of(step.from);
    await this.one(gid, await this.write(sql.postpone(this.dialect, { gid, from, due, rounds })));
  }

  /** A row that is open now was open then: terminal is for ever. */
  private async retry(gids: readonly string[]): Promise<void> {
    const terminal = [codes.transactionStatus.of('CONFIRMED'), codes.transactionStatus.of('CANCELLED')];
    const written = await this.write(sql.retryNow(this.dialect, gids));
    await this.many(gids, written, (row) => !terminal.includes(number(row, 'status')));
  }

  private async one(gid: string, written: Written): Promise<void> {
    if (written.rows === 0) this.losers.push(gid);
    else this.applied(gid, written.stampMs === 0 ? await this.now() : written.stampMs, undefined);
  }

  /** Tells winners from losers of one statement; reads the rows only when both are among them. */
  private async many(gids: readonly string[], written: Written, isOurs: (row: Row) => boolean): Promise<void> {
    let won: ReadonlySet<string> = new Set(written.rows === gids.length ? gids : []);
    if (written.rows > 0 && written.rows < gids.length) {
      const rows = await this.read(selectDecisions(gids, this.dialect.forUpdate));
      won = new Set(rows.filter(isOurs).map((row) => text(row, 'gid')));
    }
    for (const gid of gids) {
      if (won.has(gid)) this.applied(gid, written.stampMs, undefined);
      else this.losers.push(gid);
    }
  }

  private async forgetAttempts(plan: Plan): Promise<void> {
    const gids: string[] = [];
    for (const { first, gids: decided } of plan.decisions.values()) {
      if (first.to !== 'CANCELLING') continue;
      for (const gid of decided) {
        // A decision that lists every branch forgets their attempts with what it says of them.
        const isListed = (plan.changes.get(gid)?.length ?? 0) === first.branchCount;
        if (!isListed && this.isApplied(gid)) gids.push(gid);
      }
    }
    if (gids.length > 0) await this.write(sql.forgetAttempts(gids));
  }

  /** The same change of many branches (a participant that is down fails them all alike) is one statement. */
  private async changeBranches(plan: Plan): Promise<void> {
    const deciding = new Set([...plan.decisions.values()].flatMap((group) => group.gids));
    const groups = new Map<string, { change: BranchChange; atMs: number; keys: sql.BranchKey[] }>();
    for (const [gid, changes] of plan.changes) {
      const result = this.results.get(gid);
      if (result?.kind !== 'applied') continue;
      for (const each of changes) {
        // A decision begins a new phase, and attempts are counted per phase.
        const change = deciding.has(gid) ? { ...each, attempts: 0 } : each;
        const { branchId, status, attempts, refusals, lastError } = change;
        const key = JSON.stringify([status, attempts, refusals, lastError, status === undefined ? 0 : result.atMs]);
        const group = groups.get(key) ?? { change, atMs: result.atMs, keys: [] };
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
      if (!this.isApplied(gid)) continue;
      for (const { branchId, phase, attempt, code, message } of records) {
        const slot = attempt % ATTEMPTS_KEPT;
        rows.push({ gid, branchId, phase: codes.phase.of(phase), slot, attempt, code, message: clip(message) });
      }
    }
    for (const some of chunks(rows)) await this.write(sql.recordAttempts(this.dialect, some));
  }

  /** After everything else of the batch, and waiting for whoever is still committing. */
  private async readLosers(): Promise<void> {
    const atMs = await this.now();
    const rows = await this.read(selectTransactions(this.losers, this.dialect.forUpdate));
    const current = transactionsOf(rows);
    for (const gid of this.losers) this.results.set(gid, { kind: 'stands', atMs, current: current.get(gid) });
  }

  private async now(): Promise<number> {
    const [row] = await this.read(selectNow(this.dialect));
    return row === undefined ? 0 : number(row, 'now_ms');
  }

  private isApplied(gid: string): boolean {
    return this.results.get(gid)?.kind === 'applied';
  }

  private applied(gid: string, atMs: number, deadlineAt: number | undefined): void {
    this.results.set(gid, { kind: 'applied', atMs, deadlineAt });
  }

  private read(statement: sql.Sql): Promise<readonly Row[]> {
    return this.connection.read(statement.text, statement.values);
  }

  private write(statement: sql.Sql): Promise<Written> {
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

function branchRow(gid: string, branch: RegisterStep['branch'], ordinal: number, atMs: number): sql.BranchRow {
  return {
    gid,
    branchId: branch.branchId,
    ordinal,
    participant: branch.participant,
    action: branch.action,
    triedBy: codes.triedBy.of(branch.triedBy),
    payload: branch.payload.data,
    contentType: branch.payload.contentType,
    registeredAt: atMs,
  };
}

export function chunks<T>(all: readonly T[], size = ROWS_PER_STATEMENT): readonly (readonly T[])[] {
  if (all.length <= size) return all.length === 0 ? [] : [all];
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < all.length; from += size) parts.push(all.slice(from, from + size));
  return parts;
}
