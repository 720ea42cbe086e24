/**
 * Gathers the entries of one turn of the event loop into frames.
 * F1. What is pushed in one turn leaves in the same frame, up to the bounds; no timer holds it back. An entry that nothing else can
 *     join does not wait for the end of the turn: it leaves when what runs now has run, with what that pushes.
 * F2. While the transport is full, entries wait; the next frame takes what has gathered. How many can wait is bounded by
 *     whoever pushes: calls by the flow control of their stream, replies by the calls.
 */

/** A frame holds so many entries at most: measured, a fuller one saves nothing more, and it would block the event loop longer. */
export const FRAME_ENTRIES = 1_024;

/**
 * A frame holds so many bytes at most, unless a single entry is larger. Well below the smallest message limit in use (4 MiB), so
 * that one entry of the largest payload (1 MiB) still fits whole.
 */
export const FRAME_BYTES = 1_048_576;

export class Framer<Entry> {
  /** Sends one frame; false when the transport is full until it says `drained`. */
  private readonly send: (entries: readonly Entry[]) => boolean;
  private frameBytes: number;
  private readonly frameEntries: number;
  private waiting: Entry[] = [];
  private sizes: number[] = [];
  private scheduled = false;
  private full = false;
  private closed = false;
  /** Made once: a function that is made where it is scheduled costs each entry its surroundings, scheduled or not. */
  private readonly flushScheduled = (): void => {
    this.scheduled = false;
    this.flush(false);
  };

  constructor(send: (entries: readonly Entry[]) => boolean, frameBytes = FRAME_BYTES, frameEntries = FRAME_ENTRIES) {
    this.send = send;
    this.frameBytes = frameBytes;
    this.frameEntries = frameEntries;
  }

  /** From now on a frame holds so many bytes at most. */
  resize(frameBytes: number): void {
    this.frameBytes = frameBytes;
  }

  /**
   * Adds an entry of about `bytes` bytes. `alone`: nothing else is under way that could push another one in this turn (measured: the
   * end of the turn is a round of the event loop later, 3 % of one transaction at a time). After `close` it is dropped.
   */
  push(entry: Entry, bytes: number, alone = false): void {
    if (this.closed) return;
    this.waiting.push(entry);
    this.sizes.push(bytes);
    this.schedule(alone);
  }

  /** Drops what waits and is not worth sending any more. */
  keepOnly(isWanted: (entry: Entry) => boolean): void {
    const kept = this.waiting.map(isWanted);
    this.waiting = this.waiting.filter((_, index) => kept[index]);
    this.sizes = this.sizes.filter((_, index) => kept[index]);
  }

  /** The transport takes more. */
  drained(): void {
    this.full = false;
    this.schedule(false);
  }

  /** Sends what waits, whatever the transport says, and takes nothing more. */
  flushAndClose(): void {
    this.full = false;
    this.flush(true);
    this.closed = true;
  }

  /** Drops what waits and takes nothing more. */
  close(): void {
    this.closed = true;
    this.waiting = [];
    this.sizes = [];
  }

  private schedule(alone: boolean): void {
    if (this.scheduled || this.full || this.waiting.length === 0) return;
    this.scheduled = true;
    if (alone) process.nextTick(this.flushScheduled);
    else setImmediate(this.flushScheduled);
  }

  private flush(whatever: boolean): void {
    while (this.waiting.length > 0 && (whatever || !this.full) && !this.closed) {
      const count = this.countOfFrame();
      const frame = this.waiting;
      this.waiting = frame.splice(count);
      this.sizes = this.sizes.slice(count);
      this.full = !this.send(frame);
    }
  }

  private countOfFrame(): number {
    let bytes = 0;
    let count = 0;
    for (const size of this.sizes) {
      bytes += size;
      if (count === this.frameEntries || (count > 0 && bytes > this.frameBytes)) break;
      count += 1;
    }
    return count;
  }
}
