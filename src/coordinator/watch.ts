import type { Signal } from '../lib/abort';
import type { TccError } from '../lib/errors';
import { isTerminal, type Transaction } from '../engine/model';

import type { Outcomes } from './outcomes';

/**
 * The transaction as it stands, then after each change. Only the newest state is kept for a slow reader: states between
 * may be skipped, the last one never is.
 */
export async function* watchTransaction(
  gid: string,
  signal: Signal,
  outcomes: Outcomes,
  read: () => Promise<Transaction>,
): AsyncGenerator<Transaction> {
  let newest: Transaction | undefined;
  let failure: TccError | undefined;
  let wake: () => void = () => undefined;
  const leave = outcomes.listen(gid, {
    next: (transaction) => {
      if (newest === undefined || rank(transaction) >= rank(newest)) newest = transaction;
      wake();
    },
    failed: (error) => {
      failure = error;
      wake();
    },
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    let shown = await read();
    yield shown;
    while (!isTerminal(shown.state.status) && !signal.aborted) {
      if (failure !== undefined) throw failure;
      if (newest === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const next: Transaction = newest;
      newest = undefined;
      // A read that was overtaken by a decision made here is older than what was shown.
      if (rank(next) < rank(shown) || fingerprint(next) === fingerprint(shown)) continue;
      shown = next;
      yield shown;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    leave();
  }
}

/** A transaction's status only ever moves on: undecided, decided, over. */
function rank({ state }: Transaction): number {
  return state.status === 'TRYING' ? 0 : isTerminal(state.status) ? 2 : 1;
}

/** What a watcher can see of a transaction. */
function fingerprint({ state, rounds, dueAt, branches }: Transaction): string {
  const parked = 'parked' in state && state.parked;
  const parts = branches.map(
    ({ branchId, status, attempts, lastError }) => `${branchId} ${status} ${attempts} ${lastError}`,
  );
  return [state.status, parked, rounds, rounds > 0 ? dueAt : '', ...parts].join('\n');
}
