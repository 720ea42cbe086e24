import type { Phase, Transaction, TransactionStatus } from '../engine/model';
import type { Step } from '../engine/step';

/**
 * The journal: the only truth about transactions.
 * J1. When a step's promise resolves with `applied`, it is durable (I8).
 * J2. A step that lost, or about which nobody can say whether it or somebody else's equal step was first, resolves with
 *     `stands`: the transaction as it is now, read after the fact. The caller goes on from that (I1, I6, I9).
 * J3. A step's promise rejects only with JOURNAL_UNAVAILABLE: the step may or may not be done, and repeating it is safe.
 *     Any other error is a bug and is BROKEN_INVARIANT.
 * J4. Steps of one gid never share a commit; those of different gids do, and one that fails fails no other.
 */
export interface Journal {
  /** Makes one step durable. */
  append(step: Step): Promise<StepResult>;

  /** The same, and tells whoever asked instead of a promise: once, and after this has returned. */
  submit(step: Step, submitter: Submitter): void;

  /** The transactions with these gids, with branches; unknown gids are absent. */
  load(gids: readonly string[]): Promise<ReadonlyMap<string, Transaction>>;

  /** Open gids whose dueAt has passed, longest due first, at most `limit`; and in how many ms the next one after is due. */
  due(limit: number): Promise<Due>;

  /**
   * Takes due transactions: dueAt = now + leaseMs, epoch + 1, worker. Returns those that were taken, with branches.
   * `even`: 'due' takes only what is (still) due; 'held' takes it from whoever holds it (a repeated Execute).
   */
  claim(gids: readonly string[], lease: Lease, even: 'due' | 'held'): Promise<readonly Transaction[]>;

  /** Pushes dueAt to now + leaseMs for those of `gids` that are open, unparked, and whose worker is still this one. */
  renew(gids: readonly string[], lease: Lease): Promise<void>;

  /** Deletes up to `limit` terminal transactions whose retention is over, with branches and attempts (I12). Returns how many. */
  purge(limit: number): Promise<number>;

  /** Recorded attempts of a transaction, oldest first. */
  attempts(gid: string): Promise<readonly StoredAttempt[]>;

  /** One page of transactions without branches, descending by gid. */
  list(filter: TransactionFilter): Promise<readonly Transaction[]>;

  /** The database's clock, epoch ms. Rejects with JOURNAL_UNAVAILABLE when it cannot be reached. */
  now(): Promise<number>;
}

/** Who hears what became of a step that it has submitted. What a promise would resolve with, or reject with. */
export interface Submitter {
  stepped(step: Step, result: StepResult): void;
  failed(step: Step, error: Error): void;
}

export type StepResult =
  /** Durable. `atMs` is the database's clock when it was written. `deadlineAt` is the transaction's, after begin and register. */
  | { readonly kind: 'applied'; readonly atMs: number; readonly deadlineAt: number | undefined }
  /** See J2. `current` is undefined when no such transaction exists. */
  | { readonly kind: 'stands'; readonly atMs: number; readonly current: Transaction | undefined };

/**
 * What the batcher commits through. The results are in the order of the steps, which are of different gids. It either
 * commits all steps (each applied or standing) or rejects: with JOURNAL_UNAVAILABLE when nobody knows whether they are done,
 * with anything else when none is done because of one of them, so that the batcher looks for that one.
 */
export interface StepStore {
  commit(steps: readonly Step[]): Promise<readonly StepResult[]>;
}

export interface Due {
  readonly gids: readonly string[];
  /**
   * Milliseconds until the first transaction that is not in `gids` becomes due: 0 when more are due than were asked for,
   * undefined when there is none.
   */
  readonly nextInMs: number | undefined;
}

export interface Lease {
  readonly worker: string;
  readonly leaseMs: number;
}

export interface StoredAttempt {
  readonly branchId: string;
  readonly phase: Phase;
  readonly attempt: number;
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

export interface TransactionFilter {
  /** Empty: any. */
  readonly statuses: readonly TransactionStatus[];
  readonly name: string | undefined;
  readonly participant: string | undefined;
  readonly olderThanMs: number | undefined;
  readonly parkedOnly: boolean;
  readonly gidPrefix: string | undefined;
  readonly minRounds: number | undefined;
  /** Only gids below this one (the last of the page before). */
  readonly beforeGid: string | undefined;
  readonly limit: number;
}
