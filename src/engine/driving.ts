/**
 * The phases after the decision: Confirm or Cancel to every branch until each has acknowledged (I7).
 * D1. Only what the durable decision allows is called (I3, I4).
 * D2. A round ends when no call is out: finished, or postponed with its progress.
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
  type Context,
  type Decision,
  type Driven,
  type Effect,
} from './driven';
import { clip, isTerminal, type Branch, type Transaction } from './model';
import type { Failure, Outcome } from './outcome';
import type { Stage } from './pattern';
import type { FinishStep, PostponeStep } from './step';
import { recordOf } from './trying';

/** The stage of a transaction that is open and decided. */
export function stageOf(transaction: Transaction, context: Context): Stage | undefined {
  const { status } = transaction.state;
  return isTerminal(status) ? undefined : context.pattern[status];
}

/** Calls every branch that has not acknowledged; with none left, finishes. */
export function driveRound(driven: Driven, stage: Stage): Decision {
  const effects: Effect[] = [];
  const calls = driven.transaction.branches.map((branch, index) => {
    if (branch.status === stage.done) return done;
    const call = driven.calls[index];
    if (call?.kind === 'out') return call;
    const attempt = branch.attempts + 1;
    effects.push({ kind: 'call', branch, phase: stage.phase, attempt, delayMs: 0 });
    return attempt === 1 ? firstCall : ({ kind: 'out', attempt, inPlace: 1 } as const);
  });
  if (effects.length === 0 && calls.every((call) => call.kind === 'done')) return finish(driven, stage);
  return { kind: 'go', driven: { ...driven, calls }, effects };
}

/** A Confirm or Cancel was answered. */
export function roundAnswered(
  driven: Driven,
  stage: Stage,
  index: number,
  branch: Branch,
  call: { readonly attempt: number; readonly inPlace: number },
  outcome: Outcome,
  context: Context,
): Decision {
  const record = recordOf(branch.branchId, stage.phase, call.attempt, outcome);
  const noted = record === undefined ? driven : { ...driven, records: [...driven.records, record] };
  if (outcome.kind === 'done') {
    const acknowledged = branchDraft(branch);
    acknowledged.status = stage.done;
    const next = withBranch(noted, index, acknowledged, done);
    return next.calls.every((each) => each.kind === 'done') ? finish(next, stage) : endOfRound(next, stage, context);
  }
  const failed = branchDraft(branch);
  failed.attempts = call.attempt;
  failed.refusals += outcome.kind === 'refused' ? 1 : 0;
  failed.lastError = clip(errorText(outcome));
  if (outcome.kind === 'unknown' && call.inPlace <= context.rules.fastRetries) {
    const attempt = call.attempt + 1;
    const delayMs = backoffMs(context.rules.fastBackoff, call.inPlace, () => context.chance);
    const next = withBranch(noted, index, failed, { kind: 'out', attempt, inPlace: call.inPlace + 1 });
    return {
      kind: 'go',
      driven: next,
      effects: [{ kind: 'call', branch: failed, phase: stage.phase, attempt, delayMs }],
    };
  }
  return endOfRound(withBranch(noted, index, failed, { kind: 'failed', failure: outcome }), stage, context);
}

function endOfRound(driven: Driven, stage: Stage, context: Context): Decision {
  if (driven.calls.some((call) => call.kind === 'out')) return { kind: 'go', driven, effects: NO_EFFECTS };
  return { kind: 'step', driven, step: postpone(driven, stage, context) };
}

function finish(driven: Driven, stage: Stage): Decision {
  const to = stage.finishesAs;
  if (to === undefined) return { kind: 'go', driven, effects: NO_EFFECTS };
  const step: FinishStep = { kind: 'finish', gid: driven.transaction.gid, to, attempts: driven.records };
  return { kind: 'step', driven, step };
}

function postpone(driven: Driven, stage: Stage, context: Context): PostponeStep {
  const { transaction, calls } = driven;
  const failures = calls.flatMap((call) => (call.kind === 'failed' ? [call.failure] : []));
  // Only a refusal parks: an operator's retry that finds the participant away must not be parked by the refusals of old.
  const parked = transaction.branches.some((branch, index) => {
    const call = calls[index];
    const refused = call?.kind === 'failed' && call.failure.kind === 'refused';
    return refused && branch.refusals >= context.rules.parkAfterRefusals;
  });
  return {
    kind: 'postpone',
    gid: transaction.gid,
    from: transaction.state.status as PostponeStep['from'],
    due: parked ? 'parked' : { inMs: roundDelayMs(failures, transaction.rounds + 1, context) },
    rounds: 1,
    afterRounds: parked ? transaction.rounds : undefined,
    branches: transaction.branches.map((branch) =>
      branch.status === stage.done
        ? change(branch.branchId, branch.status)
        : change(branch.branchId, undefined, {
            attempts: branch.attempts,
            refusals: branch.refusals,
            lastError: branch.lastError,
          }),
    ),
    attempts: driven.records,
  };
}

/** No answer: the backoff of the round. A refusal, or a call that will never work as things are: the slow end at once. */
function roundDelayMs(failures: readonly Failure[], round: number, context: Context): number {
  const { backoff } = context.rules;
  const slow = failures.some((failure) => failure.kind !== 'unknown');
  return backoffMs(slow ? { ...backoff, firstMs: backoff.capMs } : backoff, round, () => context.chance);
}
