/** Entries that are done with are let go of when there are so many, and as many as are left: moving those is then cheap. */
const LET_GO_AT = 1_024;

/** A queue: first come, first gone. Taking the first costs nothing, however long it is. */
export class Arrivals<Entry> {
  private entries: Entry[] = [];
  private gone = 0;

  get length(): number {
    return this.entries.length - this.gone;
  }

  get first(): Entry | undefined {
    return this.entries[this.gone];
  }

  push(entry: Entry): void {
    this.entries.push(entry);
  }

  /** Takes the first one out. */
  shift(): void {
    this.gone += 1;
    if (this.gone < LET_GO_AT || this.gone * 2 < this.entries.length) return;
    this.entries = this.entries.slice(this.gone);
    this.gone = 0;
  }

  /** Keeps those for which it is true, in their order; returns the others. */
  keepOnly(isKept: (entry: Entry) => boolean): Entry[] {
    const kept: Entry[] = [];
    const others: Entry[] = [];
    for (const entry of this.entries.slice(this.gone)) (isKept(entry) ? kept : others).push(entry);
    this.entries = kept;
    this.gone = 0;
    return others;
  }
}
