import type { Clock, Timer } from '../../lib/clock';

/** How much time one call has, and the signal that ends with it. The timer exists only when somebody asks for the signal. */
export class CallTime {
  private readonly clock: Clock;
  private readonly endMs: number;
  private controller: AbortController | undefined;
  private timer: Timer | undefined;
  private reason: string | undefined;
  private finished = false;

  /** `limitMs` may be Infinity. */
  constructor(limitMs: number, clock: Clock) {
    this.clock = clock;
    this.endMs = clock.monotonicMs() + limitMs;
  }

  remainingMs(): number {
    return Math.max(0, this.endMs - this.clock.monotonicMs());
  }

  /** Whether it was ended before its time, or somebody's signal has said that the time is over. */
  get isAborted(): boolean {
    return this.reason !== undefined;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.reason !== undefined) this.abort(this.reason);
      else if (Number.isFinite(this.endMs) && !this.finished) {
        this.timer = this.clock.startTimer(this.remainingMs(), () => this.abort('the time of the call is over'));
      }
    }
    return this.controller.signal;
  }

  /** Ends the call before its time. */
  abort(reason: string): void {
    this.reason ??= reason;
    this.controller?.abort(new Error(reason));
    this.timer?.stop();
  }

  /** The call is answered: nothing aborts any more, no timer is left. */
  finish(): void {
    this.finished = true;
    this.timer?.stop();
  }
}
