/**
 * Shares a read among those who need one that begins after they asked.
 * At most one read runs and at most one waits for it, however many ask.
 */
export class SharedRead {
  /** How many reads have begun. */
  begun = 0;
  private readonly read: (number: number) => Promise<boolean>;
  private running: Promise<boolean> | undefined;
  private next: Promise<boolean> | undefined;

  /** `read` gets its own number, from 1; it never rejects, and says whether it went well. */
  constructor(read: (number: number) => Promise<boolean>) {
    this.read = read;
  }

  /** A read that begins now or later; resolves with whether it went well. */
  fresh(): Promise<boolean> {
    if (this.running === undefined) return this.begin();
    this.next ??= this.running.then(() => {
      this.next = undefined;
      // Somebody may have begun one in between; that is after all who wait here have asked, too.
      return this.running ?? this.begin();
    });
    return this.next;
  }

  /** Resolves when no read runs or waits. */
  async settled(): Promise<void> {
    while (this.running !== undefined || this.next !== undefined) await (this.next ?? this.running);
  }

  private begin(): Promise<boolean> {
    this.begun += 1;
    this.running = this.read(this.begun).finally(() => (this.running = undefined));
    return this.running;
  }
}
