import type { BranchCall } from '../participant/call';
import type { FencedAnswer } from './batch-run';
import { CallExpired } from './errors';
import type { LocalTransaction } from './executor';
import type { Fence, FenceRunOptions } from './fence';
import type { FenceCall, FenceOutcome } from './words';

/**
 * Serves the fresh Trys of a batch, with the local transaction that it writes in. It answers each call in its place: a
 * reply, undefined, or an Error (Refused above all) for a call that it has written nothing for.
 */
export type FencedBatchTry<Call, Transaction, Answer> = (
  calls: readonly Call[],
  transaction: Transaction,
  outcomes: readonly FenceOutcome[],
) => Promise<readonly Answer[]>;

/**
 * Serves the fresh Confirms or Cancels of a batch. It returns an array to say for some call that it failed, an Error in
 * that call's place; anything else means that all were served.
 */
export type FencedBatchConfirmOrCancel<Call, Transaction> = (
  calls: readonly Call[],
  transaction: Transaction,
  outcomes: readonly FenceOutcome[],
) => Promise<unknown>;

/** The business code of an action that serves many calls in one local transaction, which the fence opens. */
export interface FencedBatchHandlers<Call, Transaction, Answer> {
  readonly try: FencedBatchTry<Call, Transaction, Answer>;
  readonly confirm: FencedBatchConfirmOrCancel<Call, Transaction>;
  readonly cancel: FencedBatchConfirmOrCancel<Call, Transaction>;
}

/** The same action as a participant takes it; `{ ...fenced(…), ...fencedBatch(…) }` has single handlers as well. */
export interface FencedBatchAction<Call, Reply> {
  readonly tryBatch: (calls: readonly Call[]) => Promise<readonly FencedAnswer<Reply>[]>;
  readonly confirmBatch: (calls: readonly Call[]) => Promise<readonly FencedAnswer[]>;
  readonly cancelBatch: (calls: readonly Call[]) => Promise<readonly FencedAnswer[]>;
}

/**
 * Reruns of a batch in which a Try ran out of time after it was served. The rerun leaves it out, so one is mostly enough;
 * and after the last the participant runs the calls one by one.
 */
const EXPIRED_RERUNS = 3;

/**
 * Puts an action's batch handlers behind the fence: the calls that arrive together run in one local transaction, which
 * commits before their replies go out. When a handler throws, it rolls back and nothing has happened; the participant
 * then runs each call by itself. Make the handlers lock business rows in one order (sorted), so that two batches do not
 * wait for each other; where they do, the adapters rerun the whole batch.
 */
export function fencedBatch<Transaction, Answer, Call extends FenceCall = BranchCall>(
  fence: Fence,
  transaction: LocalTransaction<Transaction>,
  handlers: FencedBatchHandlers<Call, Transaction, Answer>,
  options: FenceRunOptions = {},
): FencedBatchAction<Call, Exclude<Answer, Error>> {
  const phase =
    <A>(
      serve: (
        calls: readonly Call[],
        open: Transaction,
        outcomes: readonly FenceOutcome[],
      ) => Promise<readonly A[] | undefined>,
    ) =>
    (calls: readonly Call[]): Promise<readonly FencedAnswer<Exclude<A, Error>>[]> =>
      rerunExpired(() =>
        transaction((open, executor) =>
          fence.runBatch<Call, A>(executor, calls, (fresh, outcomes) => serve(fresh, open, outcomes), options),
        ),
      );
  return {
    tryBatch: phase(handlers.try),
    confirmBatch: phase(answersOf(handlers.confirm)),
    cancelBatch: phase(answersOf(handlers.cancel)),
  };
}

function answersOf<Call, Transaction>(
  serve: FencedBatchConfirmOrCancel<Call, Transaction>,
): FencedBatchTry<Call, Transaction, unknown> {
  return async (calls, open, outcomes) => {
    const returned = await serve(calls, open, outcomes);
    return Array.isArray(returned) ? (returned as unknown[]) : calls.map(() => undefined);
  };
}

async function rerunExpired<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let left = EXPIRED_RERUNS; ; left -= 1) {
    try {
      return await run();
    } catch (error) {
      if (left === 0 || !(error instanceof CallExpired)) throw error;
    }
  }
}
