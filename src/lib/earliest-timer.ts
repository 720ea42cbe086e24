import type { Clock, Timer } from './clock';

/**
 * The grain for those who look after thousands of calls or transactions, in milliseconds: each look goes over all of them, and nobody
 * minds to hear a moment later that the time is over.
 */
export const DEADLINE_GRAIN_MS = 5;

/**
 * One timer for many deadlines: armed for the earliest, so that thousands of calls in flight keep one timer and not
 * thousands. Times are monotonic milliseconds.
 */
export class EarliestTimer {
  private readonly clock: Clock;
  private readonly sweep: (nowMs: number) => number | undefined;
  private readonly grainMs: number;
  private timer: Timer | undefined;
  private armedForMs = Infinity;
  private stopped = false;

  /**
   * `sweep` ends everything whose time is over and says when the next one's will be; undefined when there is none. For what it
   * says it is not called again within `grainMs`.
   */
  constructor(clock: Clock, sweep: (nowMs: number) => number | undefined, grainMs = 0) {
    this.clock = clock;
    this.grainMs = grainMs;
    this.sweep = sweep;
  }

  /** Something ends at `atMs`. */
  include(atMs: number): void {
    if (this.stopped || atMs >= this.armedForMs) return;
    this.timer?.stop();
    this.armedForMs = atMs;
    this.timer = this.clock.startTimer(Math.ceil(atMs - this.clock.monotonicMs()), () => this.fire());
  }

  /** Nothing is left that could end. */
  clear(): void {
    this.timer?.stop();
    this.timer = undefined;
    this.armedForMs = Infinity;
  }

  stop(): void {
    this.stopped = true;
    this.clear();
  }

  private fire(): void {
    this.armedForMs = Infinity;
    const nowMs = this.clock.monotonicMs();
    const next = this.sweep(nowMs);
    if (next !== undefined) this.include(Math.max(next, nowMs + this.grainMs));
  }
}
