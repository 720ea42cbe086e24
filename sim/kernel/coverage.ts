/** How often each fault struck and each rare path was taken. */
export class Coverage {
  readonly counts = new Map<string, number>();

  reached(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  add(other: Coverage): void {
    for (const [what, times] of other.counts) this.reached(what, times);
  }
}
