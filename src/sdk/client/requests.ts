import type { TryOrder as ProtoTryOrder } from '../../wire/generated/tcc/v1/TryOrder';
import type { Wait as ProtoWait } from '../../wire/generated/tcc/v1/Wait';
import { rawEnum } from '../../wire/raw-types';
import type { BranchOptions } from './branches';
import type { TransactionStatus, TransactionView } from './views';

/**
 * When a call comes back: once the transaction is durable ('accepted'), once its decision is ('decided'), or once every
 * branch has acknowledged ('finished').
 */
export type Wait = 'accepted' | 'decided' | 'finished';

/** What every call takes. */
export interface CallOptions {
  /**
   * Ends the wait: the call rejects with the signal's reason. What was sent already stands, and an undecided transaction is
   * cancelled at its deadline.
   */
  readonly signal?: AbortSignal | undefined;
}

export interface BeginOptions extends CallOptions {
  /**
   * The transaction's id and idempotency key, such as an order number: 1 to 64 characters of [A-Za-z0-9._:-]. Default: a
   * ULID made here.
   */
  readonly gid?: string | undefined;
  /** What this kind of transaction is called. Default: ''. */
  readonly name?: string | undefined;
  /** Milliseconds until the transaction is cancelled unless it is decided. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

export interface ExecuteOptions extends BeginOptions {
  /** At least one. */
  readonly branches: readonly BranchOptions[];
  /** Whether the Try calls go out all at once, or one after the other until one is refused. Default: 'parallel'. */
  readonly tryOrder?: 'parallel' | 'sequential' | undefined;
  /** When to return. Default: 'finished'. */
  readonly wait?: Wait | undefined;
}

export interface DecideOptions extends CallOptions {
  /** When to return; 'accepted' means 'decided' here. Default: 'finished'. */
  readonly wait?: Wait | undefined;
  /** Milliseconds to go on asking. Default: the client's `timeoutMs` and 10 seconds. */
  readonly patienceMs?: number | undefined;
}

export interface RollbackOptions extends DecideOptions {
  /** Kept as the cancel reason's message; at most 512 characters. Default: ''. */
  readonly reason?: string | undefined;
}

export interface BranchCallOptions extends CallOptions {
  /**
   * Unique within the transaction. Default: `participant-action`; within `run`, and there only, repeats get `-2`, `-3`, … The
   * same branchId with the same content is a repeat of the same branch.
   */
  readonly branchId?: string | undefined;
}

const waitNumbers = rawEnum('Wait');
const tryOrderNumbers = rawEnum('TryOrder');

/** Enums of requests are numbers: unary calls and streams alike send them as they are. */
const waits = {
  accepted: waitNumbers['WAIT_ACCEPTED'],
  decided: waitNumbers['WAIT_DECIDED'],
  finished: waitNumbers['WAIT_FINISHED'],
} as Readonly<Record<Wait, ProtoWait>>;

const tryOrders = {
  parallel: tryOrderNumbers['TRY_ORDER_PARALLEL'],
  sequential: tryOrderNumbers['TRY_ORDER_SEQUENTIAL'],
} as Readonly<Record<'parallel' | 'sequential', ProtoTryOrder>>;

export function waitToProto(wait: Wait): ProtoWait {
  return waits[wait];
}

export function tryOrderToProto(tryOrder: 'parallel' | 'sequential'): ProtoTryOrder {
  return tryOrders[tryOrder];
}

/** In a sentence what a wait is still for; undefined when it is over. A cancellation ends every wait. */
export function stillWaiting(wait: Wait, { status, parked }: TransactionView): string | undefined {
  return waitsOn[wait].includes(status) ? `it is ${status}${parked ? ' and parked' : ''}` : undefined;
}

const waitsOn: Readonly<Record<Wait, readonly TransactionStatus[]>> = {
  accepted: [],
  decided: ['TRYING'],
  finished: ['TRYING', 'CONFIRMING'],
};
