import { BranchNames } from './branches';
import { CancelledError, TccRequestError, throwIfCancelled } from './errors';
import { GRACE_MS } from './options';
import type { BeginOptions, BranchCallOptions, DecideOptions, RollbackOptions, Wait } from './requests';
import type { TransactionView } from './views';

/** A transaction inside `run`. */
export interface TransactionScope {
  readonly gid: string;
  /**
   * Has the participant's Try called and resolves with its reply (decoded when it is JSON, else a RawPayload).
   * Rejects with RefusedError, TimedOutError or CancelledError when the transaction is cancelled.
   */
  try<Reply = unknown>(
    participant: string,
    action: string,
    payload?: unknown,
    options?: BranchCallOptions,
  ): Promise<Reply>;
  /** Makes a branch durable whose Try the application calls itself, with the gid and branchId returned. */
  registerBranch(
    participant: string,
    action: string,
    payload?: unknown,
    options?: BranchCallOptions,
  ): Promise<{ readonly gid: string; readonly branchId: string }>;
}

export interface RunOptions extends BeginOptions {
  /** When to return after the commit; 'accepted' means 'decided' here. Default: 'finished'. */
  readonly wait?: Wait | undefined;
}

export interface RunResult<Value> {
  readonly gid: string;
  /** What the function returned. */
  readonly value: Value;
}

/** The calls that a run is made of. */
export interface InteractiveCalls {
  begin(options: BeginOptions): Promise<TransactionView>;
  try<Reply>(
    gid: string,
    participant: string,
    action: string,
    payload: unknown,
    options: BranchCallOptions,
  ): Promise<Reply>;
  registerBranch(
    gid: string,
    participant: string,
    action: string,
    payload: unknown,
    options: BranchCallOptions,
  ): Promise<{ readonly gid: string; readonly branchId: string }>;
  commit(gid: string, options: DecideOptions): Promise<TransactionView>;
  rollback(gid: string, options: RollbackOptions): Promise<TransactionView>;
}

/**
 * How long a failed run may hold its caller up to say so to a coordinator. Longer is no use: the deadline cancels the
 * transaction anyway.
 */
const ROLLBACK_MS = 3_000;

export async function runTransaction<Value>(
  calls: InteractiveCalls,
  options: RunOptions,
  work: (tx: TransactionScope) => Promise<Value>,
): Promise<RunResult<Value>> {
  const begun = await calls.begin(options);
  const { gid } = begun;
  throwIfDecided(begun);
  let value: Value;
  try {
    value = await work(scopeOf(calls, gid, options.signal));
  } catch (error) {
    if (!isCancelledAlready(error, gid)) await rollBack(calls, gid);
    throw error;
  }
  try {
    const { wait, signal, timeoutMs } = options;
    const patienceMs = timeoutMs === undefined ? undefined : timeoutMs + GRACE_MS;
    await calls.commit(gid, { wait, signal, patienceMs });
  } catch (error) {
    // Of every other failure the outcome is unknown, and may be CONFIRMED: only asking again can tell.
    if (error instanceof TccRequestError) await rollBack(calls, gid);
    throw error;
  }
  return { gid, value };
}

function scopeOf(calls: InteractiveCalls, gid: string, signal: AbortSignal | undefined): TransactionScope {
  const names = new BranchNames();
  return {
    gid,
    try: (participant, action, payload, { branchId, ...options } = {}) =>
      calls.try(gid, participant, action, payload, {
        signal,
        ...options,
        branchId: names.next({ participant, action, branchId }),
      }),
    registerBranch: (participant, action, payload, { branchId, ...options } = {}) =>
      calls.registerBranch(gid, participant, action, payload, {
        signal,
        ...options,
        branchId: names.next({ participant, action, branchId }),
      }),
  };
}

/** A gid that an earlier run has decided must not run again: what that run returned is not known here. */
function throwIfDecided(begun: TransactionView): void {
  throwIfCancelled(begun);
  if (begun.status === 'TRYING') return;
  const text = `transaction ${begun.gid} is ${begun.status}: an earlier run of the same gid has committed it; read it with get()`;
  throw new TccRequestError('WRONG_STATE', text, { gid: begun.gid, metadata: { status: begun.status } });
}

function isCancelledAlready(error: unknown, gid: string): boolean {
  return error instanceof CancelledError && error.gid === gid;
}

/** Best effort: the caller's error is what counts, and the deadline cancels what this cannot reach. */
async function rollBack(calls: InteractiveCalls, gid: string): Promise<void> {
  const options = { wait: 'decided', reason: 'the application gave up', patienceMs: ROLLBACK_MS } as const;
  await calls.rollback(gid, options).catch(() => undefined);
}
