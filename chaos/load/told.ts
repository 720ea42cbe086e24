/** What a client was told of an order. UNKNOWN: it gave up, or something else went wrong. */
export type Outcome = 'CONFIRMED' | 'CANCELLED' | 'UNKNOWN';

/** Every order of the run and what its client was told. */
export class Told {
  private readonly outcomes = new Map<string, Outcome>();

  hear(gid: string, outcome: Outcome): void {
    this.outcomes.set(gid, outcome);
  }

  entries(): IterableIterator<[gid: string, outcome: Outcome]> {
    return this.outcomes.entries();
  }

  get(gid: string): Outcome | undefined {
    return this.outcomes.get(gid);
  }

  get gids(): string[] {
    return [...this.outcomes.keys()];
  }

  count(outcome: Outcome): number {
    return [...this.outcomes.values()].filter((told) => told === outcome).length;
  }
}
