import type { Clock, Timer } from '../../src/lib/clock';

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/**
 * Time that a test moves by hand. Timers fire in the order of their moments, and of their making within one moment;
 * everything that a timer sets in motion comes to rest before the next one fires.
 */
export class VirtualClock implements Clock {
  private readonly epochMs: number;
  private elapsedMs = 0;
  private made = 0;
  private readonly timers = new Set<Pending>();

  /** `epochMs` is what wallMs says at the start. */
  constructor(epochMs = 1_700_000_000_000) {
    this.epochMs = epochMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  wallMs(): number {
    return this.epochMs + this.elapsedMs;
  }

  startTimer(delayMs: number, fire: () => void): Timer {
    const pending: Pending = { atMs: this.elapsedMs + Math.max(0, delayMs), order: (this.made += 1), fire };
    this.timers.add(pending);
    return { stop: () => void this.timers.delete(pending) };
  }

  /** How many timers are running. */
  get pending(): number {
    return this.timers.size;
  }

  /** In how many milliseconds the next timer fires; undefined when none is running. */
  get nextInMs(): number | undefined {
    const next = this.next();
    return next === undefined ? undefined : next.atMs - this.elapsedMs;
  }

  /** Moves time on by `ms`. */
  async advance(ms: number): Promise<void> {
    const until = this.elapsedMs + ms;
    await settle();
    for (let next = this.next(); next !== undefined && next.atMs <= until; next = this.next()) {
      this.timers.delete(next);
      this.elapsedMs = Math.max(this.elapsedMs, next.atMs);
      next.fire();
      await settle();
    }
    this.elapsedMs = until;
  }

  /** Moves time on from timer to timer until `done` says so; fails after `limitMs`. */
  async advanceUntil(done: () => boolean, limitMs = 600_000): Promise<void> {
    const until = this.elapsedMs + limitMs;
    await settle();
    while (!done()) {
      const next = this.nextInMs;
      if (next === undefined) throw new Error('nothing will happen any more, and it is not done');
      if (this.elapsedMs + next > until) throw new Error(`not done within ${limitMs} ms`);
      await this.advance(next);
    }
  }

  private next(): Pending | undefined {
    let first: Pending | undefined;
    for (const each of this.timers) {
      if (first === undefined || each.atMs < first.atMs || (each.atMs === first.atMs && each.order < first.order)) {
        first = each;
      }
    }
    return first;
  }
}

/** Lets every promise that can go on without time passing go on until it rests. */
export function settle(): Promise<void> {
  // An immediate comes only after the queue of microtasks is empty, however long that has grown meanwhile.
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What a promise has come to by now. */
export async function peek<Value>(
  promise: Promise<Value>,
): Promise<{ readonly value?: Value; readonly error?: unknown; readonly pending: boolean }> {
  let state: { value?: Value; error?: unknown; pending: boolean } = { pending: true };
  promise.then(
    (value) => (state = { value, pending: false }),
    (error: unknown) => (state = { error, pending: false }),
  );
  await settle();
  return state;
}
