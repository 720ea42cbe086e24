/**
 * What a transaction is, in the words of the protocol. Plain data: no behaviour, no clock, no I/O. All `…At` fields are
 * epoch milliseconds of the database's clock.
 */

/** Bytes that the coordinator stores and passes on, and never reads. */
export interface Payload {
  readonly data: Uint8Array;
  /** A media type; '' means application/octet-stream. */
  readonly contentType: string;
}

/** One of the three calls that a participant answers. */
export type Phase = 'try' | 'confirm' | 'cancel';

export type TransactionStatus = 'TRYING' | 'CONFIRMING' | 'CONFIRMED' | 'CANCELLING' | 'CANCELLED';

/** The statuses in which there is still something to do. */
export type OpenStatus = Exclude<TransactionStatus, TerminalStatus>;
export type TerminalStatus = 'CONFIRMED' | 'CANCELLED';

export type BranchStatus = 'REGISTERED' | 'TRIED' | 'REFUSED' | 'UNKNOWN' | 'CONFIRMED' | 'CANCELLED';

/** Why a transaction was cancelled: part of the decision, so it never changes. */
export interface CancelReason {
  readonly code: 'REFUSED' | 'TIMED_OUT' | 'UNREACHABLE' | 'ROLLED_BACK';
  /** The branch that caused it; '' when no single branch did. */
  readonly branchId: string;
  /** The participant's or the application's words, at most MESSAGE_LENGTH characters. */
  readonly message: string;
}

/** Reasons and error texts are cut to this many characters: long enough for a sentence, short enough for an index page. */
export const MESSAGE_LENGTH = 512;

/** Cuts a text to MESSAGE_LENGTH characters. */
export function clip(text: string): string {
  return text.length <= MESSAGE_LENGTH ? text : `${text.slice(0, MESSAGE_LENGTH - 1)}…`;
}

/** What the application says about a branch when it adds it. A repeat must match all of it. */
export interface NewBranch {
  readonly branchId: string;
  readonly participant: string;
  readonly action: string;
  readonly payload: Payload;
  /** Who calls its Try: the coordinator, or the application itself (RegisterBranch), whose Commit is then the word that it is done. */
  readonly triedBy: 'coordinator' | 'application';
}

export interface Branch extends NewBranch {
  readonly status: BranchStatus;
  readonly tryReply: Payload | undefined;
  /** Recorded calls of the present phase that did not go well. */
  readonly attempts: number;
  /** Of those since the decision, how many were refusals: broken promises. */
  readonly refusals: number;
  /** 'CODE: message' of the last recorded failing call, or ''. */
  readonly lastError: string;
  readonly registeredAt: number;
  readonly triedAt: number | undefined;
  readonly finishedAt: number | undefined;
}

/**
 * `execute`: all branches came with the begin, and a coordinator drives the Try phase. `interactive`: the application adds branches
 * one by one and decides.
 */
export type Mode = 'execute' | 'interactive';

export type TryOrder = 'parallel' | 'sequential';

/** What the application says about a transaction when it begins it. A repeat must match all of it but the timeout. */
export interface NewTransaction {
  readonly gid: string;
  readonly name: string;
  readonly mode: Mode;
  readonly tryOrder: TryOrder;
  readonly timeoutMs: number;
  /** In order; their index is their ordinal. Empty for interactive ones. */
  readonly branches: readonly NewBranch[];
}

/** Where a transaction stands, with what belongs to that state only. */
export type State =
  | { readonly status: 'TRYING' }
  | { readonly status: 'CONFIRMING'; readonly decidedAt: number; readonly parked: boolean }
  | { readonly status: 'CONFIRMED'; readonly decidedAt: number; readonly finishedAt: number }
  | {
      readonly status: 'CANCELLING';
      readonly decidedAt: number;
      readonly parked: boolean;
      readonly reason: CancelReason;
    }
  | {
      readonly status: 'CANCELLED';
      readonly decidedAt: number;
      readonly finishedAt: number;
      readonly reason: CancelReason;
    };

export interface Transaction {
  readonly gid: string;
  readonly name: string;
  readonly mode: Mode;
  readonly tryOrder: TryOrder;
  readonly state: State;
  readonly createdAt: number;
  readonly deadlineAt: number;
  /** When a coordinator must look at it next; undefined when terminal or parked. */
  readonly dueAt: number | undefined;
  /** Rounds of calls since the decision that ended with a branch unacknowledged. */
  readonly rounds: number;
  /** How often it changed hands. A decision that skips branches whose Try was not sent holds only while this stands still. */
  readonly epoch: number;
  /** The coordinator that worked on it last. */
  readonly worker: string;
  /** In the order of registration. */
  readonly branches: readonly Branch[];
}

export function isTerminal(status: TransactionStatus): status is TerminalStatus {
  return status === 'CONFIRMED' || status === 'CANCELLED';
}

/** The cancel reason, where the state has one. */
export function cancelReasonOf(state: State): CancelReason | undefined {
  return state.status === 'CANCELLING' || state.status === 'CANCELLED' ? state.reason : undefined;
}
