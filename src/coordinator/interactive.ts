/**
 * Branches of interactive transactions: registered one by one, tried by the coordinator or by the application.
 * N1. A branch is durable before its Try is sent (I2), and only while the transaction is undecided (I5).
 * N2. The application gets a Try's OK only after it is durable (I8).
 * N3. After stop() no Try is called, recorded or waited for (I13).
 */
import { Abort } from '../lib/abort';
import { sleep, type Clock } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Random } from '../lib/random';
import { sameBranch } from '../engine/content';
import { change, errorText, type Command, type Rules } from '../engine/driven';
import { cancelReasonOf, clip, type Branch, type NewBranch, type Transaction } from '../engine/model';
import type { Outcome } from '../engine/outcome';
import type { AnswerStep, AttemptRecord } from '../engine/step';
import { judgeTry, recordOf } from '../engine/trying';
import { type Directory, type Invoker, outcomeOf } from '../invoker/invoker';
import type { Journal } from '../journal/journal';

import type { TryResult } from './api';
import { registered } from './begun';
import type { DatabaseTime } from './database-time';
import { draining, missing } from './refusals';

export interface InteractiveDeps {
  readonly journal: Pick<Journal, 'append'>;
  readonly invoker: Invoker;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly time: DatabaseTime;
  readonly rules: Rules;
  readonly maxBranches: number;
  /** Puts a command to the transaction and resolves with it once that is durable. */
  readonly command: (gid: string, command: Command) => Promise<Transaction>;
}

/** A branch that is durable, and the deadline of its transaction (database's clock, epoch ms). */
interface Registered {
  readonly branch: Branch;
  readonly deadlineAt: number;
  /** Set when the branch was there before: its transaction as it stands. */
  readonly standing: Transaction | undefined;
}

export class InteractiveBranches {
  private readonly deps: InteractiveDeps;
  private readonly underWay = new Set<Promise<unknown>>();
  private readonly stopping = new Abort();

  constructor(deps: InteractiveDeps) {
    this.deps = deps;
  }

  /** Makes a branch durable, or finds the same one. */
  async register(gid: string, asked: NewBranch): Promise<Registered> {
    const { journal, directory, maxBranches, time } = this.deps;
    await directory.action(asked.participant, asked.action);
    const result = await journal.append({ kind: 'register', gid, branch: asked, maxBranches });
    time.seen(result.atMs);
    if (result.kind === 'applied') {
      if (result.deadlineAt === undefined)
        throw new TccError('BROKEN_INVARIANT', 'a register step came back without a deadline');
      return { branch: registered(asked, result.atMs), deadlineAt: result.deadlineAt, standing: undefined };
    }
    const { current } = result;
    if (current === undefined) throw missing(gid);
    const branch = current.branches.find(({ branchId }) => branchId === asked.branchId);
    if (branch === undefined) throw whyNotRegistered(current, maxBranches, result.atMs);
    if (!sameBranch(asked, branch)) {
      throw new TccError(
        'BRANCH_ID_TAKEN',
        `transaction ${gid} has another branch ${asked.branchId}; choose another branch_id`,
        {
          metadata: { gid, branchId: asked.branchId },
        },
      );
    }
    return { branch, deadlineAt: current.deadlineAt, standing: current };
  }

  /** Registers the branch and calls its Try until there is an answer to act on. */
  try(gid: string, asked: NewBranch): Promise<TryResult> {
    const run = this.registerAndTry(gid, asked).finally(() => this.underWay.delete(run));
    this.underWay.add(run);
    return run;
  }

  /** Resolves when every Try that was asked for has come to its end. */
  async idle(): Promise<void> {
    await Promise.allSettled([...this.underWay]);
  }

  /** Gives up what is under way: its callers hear DRAINING. */
  stop(): void {
    this.stopping.abort();
  }

  private async registerAndTry(gid: string, asked: NewBranch): Promise<TryResult> {
    const { branch, deadlineAt, standing } = await this.register(gid, asked);
    const undecided = standing === undefined || standing.state.status === 'TRYING';
    const open = branch.status === 'REGISTERED' || branch.status === 'UNKNOWN';
    if (!undecided || !open) return resultOf(branch, standing);
    return this.callUntilAnswered(gid, branch, deadlineAt);
  }

