/**
 * Tells whoever waits for a transaction how it stands. What is in this coordinator's hands says so itself; the rest is
 * read from the journal now and then, since any coordinator may have changed it.
 * O1. A waiter is told of a state only after it is durable (I8).
 * O2. A waiter that gives up leaves nothing behind (I13).
 * O3. After stop() every waiter fails, also one that comes later: nobody would tell it anything.
 */
import type { Signal } from '../lib/abort';
import { ChurnMap } from '../lib/churn-map';
import type { Clock, Timer } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Transaction } from '../engine/model';
import type { Journal } from '../journal/journal';

import { draining } from './refusals';
import { abandoned, type Listener, type Wanted, Waiter } from './waiter';

/** How often transactions that others drive are read for their waiters: a fraction of what a person notices. */
const POLL_MS = 200;
/** How many are read at once: a primary-key read of this size stays in the low milliseconds. */
const POLL_SIZE = 500;

export interface OutcomesDeps {
  readonly journal: Pick<Journal, 'load'>;
  readonly clock: Clock;
  readonly inHand: (gid: string) => boolean;
}

export class Outcomes {
  private readonly deps: OutcomesDeps;
  private readonly listeners = new ChurnMap<string, readonly Listener[]>();
  private timer: Timer | undefined;
  private polling = false;
  private stopped = false;

  constructor(deps: OutcomesDeps) {
    this.deps = deps;
  }

  /** A durable change of a transaction in hand. */
  publish(transaction: Transaction): void {
    const listeners = this.listeners.get(transaction.gid);
    if (listeners === undefined) return;
    for (const listener of listeners) listener.next(transaction);
  }

  /** The driver of this transaction had to let go. */
  fail(gid: string, error: TccError): void {
    for (const listener of this.listeners.get(gid) ?? []) listener.failed(error);
  }

  /** Listens until the returned function is called. */
  listen(gid: string, listener: Listener): () => void {
    if (this.stopped) {
      queueMicrotask(() => listener.failed(draining('ask another one for the outcome')));
      return () => undefined;
    }
    const others = this.listeners.get(gid);
    this.listeners.set(gid, others === undefined ? [listener] : [...others, listener]);
    this.pace();
    return () => this.forget(gid, listener);
  }

  private forget(gid: string, listener: Listener): void {
    const left = this.listeners.get(gid)?.filter((other) => other !== listener) ?? [];
    if (left.length > 0) this.listeners.set(gid, left);
    else this.listeners.delete(gid);
    if (this.listeners.size === 0) this.stopPacing();
  }

  /**
   * The first state of the transaction that satisfies, beginning with `standing`, and then, once the listening has begun, with what
   * `now` reads. Rejects with WAIT_ABANDONED when the signal is aborted, and with the error of `standing`, the driver or the journal.
   */
  first(
    wanted: Wanted,
    standing: Promise<Transaction>,
    now: () => Transaction | Promise<Transaction>,
  ): Promise<Transaction> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(wanted, resolve, reject);
      standing.then(
        (transaction) => {
          waiter.next(transaction);
          if (!waiter.isOver) this.attend(waiter, wanted.gid, now);
        },
        (error: unknown) => waiter.failed(error),
      );
    });
  }

  private attend(waiter: Waiter, gid: string, now: () => Transaction | Promise<Transaction>): void {
    waiter.listens(this.listen(gid, waiter));
    const current = now();
    if (!(current instanceof Promise)) waiter.next(current);
    else
      current.then(
        (transaction) => waiter.next(transaction),
        (error: unknown) => waiter.failed(error),
      );
  }

  stop(): void {
    this.stopped = true;
    this.stopPacing();
    for (const gid of [...this.listeners.keys()]) this.fail(gid, draining('ask another one for the outcome'));
    this.listeners.clear();
  }

  private pace(): void {
    if (this.stopped || this.polling || this.timer !== undefined) return;
    this.timer = this.deps.clock.startTimer(POLL_MS, () => void this.poll());
  }

  private stopPacing(): void {
    this.timer?.stop();
    this.timer = undefined;
  }

  private async poll(): Promise<void> {
    this.timer = undefined;
    this.polling = true;
    const gids = [...this.listeners.keys()].filter((gid) => !this.deps.inHand(gid));
    for (let from = 0; from < gids.length; from += POLL_SIZE) {
      await this.read(gids.slice(from, from + POLL_SIZE));
    }
    this.polling = false;
    if (this.listeners.size > 0) this.pace();
  }

  private async read(gids: readonly string[]): Promise<void> {
    try {
      for (const transaction of (await this.deps.journal.load(gids)).values()) this.publish(transaction);
    } catch (error) {
      const known =
        error instanceof TccError ? error : new TccError('BROKEN_INVARIANT', 'a read failed', { cause: error });
      for (const gid of gids) this.fail(gid, known);
    }
  }
}

/** The promise's result, or WAIT_ABANDONED as soon as `signal` is aborted. What was started goes on all the same. */
export function abandonable<Result>(promise: Promise<Result>, gid: string, signal: Signal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abandon = () => {
      reject(abandoned(gid));
    };
    signal.addEventListener('abort', abandon);
    if (signal.aborted) abandon();
    promise.then(
      (result) => {
        signal.removeEventListener('abort', abandon);
        resolve(result);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', abandon);
        reject(error instanceof Error ? error : new Error('a wait failed', { cause: error }));
      },
    );
  });
}
