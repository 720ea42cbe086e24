/**
 * How many instances may be known. Every coordinator reads all of them every second, and those that ended are kept for a week: a
 * process that starts over and over, under a new id each time, would make that grow without end.
 * P1. A new instance is saved only while there is a place for it; renewing one that is known needs none.
 * P2. A participant that takes up all of its own places takes none from the others.
 * P3. Nobody is refused before those that ended were forgotten, and no live instance is forgotten.
 * Each coordinator counts what it sees, so that several of them may pass the bound by what comes within a refresh.
 */
import type { ParticipantStore } from '../journal/participants';
import type { Clock } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import type { KnownParticipants } from './known-participants';

/** Of all participants together: to read so many rows once a second takes 3 % of a core of the coordinator (measured, two actions each). */
export const MOST_INSTANCES = 10_000;

/** Of one participant, ended ones included: above what any service runs, and a fifth of all. */
export const MOST_PER_PARTICIPANT = 2_000;

/** When all places are taken, those that ended so long ago go: a service that was down for less is still known. */
export const ENDED_LONG_MS = 3_600_000;

/** How long nothing is forgotten again after it did not help: who is refused comes back, and each look is a read of every row. */
export const FULL_MS = 5_000;

export interface PlacesDeps {
  readonly store: Pick<ParticipantStore, 'forget'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is known now. */
  readonly view: () => KnownParticipants;
  /** Reads what is known anew. */
  readonly refresh: () => Promise<unknown>;
}

/** What is full: one participant, or undefined for all together. */
type Scope = string | undefined;

export class Places {
  private readonly deps: PlacesDeps;
  /** Keys that are being saved and are not in the view yet, with their participants. */
  private readonly coming = new Map<string, string>();
  private readonly clearing = new Map<Scope, Promise<void>>();
  /** Since when, monotonic, forgetting has not helped. At most one entry for each scope that is full. */
  private readonly fullSinceMs = new Map<Scope, number>();

  constructor(deps: PlacesDeps) {
    this.deps = deps;
  }

  /** Runs `save` for an instance that has a place. Rejects with TOO_MANY_INSTANCES when there is none. */
  async take(participant: string, key: string, save: () => Promise<void>): Promise<void> {
    if (this.deps.view().has(key) || this.coming.has(key)) return save();
    for (const scope of [participant, undefined]) {
      if (!this.isFull(scope)) continue;
      if (!this.isKnownFull(scope)) await this.clear(scope);
      if (this.isFull(scope)) throw noPlace(scope);
    }
    this.coming.set(key, participant);
    try {
      await save();
    } finally {
      this.coming.delete(key);
    }
  }

  /** Resolves when nothing is being forgotten. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.clearing.values());
  }

  private isFull(scope: Scope): boolean {
    const view = this.deps.view();
    if (scope === undefined) return view.size + this.coming.size >= MOST_INSTANCES;
    let own = view.instances(scope).length;
    for (const each of this.coming.values()) if (each === scope) own += 1;
    return own >= MOST_PER_PARTICIPANT;
  }

  private isKnownFull(scope: Scope): boolean {
    const sinceMs = this.fullSinceMs.get(scope);
    return sinceMs !== undefined && this.deps.clock.monotonicMs() - sinceMs < FULL_MS;
  }

  /** Whoever needs a place meanwhile waits for the same. */
  private clear(scope: Scope): Promise<void> {
    let clearing = this.clearing.get(scope);
    if (clearing === undefined) {
      clearing = this.forget(scope).finally(() => this.clearing.delete(scope));
      this.clearing.set(scope, clearing);
    }
    return clearing;
  }

  private async forget(scope: Scope): Promise<void> {
    const { store, refresh, clock, logger } = this.deps;
    // A participant with a new instance is known by that one.
    await (scope === undefined ? store.forget(ENDED_LONG_MS) : store.forget(0, scope));
    await refresh();
    this.fullSinceMs.delete(scope);
    if (!this.isFull(scope)) return;
    this.fullSinceMs.set(scope, clock.monotonicMs());
    logger.warn({ participant: scope, most: mostOf(scope) }, 'there is no place for more instances');
  }
}

function mostOf(scope: Scope): number {
  return scope === undefined ? MOST_INSTANCES : MOST_PER_PARTICIPANT;
}

function noPlace(scope: Scope): TccError {
  const most = mostOf(scope);
  const whose = scope === undefined ? 'all participants together have' : `participant ${scope} has`;
  return new TccError('TOO_MANY_INSTANCES', `${whose} ${most} instances, as many as there may be`, {
    metadata: { limit: scope === undefined ? 'instances' : 'instancesPerParticipant', most: String(most) },
  });
}
