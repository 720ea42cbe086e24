import { type IdSource, ulidSource } from '../../lib/ids';
import { tccV1 } from '../../wire/proto';
import { branchesToProto, BranchNames, branchToProto } from './branches';
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
  type Wait,
  waitToProto,
} from './requests';
import { type RunOptions, type RunResult, runTransaction, type TransactionScope } from './run';
import { isCancelled, type TransactionView } from './views';
import { watchTransaction } from './watch';

const service = tccV1.TransactionService.service;

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

  constructor(options: ClientOptions) {
    this.timeoutMs = checkedTimeoutMs(options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    this.failover = openFailover(options);
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
    const content = {
      gid,
      name,
      branches: branchesToProto(options.branches),
      tryOrder: tryOrder === 'parallel' ? 'TRY_ORDER_PARALLEL' : 'TRY_ORDER_SEQUENTIAL',
      wait: waitToProto(wait),
    } as const;
    const view = await this.untilSettled(wait, {
      method: service.Execute,
      request: (leftMs) => ({ ...content, timeoutMs: untilDeadline(leftMs) }),
      ...waiting(timeoutMs + GRACE_MS),
      gid,
      signal,
    });
    if (wait !== 'accepted') throwIfCancelled(view);
    return view;
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
    const { transaction } = await this.failover.call({
      method: service.Begin,
      request: (leftMs) => ({ gid, name, timeoutMs: untilDeadline(leftMs) }),
      ...quick(timeoutMs + GRACE_MS),
      gid,
      signal,
    });
    return transactionFromProto(transaction);
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
    const response = await this.explained(gid, {
      method: service.Try,
      request: () => ({ gid, branch }),
      ...waiting(this.timeoutMs + GRACE_MS),
      gid,
      signal: options.signal,
    });
    const { cancelReason } = reasonFromProto(response.cancelReason);
    if (cancelReason !== undefined) throw cancelledError({ gid, reason: cancelReason });
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
    await this.explained(gid, {
      method: service.RegisterBranch,
      request: () => ({ gid, branch }),
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
    const view = await this.untilSettled(wait === 'accepted' ? 'decided' : wait, {
      method: service.Commit,
      request: () => ({ gid, wait: waitToProto(wait) }),
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
    const { transaction } = await this.failover.call({
      method: service.Rollback,
      request: () => ({ gid, wait: waitToProto(wait), reason }),
      ...waiting(patienceMs),
      pending: ({ transaction: now }) =>
        wait === 'finished' && now?.status === 'TRANSACTION_STATUS_CANCELLING' ? 'it is CANCELLING' : undefined,
      gid,
      signal,
    });
    return transactionFromProto(transaction);
  }

  /** The transaction as it stands. Rejects with TccRequestError 'TRANSACTION_NOT_FOUND' for an unknown gid. */
  async get(gid: string, options: CallOptions = {}): Promise<TransactionView> {
    const { transaction } = await this.failover.call({
      method: service.Get,
      request: () => ({ gid }),
      ...quick(this.timeoutMs + GRACE_MS),
      changes: false,
      gid,
      signal: options.signal,
    });
    return transactionFromProto(transaction);
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

  private async untilSettled<Request>(
    wait: Wait,
    ask: Omit<Ask<Request, { readonly transaction: Parameters<typeof transactionFromProto>[0] }>, 'pending'>,
  ): Promise<TransactionView> {
    const response = await this.explained(ask.gid ?? '', {
      ...ask,
      pending: ({ transaction }) => stillWaiting(wait, transactionFromProto(transaction)),
    });
    return transactionFromProto(response.transaction);
  }

  /** The transaction once it is decided: one whose deadline has passed takes no more branches, and is cancelled in a moment. */
  private async decided(gid: string, signal: AbortSignal | undefined): Promise<TransactionView> {
    const { transaction } = await this.failover.call({
      method: service.Get,
      request: () => ({ gid }),
      ...quick(EXPLAIN_MS),
      changes: false,
      pending: ({ transaction: now }) => stillWaiting('decided', transactionFromProto(now)),
      gid,
      signal,
    });
    return transactionFromProto(transaction);
  }

  /** Makes the typed error of a cancellation out of a coordinator's word that the transaction's state is wrong for this. */
  private async explained<Request, Response>(gid: string, ask: Ask<Request, Response>): Promise<Response> {
    try {
      return await this.failover.call(ask);
    } catch (error) {
      if (!(error instanceof TccRequestError) || error.code !== 'WRONG_STATE') throw error;
      const view = await this.decided(gid, ask.signal).catch(() => undefined);
      if (view !== undefined) throwIfCancelled(view);
      throw error;
    }
  }
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
