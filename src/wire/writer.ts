/**
 * Writes protobuf messages by hand, in canonical form: fields in order, defaults left out. What generated code does with a tree
 * of operations and a buffer per message is here one pass over one buffer.
 * W1. Messages are written into slabs, one behind the other; what `finish` returns is a view that nothing writes to again.
 * W2. A value of the wrong type throws, and costs no message but its own: the next `begin` starts anew.
 */

/**
 * A slab holds so many bytes, unless a single message is larger: some 250 entries of the usual size, so that the cost of a slab is
 * no part of an entry's, and few enough that one entry that waits for a slow stream keeps little with it.
 */
const SLAB_BYTES = 65_536;

/**
 * Up to this many characters (UTF-16 units), a loop over them is as fast as a call into Node. Below 43, so that their length fits
 * one byte also when each takes three.
 */
const SHORT_TEXT = 42;

/** The most bytes that a tag and a varint of 64 bits take. */
const NUMBER_BYTES = 11;

const TWO_TO_32 = 2 ** 32;

export class Writer {
  private bytes: Buffer = Buffer.alloc(0);
  private start = 0;
  private at = 0;

  /** Starts a message of about so many bytes. One that was begun and not finished is forgotten. */
  begin(aboutBytes: number): void {
    this.at = this.start;
    this.reserve(aboutBytes);
  }

  /** The message since `begin`. */
  finish(): Buffer {
    const message = this.bytes.subarray(this.start, this.at);
    this.start = this.at;
    return message;
  }

  /** An unsigned number; 0 and nothing at all are left out. Beyond 32 bits it wraps, as in generated code. */
  uint32(tag: number, value: number | null | undefined): void {
    if (value === undefined || value === null) return;
    const number = numeric(value) >>> 0;
    if (number === 0) return;
    this.reserve(NUMBER_BYTES);
    this.bytes[this.at++] = tag;
    this.varint(number);
  }

  /** A time in milliseconds, or any other integer of up to 53 bits. */
  int64(tag: number, value: number | null | undefined): void {
    if (value === undefined || value === null || value === 0) return;
    const low = numeric(value) >>> 0;
    const high = ((value - low) / TWO_TO_32) >>> 0;
    this.reserve(NUMBER_BYTES);
    this.bytes[this.at++] = tag;
    if (high === 0) this.varint(low);
    else this.longVarint(low, high);
  }

  /** The number of an enum's value; one that is negative takes 64 bits, as the format wants it. */
  enumeration(tag: number, value: number | null | undefined): void {
    if (typeof value === 'number' && value < 0) this.int64(tag, value);
    else this.uint32(tag, value);
  }

  flag(tag: number, value: boolean | null | undefined): void {
    if (value !== true) return;
    this.reserve(2);
    this.bytes[this.at++] = tag;
    this.bytes[this.at++] = 1;
  }

  /** A text; halves of characters become U+FFFD, since UTF-8 cannot say them. */
  text(tag: number, value: string | null | undefined): void {
    if (value === undefined || value === null || value === '') return;
    if (typeof value !== 'string') throw new TypeError('a text is expected');
    const { length } = value;
    if (length > SHORT_TEXT) {
      this.encodedText(tag, value);
      return;
    }
    this.reserve(2 + length);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = tag;
    bytes[at++] = length;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        this.encodedText(tag, value);
        return;
      }
      bytes[at++] = code;
    }
    this.at = at;
  }

  /** Bytes, copied; none are left out. */
  data(tag: number, value: Uint8Array | null | undefined): void {
    if (value === undefined || value === null) return;
    if (!(value instanceof Uint8Array)) throw new TypeError('bytes are expected');
    const { length } = value;
    if (length === 0) return;
    this.reserve(NUMBER_BYTES + length);
    this.bytes[this.at++] = tag;
    this.varint(length);
    this.bytes.set(value, this.at);
    this.at += length;
  }

  /**
   * Opens a message within the message. `aboutBytes` says how long it will be: where that is wrong by a varint's length, `close` has
   * to move it. Returns what `close` wants to have.
   */
  open(tag: number, aboutBytes: number): number {
    this.reserve(NUMBER_BYTES);
    this.bytes[this.at++] = tag;
    this.at += varintBytes(aboutBytes);
    // A place in the message, not in the slab: the message may move to another one.
    return this.at - this.start;
  }

  /** Writes the length of what was written since `open`, with the same `aboutBytes`. */
  close(opened: number, aboutBytes: number): void {
    const from = this.start + opened;
    const length = this.at - from;
    const room = varintBytes(aboutBytes);
    const needed = varintBytes(length);
    if (needed !== room) {
      this.reserve(NUMBER_BYTES);
      const moved = this.start + opened + needed - room;
      this.bytes.copyWithin(moved, this.start + opened, this.at);
    }
    this.at = this.start + opened - room;
    this.varint(length);
    this.at += length;
  }

  private encodedText(tag: number, value: string): void {
    const length = Buffer.byteLength(value);
    this.reserve(NUMBER_BYTES + length);
    this.bytes[this.at++] = tag;
    this.varint(length);
    if (length === value.length) this.bytes.write(value, this.at, length, 'latin1');
    else this.bytes.write(value, this.at, length, 'utf8');
    this.at += length;
  }

  /** Up to 32 bits; room for it is there. */
  private varint(value: number): void {
    const { bytes } = this;
    let { at } = this;
    let rest = value;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    bytes[at++] = rest;
    this.at = at;
  }

  /** More than 32 bits: four groups of seven from the lower half, one from both, the others from the upper half. */
  private longVarint(low: number, high: number): void {
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = (low & 0x7f) | 0x80;
    bytes[at++] = ((low >>> 7) & 0x7f) | 0x80;
    bytes[at++] = ((low >>> 14) & 0x7f) | 0x80;
    bytes[at++] = ((low >>> 21) & 0x7f) | 0x80;
    const middle = (low >>> 28) | ((high & 0x07) << 4);
    let rest = high >>> 3;
    bytes[at++] = rest === 0 ? middle : middle | 0x80;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80;
    if (rest > 0) bytes[at++] = rest;
    this.at = at;
  }

  /** Makes room for so many bytes more; the message that is being written moves to a new slab when this one is full. */
  private reserve(bytes: number): void {
    if (this.at + bytes > this.bytes.length) this.move(bytes);
  }

  private move(bytes: number): void {
    const written = this.at - this.start;
    // Twice what there is, so that a message of many parts is not copied for each.
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * written + bytes));
    this.bytes.copy(slab, 0, this.start, this.at);
    this.bytes = slab;
    this.start = 0;
    this.at = written;
  }
}

/** How many bytes a number of up to 32 bits takes. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

function numeric(value: number): number {
  if (typeof value !== 'number') throw new TypeError('a number is expected');
  return value;
}
