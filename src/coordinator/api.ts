import type { Branch, CancelReason, NewBranch, NewTransaction, Transaction } from '../engine/model';
import type { Signal } from '../lib/abort';

/**
 * When a call comes back. `finished` means that every branch has acknowledged; a cancelled transaction comes back as
 * CANCELLING after the first round of Cancel calls, when a participant could not be reached in it.
 */
export type Wait = 'accepted' | 'decided' | 'finished';

/** What the gRPC services ask of a coordinator. Every method may be repeated, on any coordinator. */
export interface TransactionApi {
  /**
   * Runs a whole transaction. Resolves with the transaction as it stands when the wait is over; a cancelled one is no
   * error. Rejects with UNKNOWN_PARTICIPANT, UNKNOWN_ACTION, GID_TAKEN, TOO_MANY_OPEN_TRANSACTIONS, DRAINING,
   * JOURNAL_UNAVAILABLE, or WAIT_ABANDONED when `signal` is aborted (the transaction goes on).
   */
  execute(transaction: NewTransaction, wait: Wait, signal: Signal): Promise<Transaction>;

  /** Opens an interactive transaction. Rejects as execute does. */
  begin(transaction: NewTransaction): Promise<Transaction>;

  /**
   * Registers the branch (I2), calls its Try within the action's attempts and the deadline, records the answer.
   * Rejects with TRANSACTION_NOT_FOUND, WRONG_STATE, BRANCH_ID_TAKEN, TOO_MANY_BRANCHES, UNKNOWN_PARTICIPANT,
   * UNKNOWN_ACTION, DRAINING, JOURNAL_UNAVAILABLE, WAIT_ABANDONED.
   */
  try(gid: string, branch: NewBranch, signal: Signal): Promise<TryResult>;

  /** Makes a branch durable that the application tries itself. Rejects as try does. */
  registerBranch(gid: string, branch: NewBranch): Promise<Branch>;

  /** Decides to confirm. Rejects with TRANSACTION_NOT_FOUND, WRONG_STATE, BRANCH_NOT_TRIED, JOURNAL_UNAVAILABLE, WAIT_ABANDONED. */
  commit(gid: string, wait: Wait, signal: Signal): Promise<Transaction>;

  /** Decides to cancel. Rejects with TRANSACTION_NOT_FOUND, WRONG_STATE, JOURNAL_UNAVAILABLE, WAIT_ABANDONED. */
  rollback(gid: string, reason: string, wait: Wait, signal: Signal): Promise<Transaction>;

  /** The transaction as it stands. Rejects with TRANSACTION_NOT_FOUND, JOURNAL_UNAVAILABLE. */
  get(gid: string): Promise<Transaction>;

  /** The transaction as it stands, and again after each change, until it is terminal or `signal` is aborted. Rejects as get does. */
  watch(gid: string, signal: Signal): AsyncIterable<Transaction>;

  /** Makes an open transaction due now and unparks it. Rejects with TRANSACTION_NOT_FOUND, WRONG_STATE, JOURNAL_UNAVAILABLE. */
  retry(gid: string): Promise<Transaction>;
}

export interface TryResult {
  readonly branch: Branch;
  readonly status: Transaction['state']['status'];
  readonly reason: CancelReason | undefined;
}
