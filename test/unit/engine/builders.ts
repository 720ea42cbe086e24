import type { BackoffPolicy } from '../../../src/lib/backoff';
import type { Context, Decision, Driven, Effect, Event, Rules } from '../../../src/engine/driven';
import type {
  Branch,
  BranchStatus,
  CancelReason,
  NewBranch,
  NewTransaction,
  State,
  Transaction,
} from '../../../src/engine/model';
import type { Failure, Outcome } from '../../../src/engine/outcome';
import { tcc } from '../../../src/engine/pattern';
import type { DecideStep, FinishStep, PostponeStep, Step } from '../../../src/engine/step';

export const NOW = 1_000_000;
export const DEADLINE = NOW + 30_000;

/** Without jitter, so that a delay is a number one can write down. */
export const backoff = (firstMs: number, capMs: number): BackoffPolicy => ({ firstMs, factor: 2, capMs, jitter: 0 });

export const rules: Rules = {
  leaseMs: 5_000,
  fastRetries: 2,
  fastBackoff: backoff(100, 1_000),
  backoff: backoff(200, 60_000),
  parkAfterRefusals: 3,
};

export function context(change: Partial<Context> = {}): Context {
  return { now: NOW, chance: 0, worker: 'me', pattern: tcc, rules, tryAttempts: () => 3, ...change };
}

export const reason: CancelReason = { code: 'ROLLED_BACK', branchId: '', message: 'changed my mind' };

/** One state of each status. */
export const states = {
  TRYING: { status: 'TRYING' },
  CONFIRMING: { status: 'CONFIRMING', decidedAt: NOW, parked: false },
  CONFIRMED: { status: 'CONFIRMED', decidedAt: NOW, finishedAt: NOW },
  CANCELLING: { status: 'CANCELLING', decidedAt: NOW, parked: false, reason },
  CANCELLED: { status: 'CANCELLED', decidedAt: NOW, finishedAt: NOW, reason },
} as const satisfies Record<State['status'], State>;

export function newBranch(branchId: string, change: Partial<NewBranch> = {}): NewBranch {
  return {
    branchId,
    participant: branchId,
    action: 'act',
    payload: { data: Buffer.from('{}'), contentType: 'application/json' },
    triedBy: 'coordinator',
    ...change,
  };
}

export function branch(branchId: string, status: BranchStatus, change: Partial<Branch> = {}): Branch {
  return {
    ...newBranch(branchId),
    status,
    tryReply: undefined,
    attempts: 0,
    refusals: 0,
    lastError: '',
    registeredAt: NOW,
    triedAt: undefined,
    finishedAt: undefined,
    ...change,
  };
}

export function transaction(change: Partial<Transaction> = {}): Transaction {
  return {
    gid: 'g',
    name: 'order',
    mode: 'execute',
    tryOrder: 'parallel',
    state: states.TRYING,
    createdAt: NOW,
    deadlineAt: DEADLINE,
    dueAt: NOW + 5_000,
    rounds: 0,
    epoch: 0,
    worker: 'me',
    branches: [branch('a', 'REGISTERED'), branch('b', 'REGISTERED')],
    ...change,
  };
}

export function newTransaction(change: Partial<NewTransaction> = {}): NewTransaction {
  return {
    gid: 'g',
    name: 'order',
    mode: 'execute',
    tryOrder: 'parallel',
    timeoutMs: 30_000,
    branches: [newBranch('a'), newBranch('b')],
    ...change,
  };
}

export const ok: Extract<Outcome, { kind: 'done' }> = { kind: 'done', reply: undefined, fence: undefined };
export const refused: Failure = { kind: 'refused', code: 'ABORTED', message: 'no stock' };
export const unknown: Failure = { kind: 'unknown', code: 'UNAVAILABLE', message: 'gone' };
export const never: Failure = { kind: 'never', code: 'UNIMPLEMENTED', message: 'no such method' };

export function answer(branchId: string, phase: 'try' | 'confirm' | 'cancel', outcome: Outcome, attempt = 1): Event {
  return { kind: 'answered', branchId, phase, attempt, outcome };
}

export function applied(step: Step, atMs = NOW): Event {
  return { kind: 'applied', step, atMs };
}

/** The step that a decision wants, narrowed to its kind. */
export function stepOf(decision: Decision, kind: 'decide'): DecideStep;
export function stepOf(decision: Decision, kind: 'postpone'): PostponeStep;
export function stepOf(decision: Decision, kind: 'finish'): FinishStep;
export function stepOf(decision: Decision, kind: Step['kind']): Step {
  if (decision.kind !== 'step' || decision.step.kind !== kind) {
    throw new Error(`expected a ${kind} step, got ${JSON.stringify(decision)}`);
  }
  return decision.step;
}

/** The effects of a decision that goes on. */
export function effectsOf(decision: Decision): readonly Effect[] {
  if (decision.kind !== 'go') throw new Error(`expected effects, got ${JSON.stringify(decision)}`);
  return decision.effects;
}

/** The calls among the effects: `phase branch#attempt+delay`. */
export function callsOf(decision: Decision): readonly string[] {
  return effectsOf(decision).flatMap((effect) =>
    effect.kind === 'call' ? [`${effect.phase} ${effect.branch.branchId}#${effect.attempt}+${effect.delayMs}`] : [],
  );
}

export function statusesOf({ transaction: { branches } }: Driven): readonly BranchStatus[] {
  return branches.map(({ status }) => status);
}
