/** Numbers are of type uint32; 0 is none. */
const LAST_NUMBER = 2 ** 32 - 1;

/** Room to begin with: it doubles whenever half of it is taken. */
const FIRST_ROOM = 64;

/**
 * What is under way and comes back by the number that it was given here, thousands of times a second: a call that is out, until
 * its reply. The number says where to look, so that it costs no more than a place in a list; a Map takes several times as long, and
 * leaves the garbage that churn-map.ts tells of.
 * N1. No number is given twice until all the others were, also when its place is: who comes back late finds nothing.
 */
export class Numbered<Value> {
  private values: (Value | undefined)[] = new Array<Value | undefined>(FIRST_ROOM).fill(undefined);
  /** By place, the number of what is there; 0 where nothing is. */
  private numbers = new Uint32Array(FIRST_ROOM);
  private last = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** A number for what is `set` next. */
  next(): number {
    do {
      this.last = this.last === LAST_NUMBER ? 1 : this.last + 1;
    } while (this.numbers[this.placeOf(this.last)] !== 0);
    return this.last;
  }

  /** Keeps it under the number that `next` has just given. */
  set(number: number, value: Value): void {
    this.count += 1;
    if (2 * this.count > this.values.length) this.grow();
    this.put(number, value);
  }

  has(number: number): boolean {
    return number !== 0 && this.numbers[this.placeOf(number)] === number;
  }

  get(number: number): Value | undefined {
    return this.has(number) ? this.values[this.placeOf(number)] : undefined;
  }

  /** Whether it was there. */
  delete(number: number): boolean {
    if (!this.has(number)) return false;
    const place = this.placeOf(number);
    this.numbers[place] = 0;
    this.values[place] = undefined;
    this.count -= 1;
    return true;
  }

  /** Those that are there now, in no order, whoever comes and goes meanwhile. */
  all(): readonly Value[] {
    return this.values.filter((_, place) => this.numbers[place] !== 0) as Value[];
  }

  private placeOf(number: number): number {
    return number & (this.values.length - 1);
  }

  private put(number: number, value: Value | undefined): void {
    const place = this.placeOf(number);
    this.numbers[place] = number;
    this.values[place] = value;
  }

  /** Two numbers with one place in the larger room would have had one in the smaller. */
  private grow(): void {
    const { values, numbers } = this;
    this.values = new Array<Value | undefined>(2 * values.length).fill(undefined);
    this.numbers = new Uint32Array(2 * numbers.length);
    for (const [place, number] of numbers.entries()) if (number !== 0) this.put(number, values[place]);
  }
}
