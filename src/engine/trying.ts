/**
 * The Try phase and the decision that ends it (I1, I3, I4, I5, I6).
 * T1. CONFIRM is decided only when every branch is known TRIED and the deadline has not passed.
 * T2. A branch counts as never sent only while this coordinator alone can have sent it: such a branch is skipped by a CANCEL
 *     decision that holds only while the transaction's epoch stands still.
 */
import { backoffMs } from '../lib/backoff';

import { branchDraft } from './draft';
import {
  change,
  done,
  errorText,
  firstCall,
  NO_EFFECTS,
  withBranch,
  withBranches,
  type Context,
  type Decision,
  type Driven,
  type Effect,
} from './driven';
import { clip, type Branch, type CancelReason } from './model';
import type { Failure, Outcome } from './outcome';
import type { AttemptRecord, BranchChange, DecideStep } from './step';

/** What a failed Try leads to: another call after a delay, or the decision to cancel. */
export type TryVerdict =
  { readonly kind: 'again'; readonly delayMs: number } | { readonly kind: 'cancel'; readonly reason: CancelReason };

/** Judges a failed Try by the protocol's table of answers. `attempt` counts the calls so far, from 1. */
export function judgeTry(
  branch: Branch,
  attempt: number,
  failure: Failure,
  deadlineAt: number,
  context: Pick<Context, 'now' | 'chance' | 'rules' | 'tryAttempts'>,
): TryVerdict {
  const message = clip(failure.kind === 'refused' ? failure.message : errorText(failure));
  if (failure.kind === 'refused')
    return { kind: 'cancel', reason: { code: 'REFUSED', branchId: branch.branchId, message } };
  const delayMs = backoffMs(context.rules.fastBackoff, attempt, () => context.chance);
  const mayRepeat = failure.kind === 'unknown' && attempt < context.tryAttempts(branch);
  if (mayRepeat && context.now + delayMs < deadlineAt) return { kind: 'again', delayMs };
  // The call's own time ends with the deadline: which of the two is noticed first must not make the reason.
  const outOfTime = failure.kind === 'unknown' && (mayRepeat || context.now >= deadlineAt);
  return {
    kind: 'cancel',
    reason: { code: outOfTime ? 'TIMED_OUT' : 'UNREACHABLE', branchId: branch.branchId, message },
  };
}

/** Starts or goes on with the Try phase of an Execute: calls what is to be called next, or decides. */
export function advanceTry(driven: Driven, context: Context, already: readonly Effect[] = NO_EFFECTS): Decision {
  const { transaction } = driven;
  if (transaction.branches.every((branch) => branch.status === 'TRIED')) return confirm(driven, context);
  const next = nextTries(driven);
  if (next.length === 0) return { kind: 'go', driven, effects: already };
  const branches = [...transaction.branches];
  const calls = [...driven.calls];
  const effects = [...already];
  for (const index of next) {
    const branch = branches[index];
    if (branch === undefined) continue;
    // From here on the Try may have been sent, whatever becomes of this coordinator.
    const called = branchDraft(branch);
    called.status = 'UNKNOWN';
    branches[index] = called;
    calls[index] = firstCall;
    effects.push({ kind: 'call', branch: called, phase: context.pattern.TRYING.phase, attempt: 1, delayMs: 0 });
  }
  return { kind: 'go', driven: withBranches(driven, branches, calls), effects };
}

const NOBODY: readonly number[] = [];

/** The indexes of the branches whose Try is to be called now. */
function nextTries({ transaction, calls }: Driven): readonly number[] {
  let next: number[] | undefined;
  for (const [index, branch] of transaction.branches.entries()) {
    if (branch.status === 'TRIED') continue;
    if (calls[index]?.kind === 'idle') (next ??= []).push(index);
    if (transaction.tryOrder === 'sequential') break;
  }
  return next ?? NOBODY;
}

