import type { Clock, Timer } from './clock';

/**
 * One timer for many deadlines: armed for the earliest, so that thousands of calls in flight keep one timer and not
 * thousands. Times are monotonic milliseconds.
 */
export class EarliestTimer {
  private readonly clock: Clock;
  private readonly sweep: (nowMs: number) => number | undefined;
  private timer: Timer | undefined;
  private armedForMs = Infinity;
  private stopped = false;

  /** `sweep` ends everything whose time is over and says when the next one's will be; undefined when there is none. */
  constructor(clock: Clock, sweep: (nowMs: number) => number | undefined) {
    this.clock = clock;
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
    this.timer?.stop();
  }

  private fire(): void {
    this.armedForMs = Infinity;
    const next = this.sweep(this.clock.monotonicMs());
    if (next !== undefined) this.include(next);
  }
}
