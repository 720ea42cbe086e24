import type { BranchStatus, CancelReason, NewBranch, NewTransaction, Payload, Phase } from './model';

/**
 * Steps are the only changes that a journal makes to transactions: each is a compare-and-set on the rows of one gid, so it
 * can be repeated when nobody knows whether it was done (I9), and loses to whatever was there first (I1, I6).
 */
export type Step = BeginStep | RegisterStep | AnswerStep | DecideStep | PostponeStep | FinishStep | RetryStep;

/** Inserts the transaction and its branches. Loses when the gid exists. */
export interface BeginStep {
  readonly kind: 'begin';
  readonly transaction: NewTransaction;
  readonly worker: string;
  /**
   * Until when nobody else needs to look at it, from now: the lease of the coordinator that drives it. Interactive
   * transactions are due at their deadline instead, whatever stands here.
   */
  readonly dueInMs: number;
}

/**
 * Adds one branch to an interactive transaction that is TRYING, before its deadline, with fewer than `maxBranches` (I2,
 * I5). Loses otherwise, and when the branch_id exists.
 */
export interface RegisterStep {
  readonly kind: 'register';
  readonly gid: string;
  readonly branch: NewBranch;
  readonly maxBranches: number;
}

/**
 * Records that the Try of one branch of an interactive transaction is done. Loses unless the transaction is TRYING and the branch
 * REGISTERED. One that failed for good is part of the decision to cancel, and one that is repeated is not recorded before its end.
 */
export interface AnswerStep {
  readonly kind: 'answer';
  readonly gid: string;
  readonly branchId: string;
  readonly reply: Payload | undefined;
  readonly attempts: readonly AttemptRecord[];
}

/** The decision (I1): TRYING → CONFIRMING or CANCELLING. Loses unless every condition holds on the row. */
export interface DecideStep {
  readonly kind: 'decide';
  readonly gid: string;
  readonly to: 'CONFIRMING' | 'CANCELLING';
  /** Present exactly when `to` is CANCELLING. */
  readonly reason: CancelReason | undefined;
  /** The number of branches that the decision knows of: a branch registered meanwhile makes it lose (I5). */
  readonly branchCount: number;
  /** Set when `branches` holds a branch that is skipped because its Try was never sent: the epoch must still be this. */
  readonly epoch: number | undefined;
  /** `open`: the deadline must not have passed; `expired`: it must have; `any`: no matter (I6). */
  readonly deadline: 'open' | 'expired' | 'any';
  /** The lease from now on. */
  readonly dueInMs: number;
  readonly worker: string;
  /** Branches whose status changes with the decision. A CONFIRM decision implies TRIED for all, so it lists none. */
  readonly branches: readonly BranchChange[];
  readonly attempts: readonly AttemptRecord[];
}

/**
 * A round of calls ended with something left to do: records the progress and when to go on. Loses unless the
 * transaction's status is still `from`. On a TRYING transaction it only moves `dueAt`.
 */
export interface PostponeStep {
  readonly kind: 'postpone';
  readonly gid: string;
  readonly from: 'TRYING' | 'CONFIRMING' | 'CANCELLING';
  /** 'parked': only an operator's retry makes it due again; 'deadline': due when its deadline passes. */
  readonly due: { readonly inMs: number } | 'deadline' | 'parked';
  /** How much `rounds` grows. */
  readonly rounds: 0 | 1;
  /**
   * Set when it parks: `rounds` must still be this. Another coordinator's round may have ended meanwhile, and the branch that
   * refused here may have acknowledged there.
   */
  readonly afterRounds: number | undefined;
  readonly branches: readonly BranchChange[];
  readonly attempts: readonly AttemptRecord[];
}

/** Every branch has acknowledged (I7): CONFIRMING → CONFIRMED or CANCELLING → CANCELLED, and every branch with it. */
export interface FinishStep {
  readonly kind: 'finish';
  readonly gid: string;
  readonly to: 'CONFIRMED' | 'CANCELLED';
  readonly attempts: readonly AttemptRecord[];
}

/** An operator wants it looked at now: due at once and not parked. Loses when terminal. */
export interface RetryStep {
  readonly kind: 'retry';
  readonly gid: string;
}

/** What changes on one branch row. Fields that are undefined stay as they are. Never moves a CONFIRMED or CANCELLED branch. */
export interface BranchChange {
  readonly branchId: string;
  readonly status: BranchStatus | undefined;
  readonly attempts: number | undefined;
  readonly refusals: number | undefined;
  readonly lastError: string | undefined;
}

/** A call that is worth a line in the timeline: it failed, or the fence found something other than a fresh call. */
export interface AttemptRecord {
  readonly branchId: string;
  readonly phase: Phase;
  /** From 1 within the phase. The journal keeps the last ATTEMPTS_KEPT per branch and phase. */
  readonly attempt: number;
  /** The gRPC status name, or the fence's outcome ('EMPTY_ROLLBACK') of a call that went well. */
  readonly code: string;
  readonly message: string;
}

/** How many attempt records are kept per branch and phase: a ring, so an endless retry fills no disk. */
export const ATTEMPTS_KEPT = 100;

export function gidOf(step: Step): string {
  return step.kind === 'begin' ? step.transaction.gid : step.gid;
}
