/**
 * Transactions as an application sees them: plain data, times in epoch milliseconds of the database's clock. A field that
 * has no value yet is absent.
 */

/** Where a transaction stands. CONFIRMED and CANCELLED are terminal. */
export type TransactionStatus = 'TRYING' | 'CONFIRMING' | 'CONFIRMED' | 'CANCELLING' | 'CANCELLED';

/** Where one branch stands. UNKNOWN: its Try may or may not have taken effect. */
export type BranchStatus = 'REGISTERED' | 'TRIED' | 'REFUSED' | 'UNKNOWN' | 'CONFIRMED' | 'CANCELLED';

/**
 * Why a transaction was cancelled: a participant refused (REFUSED), the deadline passed before the decision (TIMED_OUT), a
 * Try stayed without an answer (UNREACHABLE), or the application asked for it (ROLLED_BACK).
 */
export type CancelCode = 'REFUSED' | 'TIMED_OUT' | 'UNREACHABLE' | 'ROLLED_BACK';

export interface CancelReasonView {
  readonly code: CancelCode;
  /** The branch that caused it; '' when no single branch did. */
  readonly branchId: string;
  /** The participant's or the application's own words, at most 512 characters. */
  readonly message: string;
}

/** Bytes with a media type, where JSON does not fit. */
export interface RawPayload {
  readonly bytes: Uint8Array;
  /** Such as 'application/protobuf'. */
  readonly contentType: string;
}

export interface BranchView {
  readonly branchId: string;
  readonly participant: string;
  readonly action: string;
  readonly status: BranchStatus;
  /**
   * The participant's reply to the Try: decoded when it is JSON, else a RawPayload. Absent when it sent none, and in
   * `execute` when another call than this one ran the Try.
   */
  readonly reply?: unknown;
  /** Calls of the present phase that did not go well and are recorded. */
  readonly attempts: number;
  /** 'CODE: message' of the last recorded failing call; '' when none failed. */
  readonly lastError: string;
  readonly registeredAtMs: number;
  readonly triedAtMs?: number;
  readonly finishedAtMs?: number;
}

export interface TransactionView {
  readonly gid: string;
  /** What the application calls this kind of transaction; may be ''. */
  readonly name: string;
  readonly status: TransactionStatus;
  /** Decided, and its retries wait for an operator (`tccctl retry`). */
  readonly parked: boolean;
  /** Present once it is CANCELLING. */
  readonly cancelReason?: CancelReasonView;
  /** In the order of their registration. Empty in lists. */
  readonly branches: readonly BranchView[];
  readonly createdAtMs: number;
  /** When it is cancelled unless it is decided before. */
  readonly deadlineAtMs: number;
  readonly decidedAtMs?: number;
  readonly finishedAtMs?: number;
  /** When a coordinator must look at it next; absent when it is terminal or parked. */
  readonly dueAtMs?: number;
  /** Rounds of Confirm or Cancel calls that left something to do. */
  readonly rounds: number;
}

/** True once nothing can change any more. */
export function isTerminal(status: TransactionStatus): boolean {
  return status === 'CONFIRMED' || status === 'CANCELLED';
}

/** True once the decision to cancel is durable. */
export function isCancelled(status: TransactionStatus): status is 'CANCELLING' | 'CANCELLED' {
  return status === 'CANCELLING' || status === 'CANCELLED';
}
