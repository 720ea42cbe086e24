import type { Clock } from '../lib/clock';

/**
 * For how long the database's clock is followed by this process's own without a look at it. Three refreshes: without an
 * answer for longer the store is away, nobody can renew a registration there, and that a registration was not renewed says nothing.
 */
export const UNSEEN_MS = 3_000;

/**
 * The database's clock, as this process knows it between two looks.
 * S1. A registration that is not renewed is over when its time is over, within UNSEEN_MS.
 * S2. While the store is away, time stands still; what would have ended then gets the time it had left once the store is back.
 */
export class StoreClock {
  private readonly clock: Clock;
  private seen: { readonly nowMs: number; readonly atMs: number } | undefined;
  private away: { readonly fromMs: number; readonly untilMs: number } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The store has just said that its clock shows `nowMs`. */
  saw(nowMs: number): void {
    if (this.seen !== undefined && this.clock.monotonicMs() - this.seen.atMs > UNSEEN_MS) {
      this.away = { fromMs: this.seen.nowMs, untilMs: nowMs };
    }
    this.seen = { nowMs, atMs: this.clock.monotonicMs() };
  }

  /** The database's clock by now; undefined before the first look. */
  nowMs(): number | undefined {
    if (this.seen === undefined) return undefined;
    return this.seen.nowMs + Math.min(this.clock.monotonicMs() - this.seen.atMs, UNSEEN_MS);
  }

  /** A registration that holds until then (the database's clock) is over. */
  isOver(expiresAtMs: number): boolean {
    const nowMs = this.nowMs();
    if (nowMs === undefined) return true;
    const { away } = this;
    const endedWhileAway = away !== undefined && expiresAtMs > away.fromMs && expiresAtMs <= away.untilMs;
    return expiresAtMs + (endedWhileAway ? away.untilMs - away.fromMs : 0) <= nowMs;
  }
}
