import type { Clock } from '../../../src/lib/clock';

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  private nowMs = 0;
  private timers: { readonly atMs: number; readonly fire: () => void }[] = [];

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }

  startTimer(delayMs: number, fire: () => void): { stop: () => void } {
    const timer = { atMs: this.nowMs + delayMs, fire };
    this.timers.push(timer);
    return { stop: () => (this.timers = this.timers.filter((other) => other !== timer)) };
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.timers.length;
  }

  /** Lets time pass; timers fire in order, and what they set off is awaited before the next one. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.nowMs = next.atMs;
      next.fire();
      await settled();
    }
    this.nowMs = untilMs;
    await settled();
  }
}

/** Lets every promise that can go on go on. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
