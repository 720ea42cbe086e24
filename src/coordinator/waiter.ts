import { TccError } from '../lib/errors';
import type { Signal } from '../lib/abort';
import { isTerminal, type Transaction } from '../engine/model';

import type { Wait } from './api';

/** Somebody who is told of durable changes of one transaction. */
export interface Listener {
  next(transaction: Transaction): void;
  failed(error: TccError): void;
}

export interface Wanted {
  readonly gid: string;
  readonly satisfies: (transaction: Transaction) => boolean;
  /** Aborted when nobody waits any more. */
  readonly signal: Signal;
}

/**
 * One caller that waits for a transaction to come so far, with a single promise from its beginning to its end: there is one for
 * each Execute. Fails with WAIT_ABANDONED once the signal is aborted; what was started goes on all the same.
 */
export class Waiter implements Listener {
  private readonly wanted: Wanted;
  private readonly resolve: (transaction: Transaction) => void;
  private readonly reject: (error: Error) => void;
  private readonly abandon = () => this.failed(abandoned(this.wanted.gid));
  private leave: (() => void) | undefined;
  private over = false;

  constructor(wanted: Wanted, resolve: (transaction: Transaction) => void, reject: (error: Error) => void) {
    this.wanted = wanted;
    this.resolve = resolve;
    this.reject = reject;
    wanted.signal.addEventListener('abort', this.abandon);
    if (wanted.signal.aborted) this.abandon();
  }

  get isOver(): boolean {
    return this.over;
  }

  /** Is told of changes until the wait is over; `leave` ends that. */
  listens(leave: () => void): void {
    this.leave = leave;
  }

  next(transaction: Transaction): void {
    if (this.over || !this.wanted.satisfies(transaction)) return;
    this.finish();
    this.resolve(transaction);
  }

  failed(error: unknown): void {
    if (this.over) return;
    this.finish();
    this.reject(error instanceof Error ? error : new Error('a wait failed', { cause: error }));
  }

  private finish(): void {
    this.over = true;
    this.leave?.();
    this.wanted.signal.removeEventListener('abort', this.abandon);
  }
}

export function abandoned(gid: string): TccError {
  return new TccError('WAIT_ABANDONED', `the wait for transaction ${gid} was given up; the transaction goes on`, {
    metadata: { gid },
  });
}

/** Whether a transaction has come as far as a caller waits for. */
export const isOver: Readonly<Record<Wait, (transaction: Transaction) => boolean>> = {
  accepted: () => true,
  decided: ({ state }) => state.status !== 'TRYING',
  // A cancellation is final for the application, whoever is away to hear of it: nobody waits for a retry's sake.
  finished: ({ state, rounds }) => isTerminal(state.status) || (state.status === 'CANCELLING' && rounds > 0),
};
