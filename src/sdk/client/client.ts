import { type IdSource, ulidSource } from '../../lib/ids';
import { tccV1 } from '../../wire/proto';
import { branchesToProto, BranchNames, branchToProto } from './branches';
import { calls, type TransactionReply, type TryReply } from './calls';
import { reasonFromProto, statusFromProto, transactionFromProto } from './convert';
import { cancelledError, TccRequestError, throwIfCancelled } from './errors';
import type { Ask, Failover } from './failover';
import {
  CALL_MS,
  checkedTimeoutMs,
  type ClientOptions,
  DEFAULT_TIMEOUT_MS,
  EXPLAIN_MS,
  GRACE_MS,
  openFailover,
  WAIT_MS,
} from './options';
import { decodePayload } from './payload';
import {
  type BeginOptions,
  type BranchCallOptions,
  type CallOptions,
  type DecideOptions,
  type ExecuteOptions,
  type RollbackOptions,
  stillWaiting,
  tryOrderToProto,
  waitToProto,
} from './requests';
import { type RunOptions, type RunResult, runTransaction, type TransactionScope } from './run';
import { isCancelled, type TransactionView } from './views';
import { watchTransaction } from './watch';

const getMethod = tccV1.TransactionService.service.Get;

/**
 * Runs transactions on whichever coordinator answers. Every call may be repeated, and the client repeats it by itself
 * while no coordinator answers, until the transaction's timeout and a grace of 10 seconds are over.
 *
 * Every method rejects with UnavailableError when that time is over, with TccRequestError when the request is at fault, and
 * with the signal's reason when it is aborted.
 */
export class TccClient {
  private readonly failover: Failover;
  private readonly timeoutMs: number;
  private readonly newGid: IdSource = ulidSource();