  private async callUntilAnswered(gid: string, branch: Branch, deadlineAt: number): Promise<TryResult> {
    const { directory, time, random, rules, clock } = this.deps;
    const records: AttemptRecord[] = [];
    for (let attempt = 1; ; attempt += 1) {
      this.refuseWhenStopped();
      const outcome = await this.call(gid, branch, attempt, deadlineAt);
      this.refuseWhenStopped();
      const record = recordOf(branch.branchId, 'try', attempt, outcome);
      if (record !== undefined) records.push(record);
      if (outcome.kind === 'done') return this.recordTried(gid, branch, outcome, records);
      const tryAttempts = (of: Branch) => directory.policyOf(of.participant, of.action).tryAttempts;
      const verdict = judgeTry(branch, attempt, outcome, deadlineAt, {
        now: time.now(),
        chance: random(),
        rules,
        tryAttempts,
      });
      if (verdict.kind === 'again') {
        await sleep(clock, verdict.delayMs, this.stopping);
        continue;
      }
      const failed = {
        change: change(branch.branchId, outcome.kind === 'refused' ? 'REFUSED' : 'UNKNOWN', {
          lastError: clip(errorText(outcome)),
        }),
        records,
      };
      const transaction = await this.deps.command(gid, { kind: 'cancel', reason: verdict.reason, failed });
      return resultOf(transaction.branches.find(({ branchId }) => branchId === branch.branchId) ?? branch, transaction);
    }
  }

  private refuseWhenStopped(): void {
    if (this.stopping.aborted) throw draining('repeat the Try on another one');
  }

  private call(gid: string, branch: Branch, attempt: number, deadlineAt: number): Promise<Outcome> {
    const { invoker, directory, time } = this.deps;
    const { participant, action, branchId, payload } = branch;
    const { callTimeoutMs } = directory.policyOf(participant, action);
    const timeoutMs = Math.max(1, Math.min(callTimeoutMs, deadlineAt - time.now()));
    return outcomeOf(invoker, { participant, action, phase: 'try', gid, branchId, attempt, payload, timeoutMs });
  }

  private async recordTried(
    gid: string,
    branch: Branch,
    outcome: Extract<Outcome, { kind: 'done' }>,
    attempts: readonly AttemptRecord[],
  ): Promise<TryResult> {
    const step: AnswerStep = {
      kind: 'answer',
      gid,
      branchId: branch.branchId,
      reply: outcome.reply,
      attempts,
    };
    const result = await this.deps.journal.append(step);
    this.deps.time.seen(result.atMs);
    if (result.kind === 'applied') {
      const tried: Branch = { ...branch, status: 'TRIED', tryReply: outcome.reply, triedAt: result.atMs };
      return { branch: tried, status: 'TRYING', reason: undefined };
    }
    if (result.current === undefined) throw missing(gid);
    return resultOf(
      result.current.branches.find(({ branchId }) => branchId === branch.branchId) ?? branch,
      result.current,
    );
  }
}

function resultOf(branch: Branch, transaction: Transaction | undefined): TryResult {
  if (transaction === undefined) return { branch, status: 'TRYING', reason: undefined };
  return { branch, status: transaction.state.status, reason: cancelReasonOf(transaction.state) };
}

function whyNotRegistered(current: Transaction, maxBranches: number, now: number): TccError {
  const { gid, state } = current;
  const metadata = { gid, status: state.status };
  if (state.status !== 'TRYING') {
    return new TccError('WRONG_STATE', `transaction ${gid} is ${state.status}: it takes no more branches`, {
      metadata,
    });
  }
  if (current.mode === 'execute') {
    return new TccError('WRONG_STATE', `transaction ${gid} was begun by Execute: its branches came with it`, {
      metadata,
    });
  }
  if (now >= current.deadlineAt) {
    return new TccError('WRONG_STATE', `the deadline of transaction ${gid} has passed: it is about to be cancelled`, {
      metadata,
    });
  }
  return new TccError('TOO_MANY_BRANCHES', `transaction ${gid} has ${maxBranches} branches, which is the limit`, {
    metadata,
  });
}
