import { Abort } from '../lib/abort';
import { backoffMs, type BackoffPolicy } from '../lib/backoff';
import { sleep, type Clock } from '../lib/clock';
import { TccError, isTccError } from '../lib/errors';
import type { Random } from '../lib/random';

import { DatabaseFault, isFault } from './database';

/** Between two runs of the same database transaction: deadlocks are over at once, restarts take seconds. */
const PAUSES: BackoffPolicy = { firstMs: 10, factor: 2, capMs: 500, jitter: 0.5 };

/**
 * A database that is found gone is tried for so long, so that a short break (a fail-over, a restart) is only a delay.
 * Counted from when anybody found it gone: later in an outage every call fails at once and no queue builds up.
 */
const SHORT_BREAK_MS = 2_000;

/** After an unknown outcome the same batch is run again for the statement's own timeout and so long: it should be settled. */
const SETTLING_GRACE_MS = 5_000;

/**
 * Runs database work again when that is safe and promising.
 * Rejects with JOURNAL_UNAVAILABLE (perhaps done, perhaps not), a DatabaseFault 'duplicate', or BROKEN_INVARIANT (not done).
 */
export class Retrier {
  private readonly settlingMs: number;
  private readonly shortBreakMs: number;
  private readonly clock: Clock;
  private readonly random: Random;
  private stopped = false;
  /** Ends the pauses when there is news of the database; replaced each time. */
  private news = new Abort();
  /** Undefined while the database answers. */
  private goneSinceMs: number | undefined;

  /**
   * `shortBreakMs`: 0 at the start, when the daemon itself decides how long to wait for the database. `onMove` calls its argument
   * whenever the database is found in another place: what waits to be run again is run at once.
   */
  constructor(
    { queryTimeoutMs, shortBreakMs = SHORT_BREAK_MS }: { queryTimeoutMs: number; shortBreakMs?: number },
    deps: { clock: Clock; random: Random; onMove?: (moved: () => void) => void },
  ) {
    this.settlingMs = queryTimeoutMs + SETTLING_GRACE_MS;
    this.shortBreakMs = shortBreakMs;
    this.clock = deps.clock;
    this.random = deps.random;
    deps.onMove?.(() => this.moved());
  }

  /** `work` must be safe to run again after it was done: a read, or compare-and-set steps. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const startedMs = this.clock.monotonicMs();
    let mayBeDone = false;
    for (let failures = 1; ; failures += 1) {
      try {
        const result = await work();
        this.goneSinceMs = undefined;
        return result;
      } catch (error) {
        if (!isFault(error, 'contention', 'unreachable', 'unknown')) throw this.certain(error);
        mayBeDone ||= error.kind === 'unknown';
        const isThere = error.kind === 'contention';
        this.goneSinceMs = isThere ? undefined : (this.goneSinceMs ?? this.clock.monotonicMs());
        const endMs =
          this.goneSinceMs === undefined || mayBeDone
            ? startedMs + this.settlingMs
            : this.goneSinceMs + this.shortBreakMs;
        const pauseMs = backoffMs(PAUSES, failures, this.random);
        if (this.isStopped() || this.clock.monotonicMs() + pauseMs > endMs) throw unavailable(error);
        const { news } = this;
        await sleep(this.clock, pauseMs, news);
        if (this.isStopped()) throw unavailable(error);
        // It has not failed there yet.
        if (news.aborted) failures = 0;
      }
    }
  }

  /** Runs nothing again from now on: what waits to be run again fails at once, and no timer is left (I13). */
  stop(): void {
    this.stopped = true;
    this.news.abort();
  }

  /** The break is over; if the new place is away as well, that is another one. */
  private moved(): void {
    this.goneSinceMs = undefined;
    const { news } = this;
    this.news = new Abort();
    news.abort();
  }

  private isStopped(): boolean {
    return this.stopped;
  }

  private certain(error: unknown): unknown {
    this.goneSinceMs = undefined;
    if (isFault(error, 'duplicate') || isTccError(error)) return error;
    const why = error instanceof DatabaseFault ? 'the database rejected a statement' : 'a statement could not be made';
    return new TccError('BROKEN_INVARIANT', `${why} of the journal`, { cause: error });
  }
}

/** Clients see this text: where the database is and why it failed stands in the cause, for the log. */
function unavailable(cause: DatabaseFault): TccError {
  return new TccError('JOURNAL_UNAVAILABLE', "the journal's database is not available", { cause });
}
