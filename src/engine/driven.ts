import type { BackoffPolicy } from '../lib/backoff';

import { transactionDraft } from './draft';
import type { Branch, BranchStatus, CancelReason, Phase, Transaction } from './model';
import type { Failure, Outcome } from './outcome';
import type { Pattern } from './pattern';
import type { AttemptRecord, BranchChange, Step } from './step';

/**
 * A transaction in the hands of a coordinator: the row as it stands in the journal, and what this coordinator alone knows
 * about the calls that it makes. Losing it loses nothing that was promised.
 */
export interface Driven {
  readonly transaction: Transaction;
  /** By the index of the branch. */
  readonly calls: readonly CallState[];
  /** Calls worth a line in the timeline that no step has carried yet. */
  readonly records: readonly AttemptRecord[];
}

/** Where the present phase's call of one branch stands, in this coordinator's hands. */
export type CallState =
  | { readonly kind: 'idle' }
  /** Sent, or to be sent after a delay. `inPlace` counts the calls of this round, from 1. */
  | { readonly kind: 'out'; readonly attempt: number; readonly inPlace: number }
  | { readonly kind: 'done' }
  /** Given up for this round. */
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What can happen to a transaction. */
export type Event =
  /** A step of this transaction was made durable at `atMs`. */
  | { readonly kind: 'applied'; readonly step: Step; readonly atMs: number }
  /** A participant answered a call, or nobody can say. */
  | {
      readonly kind: 'answered';
      readonly branchId: string;
      readonly phase: Phase;
      readonly attempt: number;
      readonly outcome: Outcome;
    }
  /** The timer that an `arm` effect started has fired. */
  | { readonly kind: 'deadline' }
  | Command;

/** What somebody asks for. A command that loses a race is decided again on the transaction as it then stands. */
export type Command =
  /** The application decides to confirm. */
  | { readonly kind: 'commit' }
  /** The application rolls back, or the Try of a branch of an interactive transaction failed. */
  | { readonly kind: 'cancel'; readonly reason: CancelReason; readonly failed: FailedTry | undefined };

/** The Try that makes an interactive transaction cancel: what becomes of its branch, and the calls made. */
export interface FailedTry {
  readonly change: BranchChange;
  readonly records: readonly AttemptRecord[];
}

/** What the coordinator carries out, once everything it rests on is durable. */
export type Effect =
  /** Call the participant after `delayMs`. */
  | {
      readonly kind: 'call';
      readonly branch: Branch;
      readonly phase: Phase;
      readonly attempt: number;
      readonly delayMs: number;
    }
  /** Send a `deadline` event at this moment of the database's clock. */
  | { readonly kind: 'arm'; readonly atMs: number }
  /** Nothing is left to do here: it is terminal, or the scanner will take it when it is due. */
  | { readonly kind: 'release' };

/** Why a command is not allowed. */
export interface Refusal {
  readonly code: 'WRONG_STATE' | 'BRANCH_NOT_TRIED';
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * `go`: carry out the effects. `step`: make the step durable first, then say `applied`, or start again from what stands.
 * `refuse`: the command changes nothing.
 */
export type Decision =
  | { readonly kind: 'go'; readonly driven: Driven; readonly effects: readonly Effect[] }
  | { readonly kind: 'step'; readonly driven: Driven; readonly step: Step }
  | { readonly kind: 'refuse'; readonly driven: Driven; readonly refusal: Refusal };

/** What the engine may know besides the transaction. It keeps nothing of it: the next event comes with other contents. */
export interface Context {
  /** The database's clock, as well as it is known. */
  readonly now: number;
  /** Chance, drawn by the caller: in [0, 1). */
  readonly chance: number;
  readonly worker: string;
  readonly pattern: Pattern;
  readonly rules: Rules;
  /** How often an action's Try without an answer is called before the transaction is cancelled. */
  readonly tryAttempts: (branch: Branch) => number;
}

export interface Rules {
  /** How long a coordinator keeps a transaction to itself without renewing, in milliseconds. */
  readonly leaseMs: number;
  /** How often a call without an answer is repeated in place before the scanner gets it. */
  readonly fastRetries: number;
  /** Delays between those, and between repeated Try calls. */
  readonly fastBackoff: BackoffPolicy;
  /** Delays between rounds. Its cap is the slow end, where refusals go at once. */
  readonly backoff: BackoffPolicy;
  /** A branch that refuses its Confirm or Cancel this often parks its transaction. */
  readonly parkAfterRefusals: number;
}

export const NO_EFFECTS: readonly Effect[] = [];

export const idle: CallState = { kind: 'idle' };
export const done: CallState = { kind: 'done' };
/** The first call of a phase is out. */
export const firstCall: CallState = { kind: 'out', attempt: 1, inPlace: 1 };

const none: readonly AttemptRecord[] = [];

/** The transaction as it comes from the journal: no call of this coordinator's is out. */
export function inHand(transaction: Transaction): Driven {
  return { transaction, calls: transaction.branches.map(() => idle), records: none };
}

/** The same with one branch and its call changed. */
export function withBranch(driven: Driven, index: number, branch: Branch, call: CallState): Driven {
  const branches = [...driven.transaction.branches];
  const calls = [...driven.calls];
  branches[index] = branch;
  calls[index] = call;
  return withBranches(driven, branches, calls);
}

/** The same with these branches and calls. */
export function withBranches(driven: Driven, branches: readonly Branch[], calls: readonly CallState[]): Driven {
  const transaction = transactionDraft(driven.transaction);
  transaction.branches = branches;
  return { transaction, calls, records: driven.records };
}

/** A branch change that says nothing yet. */
export function change(
  branchId: string,
  status: BranchStatus | undefined,
  rest: Partial<BranchChange> = {},
): BranchChange {
  return { branchId, status, attempts: undefined, refusals: undefined, lastError: undefined, ...rest };
}

/** 'CODE: message', as operators read it. */
export function errorText(failure: Failure): string {
  return failure.message === '' ? failure.code : `${failure.code}: ${failure.message}`;
}
