import type { Clock } from '../lib/clock';

/** How long it is remembered that a name is unknown: a client that asks in a loop costs a few reads per second, not hundreds. */
export const MISS_KEPT_MS = 200;

/** How many unknown names are remembered; more than a buggy client makes up in MISS_KEPT_MS. Beyond it all are forgotten. */
const MISSES_KEPT = 1_000;

/** Names that were looked for and not found a moment ago. */
export class Misses {
  private readonly untilMs = new Map<string, number>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  has(name: string): boolean {
    const untilMs = this.untilMs.get(name);
    if (untilMs === undefined) return false;
    if (untilMs > this.clock.monotonicMs()) return true;
    this.untilMs.delete(name);
    return false;
  }

  add(name: string): void {
    if (this.untilMs.size >= MISSES_KEPT) this.untilMs.clear();
    this.untilMs.set(name, this.clock.monotonicMs() + MISS_KEPT_MS);
  }
}