/** A Try of an Execute was answered. */
export function tryAnswered(
  driven: Driven,
  index: number,
  branch: Branch,
  attempt: number,
  outcome: Outcome,
  context: Context,
): Decision {
  const { transaction } = driven;
  if (outcome.kind === 'done') {
    const tried = branchDraft(branch);
    tried.status = context.pattern.TRYING.done;
    tried.tryReply = outcome.reply;
    const noted = note(driven, branch.branchId, context, attempt, outcome);
    return advanceTry(withBranch(noted, index, tried, done), context);
  }
  const verdict = judgeTry(branch, attempt, outcome, transaction.deadlineAt, context);
  const failedBranch = branchDraft(branch);
  failedBranch.attempts = attempt;
  failedBranch.lastError = clip(errorText(outcome));
  const noted = note(driven, branch.branchId, context, attempt, outcome);
  if (verdict.kind === 'again') {
    const again = attempt + 1;
    const effect: Effect = {
      kind: 'call',
      branch: failedBranch,
      phase: context.pattern.TRYING.phase,
      attempt: again,
      delayMs: verdict.delayMs,
    };
    return {
      kind: 'go',
      driven: withBranch(noted, index, failedBranch, { kind: 'out', attempt: again, inPlace: again }),
      effects: [effect],
    };
  }
  if (outcome.kind === 'refused') failedBranch.status = 'REFUSED';
  const failed = withBranch(noted, index, failedBranch, { kind: 'failed', failure: outcome });
  return cancel(failed, verdict.reason, 'any', context);
}

function note(driven: Driven, branchId: string, context: Context, attempt: number, outcome: Outcome): Driven {
  const record = recordOf(branchId, context.pattern.TRYING.phase, attempt, outcome);
  return record === undefined ? driven : { ...driven, records: [...driven.records, record] };
}

/** The line that a call deserves in the timeline; none for a plain success. */
export function recordOf(
  branchId: string,
  phase: AttemptRecord['phase'],
  attempt: number,
  outcome: Outcome,
): AttemptRecord | undefined {
  if (outcome.kind !== 'done') return { branchId, phase, attempt, code: outcome.code, message: clip(outcome.message) };
  if (outcome.fence === undefined || outcome.fence === 'FRESH') return undefined;
  return { branchId, phase, attempt, code: outcome.fence, message: '' };
}

/** The step that decides to confirm. */
export function confirm(driven: Driven, context: Context): Decision {
  const { transaction } = driven;
  const step: DecideStep = {
    kind: 'decide',
    gid: transaction.gid,
    to: 'CONFIRMING',
    reason: undefined,
    branchCount: transaction.branches.length,
    epoch: undefined,
    deadline: 'open',
    dueInMs: context.rules.leaseMs,
    worker: context.worker,
    branches: [],
    attempts: driven.records,
  };
  return { kind: 'step', driven, step };
}

/** The step that decides to cancel. */
export function cancel(
  driven: Driven,
  reason: CancelReason,
  deadline: DecideStep['deadline'],
  context: Context,
): Decision {
  const { transaction } = driven;
  const branches = transaction.mode === 'execute' ? transaction.branches.map(knownAtCancel) : [];
  const skips = branches.some((branch) => branch.status === 'CANCELLED');
  const step: DecideStep = {
    kind: 'decide',
    gid: transaction.gid,
    to: 'CANCELLING',
    reason,
    branchCount: transaction.branches.length,
    epoch: skips ? transaction.epoch : undefined,
    deadline,
    dueInMs: context.rules.leaseMs,
    worker: context.worker,
    branches,
    attempts: driven.records,
  };
  return { kind: 'step', driven, step };
}

/** What the decision to cancel says about a branch: REGISTERED in this coordinator's hands means that its Try was never sent (T2). */
function knownAtCancel(branch: Branch): BranchChange {
  if (branch.status === 'REGISTERED') return change(branch.branchId, 'CANCELLED');
  return change(branch.branchId, branch.status, branch.lastError === '' ? {} : { lastError: branch.lastError });
}
