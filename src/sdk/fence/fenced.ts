import type { BranchCall } from '../participant/call';
import type { LocalTransaction } from './executor';
import type { Fence, FenceRunOptions } from './fence';
import type { FenceResult } from './result';
import type { FenceCall, FenceOutcome } from './words';

/** One phase of an action, with the local transaction that it writes in. */
export type FencedHandler<Call, Transaction, Reply> = (
  call: Call,
  transaction: Transaction,
  outcome: FenceOutcome,
) => Reply | Promise<Reply>;

/** The business code of an action whose local transactions the fence opens. */
export interface FencedHandlers<Call, Transaction, Reply> {
  readonly try: FencedHandler<Call, Transaction, Reply>;
  readonly confirm: FencedHandler<Call, Transaction, unknown>;
  readonly cancel: FencedHandler<Call, Transaction, unknown>;
}

/** The same action as a participant takes it. */
export interface FencedAction<Call, Reply> {
  readonly try: (call: Call) => Promise<FenceResult<Awaited<Reply>>>;
  readonly confirm: (call: Call) => Promise<FenceResult>;
  readonly cancel: (call: Call) => Promise<FenceResult>;
}

/**
 * Puts an action behind the fence: each phase runs in a local transaction of its own, which commits before the reply
 * goes out and rolls back when the handler throws.
 */
export function fenced<Transaction, Reply, Call extends FenceCall = BranchCall>(
  fence: Fence,
  transaction: LocalTransaction<Transaction>,
  handlers: FencedHandlers<Call, Transaction, Reply>,
  options: FenceRunOptions = {},
): FencedAction<Call, Reply> {
  const phase =
    <R>(handler: FencedHandler<Call, Transaction, R>) =>
    (call: Call): Promise<FenceResult<Awaited<R>>> =>
      transaction((open, executor) =>
        fence.run<R>(executor, call, async (outcome) => handler(call, open, outcome), options),
      );
  return { try: phase(handlers.try), confirm: phase(handlers.confirm), cancel: phase(handlers.cancel) };
}