  /** @internal `failover`: what carries the calls, where it is not gRPC. */
  constructor(options: ClientOptions, failover?: Failover) {
    this.timeoutMs = checkedTimeoutMs(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.failover = failover ?? openFailover(options);
  }

  /**
   * Runs a whole transaction. Resolves once what `wait` names has come: with CONFIRMED by default.
   * Rejects with RefusedError, TimedOutError or CancelledError when it is cancelled, unless `wait` is 'accepted', which
   * resolves with whatever stands.
   */
  async execute(options: ExecuteOptions): Promise<TransactionView> {
    const { name = '', wait = 'finished', tryOrder = 'parallel', signal } = options;
    const gid = this.gidOf(options);
    const timeoutMs = checkedTimeoutMs(options.timeoutMs ?? this.timeoutMs);
    const branches = branchesToProto(options.branches);
    const order = tryOrderToProto(tryOrder);
    const until = waitToProto(wait);
    // Written out field by field: this is the path that every transaction takes.
    try {
      const view = await this.failover.call({
        method: calls.execute,
        request: (leftMs) => ({
          gid,
          name,
          branches,
          tryOrder: order,
          wait: until,
          timeoutMs: untilDeadline(leftMs),
        }),
        read: viewOf,
        pending: (standing) => stillWaiting(wait, standing),
        patienceMs: timeoutMs + GRACE_MS,
        attemptMs: WAIT_MS,
        changes: true,
        gid,
        signal,
      });
      if (wait !== 'accepted') throwIfCancelled(view);
      return view;
    } catch (error) {
      throw await this.explained(gid, error, signal);
    }
  }

  /**
   * Runs a transaction step by step: commits when `work` returns, and rolls back when it throws, which rethrows its error.
   * Rejects with RefusedError, TimedOutError or CancelledError when the transaction is cancelled, also when `work` caught
   * that error and returned. A rollback that cannot be sent is left to the transaction's deadline.
   */
  run<Value>(options: RunOptions, work: (tx: TransactionScope) => Promise<Value>): Promise<RunResult<Value>> {
    return runTransaction(this, options, work);
  }

  /** Opens an interactive transaction, which is cancelled at its deadline unless it is decided. The same gid returns it again. */
  async begin(options: BeginOptions = {}): Promise<TransactionView> {
    const { name = '', signal } = options;
    const gid = this.gidOf(options);
    const timeoutMs = checkedTimeoutMs(options.timeoutMs ?? this.timeoutMs);
    return this.failover.call({
      method: calls.begin,
      request: (leftMs) => ({ gid, name, timeoutMs: untilDeadline(leftMs) }),
      read: viewOf,
      ...quick(timeoutMs + GRACE_MS),
      gid,
      signal,
    });
  }

  /**
   * Registers a branch, has its participant's Try called, and resolves with the participant's reply (decoded when it is
   * JSON, else a RawPayload; undefined when there is none).
   * Rejects with RefusedError, TimedOutError or CancelledError when the transaction is cancelled by it or was before.
   */
  async try<Reply = unknown>(
    gid: string,
    participant: string,
    action: string,
    payload?: unknown,
    options: BranchCallOptions = {},
  ): Promise<Reply> {
    const branchId = options.branchId ?? new BranchNames().next({ participant, action });
    const branch = branchToProto({ participant, action, payload }, branchId);
    const response = await this.explainedCall(gid, {
      method: calls.try,
      request: () => ({ gid, branch }),
      read: asItCame<TryReply>,
      ...waiting(this.timeoutMs + GRACE_MS),
      gid,
      signal: options.signal,
    });
    const reason = reasonFromProto(response.cancelReason);
    if (reason !== undefined) throw cancelledError({ gid, reason });
    if (isCancelled(statusFromProto(response.transactionStatus))) throwIfCancelled(await this.get(gid, options));
    return decodePayload(response.branch?.tryReply ?? null) as Reply;
  }

  /**
   * Makes a branch durable; the application then calls the participant's Try itself, with the gid and branchId returned.
   * Rejects with RefusedError, TimedOutError or CancelledError when the transaction is cancelled.
   */
  async registerBranch(
    gid: string,
    participant: string,
    action: string,
    payload?: unknown,
    options: BranchCallOptions = {},
  ): Promise<{ readonly gid: string; readonly branchId: string }> {
    const branchId = options.branchId ?? new BranchNames().next({ participant, action });
    const branch = branchToProto({ participant, action, payload }, branchId);
    await this.explainedCall(gid, {
      method: calls.registerBranch,
      request: () => ({ gid, branch }),
      read: asItCame<object>,
      ...quick(this.timeoutMs + GRACE_MS),
      gid,
      signal: options.signal,
    });
    return { gid, branchId };
  }

  /**
   * Decides to confirm. Rejects with RefusedError, TimedOutError or CancelledError when the transaction is cancelled
   * instead, and with TccRequestError 'BRANCH_NOT_TRIED' while the Try of a branch is not known to be done.
   */
  async commit(gid: string, options: DecideOptions = {}): Promise<TransactionView> {
    const { wait = 'finished', patienceMs = this.timeoutMs + GRACE_MS, signal } = options;
    const until = wait === 'accepted' ? 'decided' : wait;
    const view = await this.explainedCall(gid, {
      method: calls.commit,
      request: () => ({ gid, wait: waitToProto(wait) }),
      read: viewOf,
      pending: (standing) => stillWaiting(until, standing),
      ...waiting(patienceMs),
      gid,
      signal,
    });
    throwIfCancelled(view);
    return view;
  }

  /** Decides to cancel. Rejects with TccRequestError 'WRONG_STATE' when the transaction is confirmed already. */
  async rollback(gid: string, options: RollbackOptions = {}): Promise<TransactionView> {
    const { wait = 'finished', patienceMs = this.timeoutMs + GRACE_MS, reason = '', signal } = options;
    return this.failover.call({
      method: calls.rollback,
      request: () => ({ gid, wait: waitToProto(wait), reason }),
      read: viewOf,
      ...waiting(patienceMs),
      pending: ({ status }) => (wait === 'finished' && status === 'CANCELLING' ? 'it is CANCELLING' : undefined),
      gid,
      signal,
    });
  }

  /** The transaction as it stands. Rejects with TccRequestError 'TRANSACTION_NOT_FOUND' for an unknown gid. */
  async get(gid: string, options: CallOptions = {}): Promise<TransactionView> {
    return this.failover.call({
      method: getMethod,
      request: () => ({ gid }),
      read: viewOf,
      ...quick(this.timeoutMs + GRACE_MS),
      changes: false,
      gid,
      signal: options.signal,
    });
  }

  /** The transaction as it stands, and again after each change, until it is terminal. Survives the loss of a coordinator. */
  watch(gid: string, options: CallOptions = {}): AsyncGenerator<TransactionView, void, undefined> {
    return watchTransaction(this.failover, gid, {
      patienceMs: this.timeoutMs + GRACE_MS,
      signal: options.signal,
    });
  }

  /** Closes the connections; calls that are under way reject with code 'CLOSED', and their transactions go on. */
  close(): Promise<void> {
    this.failover.close();
    return Promise.resolve();
  }

  /** An empty gid would have the coordinator make one, and another for each attempt (F1). */
  private gidOf({ gid = this.newGid() }: BeginOptions): string {
    if (gid !== '') return gid;
    const violations = [{ field: 'gid', description: 'must not be empty; leave it out to have one made' }];
    throw new TccRequestError('INVALID_REQUEST', 'the gid is empty', { violations });
  }

  /** The transaction once it is decided: one whose deadline has passed takes no more branches, and is cancelled in a moment. */
  private async decided(gid: string, signal: AbortSignal | undefined): Promise<TransactionView> {
    return this.failover.call({
      method: getMethod,
      request: () => ({ gid }),
      read: viewOf,
      ...quick(EXPLAIN_MS),
      changes: false,
      pending: (view) => stillWaiting('decided', view),
      gid,
      signal,
    });
  }

  /** A call whose transaction may have been cancelled by then. */
  private async explainedCall<Message, Response, Answer>(
    gid: string,
    ask: Ask<Message, Response, Answer>,
  ): Promise<Answer> {
    try {
      return await this.failover.call(ask);
    } catch (error) {
      throw await this.explained(gid, error, ask.signal);
    }
  }

  /** Throws the typed error of a cancellation when the state was said to be wrong for this because of one; else returns the error. */
  private async explained(gid: string, error: unknown, signal: AbortSignal | undefined): Promise<unknown> {
    if (!(error instanceof TccRequestError) || error.code !== 'WRONG_STATE') return error;
    const view = await this.decided(gid, signal).catch(() => undefined);
    if (view !== undefined) throwIfCancelled(view);
    return error;
  }
}

function viewOf({ transaction }: TransactionReply): TransactionView {
  return transactionFromProto(transaction);
}

function asItCame<Response>(response: Response): Response {
  return response;
}

/** The terms of a call that waits for participants. */
function waiting(patienceMs: number) {
  return { patienceMs, attemptMs: WAIT_MS, changes: true } as const;
}

/** The terms of a call that the coordinator answers from its journal. */
function quick(patienceMs: number) {
  return { patienceMs, attemptMs: CALL_MS, changes: true } as const;
}

/**
 * The timeout to send when `leftMs` of patience are left: the deadline counts from the first attempt, not from the one that
 * arrives. 1 when it has passed: the transaction is then cancelled at once unless it exists already, which is an outcome too.
 */
function untilDeadline(leftMs: number): number {
  return Math.max(1, Math.ceil(leftMs - GRACE_MS));
}
