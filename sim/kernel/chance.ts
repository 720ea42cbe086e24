/**
 * Chance whose whole course is its seed: sfc32, which is fast and passes the usual tests. Each use of chance has its own stream
 * (`fork`), so that leaving out one fault does not reshuffle all the others.
 */
export class Chance {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number, stream = '') {
    let hash = 0x811c9dc5 ^ seed;
    for (let at = 0; at < stream.length; at += 1) hash = Math.imul(hash ^ stream.charCodeAt(at), 0x01000193);
    this.a = hash | 0;
    this.b = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
    this.c = Math.imul(hash ^ (seed << 7), 0xc2b2ae35) | 0;
    for (let warm = 0; warm < 12; warm += 1) this.next();
  }

  /** In [0, 1). A bound method, so that it can be handed on as a source of chance. */
  readonly next = (): number => {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return (sum >>> 0) / 4_294_967_296;
  };

  /** A stream of its own, which depends on this one's state and the label. */
  fork(label: string): Chance {
    return new Chance(Math.floor(this.next() * 4_294_967_296), label);
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<Item>(list: readonly Item[]): Item {
    const item = list[Math.floor(this.next() * list.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }
}
