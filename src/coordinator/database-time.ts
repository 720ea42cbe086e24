import type { Clock } from '../lib/clock';

/**
 * What this coordinator knows of the database's clock: the last time that came back with a step or a read, carried on by
 * the monotonic clock. It lags by no more than one round trip. Good for pacing; every comparison that decides something
 * is made again in the database.
 */
export class DatabaseTime {
  private readonly clock: Clock;
  private offsetMs: number;

  constructor(clock: Clock, nowMs: number) {
    this.clock = clock;
    this.offsetMs = nowMs - clock.monotonicMs();
  }

  /** The database said that it was `nowMs`. */
  seen(nowMs: number): void {
    this.offsetMs = nowMs - this.clock.monotonicMs();
  }

  /** Epoch milliseconds of the database's clock, whole. */
  now(): number {
    return Math.ceil(this.clock.monotonicMs() + this.offsetMs);
  }
}
