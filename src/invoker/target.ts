import type { Clock } from '../lib/clock';

/** One instance that can take a call. */
export interface Target {
  /** Names the instance among all instances of all participants. */
  readonly key: string;
  readonly participant: string;
  readonly instanceId: string;
  /** host:port */
  readonly address: string;
  /** Full method names ('/pkg.Service/Method') where its own methods serve the action. */
  readonly methods: { readonly try: string; readonly confirm: string; readonly cancel: string } | undefined;
}

/** Who takes the next call. Whoever carries it says when it began and how it ended, so that the load can be spread. */
export interface Targets {
  /** A live instance for a call of `action`, or undefined when there is none. `exclude`: keys that must not be picked. */
  pick(participant: string, action: string, exclude?: ReadonlySet<string>): Target | undefined;
  /** A call to it was sent. */
  began(key: string): void;
  /** That call is over. `reached`: something answered there, whatever it said. */
  ended(key: string, reached: boolean): void;
}

/**
 * How long an instance that could not be reached gets no calls while others live: about what a process takes to come back, and
 * short enough that an instance avoided by mistake hardly changes the load of the others.
 */
export const AVOID_MS = 2_000;

interface Load {
  inFlight: number;
  /** Monotonic. */
  avoidedUntilMs: number;
  /** The number of the pick that chose it last. */
  pickedAt: number;
}

/** Spreads calls: to those that could be reached before the others, least in flight first, in turn where that is equal. */
export class Balancer {
  private readonly loads = new Map<string, Load>();
  private readonly clock: Clock;
  private picks = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The best of these, or undefined when there are none. */
  choose<Candidate extends { readonly key: string }>(candidates: readonly Candidate[]): Candidate | undefined {
    const nowMs = this.clock.monotonicMs();
    let best: Candidate | undefined;
    let bestLoad: Load | undefined;
    for (const candidate of candidates) {
      const load = this.loadOf(candidate.key);
      if (bestLoad !== undefined && !isBetter(load, bestLoad, nowMs)) continue;
      best = candidate;
      bestLoad = load;
    }
    if (bestLoad !== undefined) bestLoad.pickedAt = ++this.picks;
    return best;
  }

  began(key: string): void {
    this.loadOf(key).inFlight += 1;
  }

  ended(key: string, reached: boolean): void {
    const load = this.loadOf(key);
    load.inFlight -= 1;
    load.avoidedUntilMs = reached ? 0 : this.clock.monotonicMs() + AVOID_MS;
  }

  /** Forgets those that are not known any more and have no call in flight. */
  keepOnly(isKnown: (key: string) => boolean): void {
    for (const [key, load] of this.loads) {
      if (load.inFlight === 0 && !isKnown(key)) this.loads.delete(key);
    }
  }

  private loadOf(key: string): Load {
    let load = this.loads.get(key);
    if (load === undefined) {
      load = { inFlight: 0, avoidedUntilMs: 0, pickedAt: 0 };
      this.loads.set(key, load);
    }
    return load;
  }
}

function isBetter(one: Load, other: Load, nowMs: number): boolean {
  const avoided = Number(one.avoidedUntilMs > nowMs) - Number(other.avoidedUntilMs > nowMs);
  if (avoided !== 0) return avoided < 0;
  if (one.inFlight !== other.inFlight) return one.inFlight < other.inFlight;
  return one.pickedAt < other.pickedAt;
}
