/**
 * Reads protobuf messages by hand. A message's function loops over its fields until the end that it was given, takes those that it
 * knows and skips the others; a field of a known number and another wire type counts as unknown.
 * R1. Nothing is read beyond the end of the message that is being read; bytes that are no message throw MalformedBytes.
 * R2. Messages within the message are counted, and one too many ends the reading: an empty one takes two bytes here and hundreds in memory.
 * R3. What is read shares no memory with the frame unless the reader was made to borrow.
 */
import { InternedTexts } from './interned';
import { BORROWED_BYTES } from './raw-bytes';

/** The bytes are not the message that they should be. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}

/** It has more parts than anything may have. Whoever goes on with the rest of the bytes after a fault must stop at this one. */
export class TooManyParts extends MalformedBytes {
  constructor() {
    super(`a message may have at most ${MOST_PARTS} messages within it`);
  }
}

/**
 * Messages within one message, at all depths. A full frame of requests with eight branches and their payloads stays below it, and
 * what it stands for is decoded in some 50 ms.
 */
export const MOST_PARTS = 81_920;

/** A varint has at most so many bytes; those beyond the fifth only count for numbers of 64 bits. */
const VARINT_BYTES = 10;

/** Groups, which proto3 does not have, are skipped down to this depth: a message of nothing else must not end the stack. */
const GROUP_DEPTH = 32;

const NO_BYTES = Buffer.alloc(0);
const LENGTH_DELIMITED = 2;
const TWO_TO_32 = 2 ** 32;

/** One for all readers: the texts of calls come back in replies. */
const interned = new InternedTexts();

export class Reader {
  /** Where it reads next. */
  at = 0;
  /** The end of the outermost message. */
  readonly end: number;
  private readonly bytes: Buffer;
  private readonly copies: boolean;
  private parts = 0;

  /** `borrow`: payloads are views into `bytes`, which they keep alive; for those that are done with soon. */
  constructor(bytes: Buffer, { borrow }: { readonly borrow: boolean }) {
    this.bytes = bytes;
    this.end = bytes.length;
    this.copies = !borrow && bytes.buffer.byteLength > BORROWED_BYTES;
  }

  /** The next tag of a message that ends at `end`. */
  tag(end: number): number {
    const tag = this.uint32(end);
    if (tag < 8) throw new MalformedBytes('a field has the number 0');
    return tag;
  }

  /** A varint's lowest 32 bits. */
  uint32(end: number): number {
    const { at, bytes } = this;
    if (at + 1 < end) {
      const first = bytes[at] as number;
      if (first < 0x80) {
        this.at = at + 1;
        return first;
      }
      const second = bytes[at + 1] as number;
      if (second < 0x80) {
        this.at = at + 2;
        return (first & 0x7f) | (second << 7);
      }
    }
    return this.longVarint(end, false);
  }

  /** A signed number of 32 bits, such as that of an enum. */
  int32(end: number): number {
    return this.uint32(end) | 0;
  }

  /** A signed number of 64 bits; beyond 53 it is not exact. */
  int64(end: number): number {
    return this.longVarint(end, true);
  }

  flag(end: number): boolean {
    return this.int64(end) !== 0;
  }

  /** The length of a message within the message: returns where it ends. */
  part(end: number): number {
    this.parts += 1;
    if (this.parts > MOST_PARTS) throw new TooManyParts();
    return this.stop(end);
  }

  /** The length of anything that has one: returns where it ends. */
  stop(end: number): number {
    const length = this.uint32(end);
    const stop = this.at + length;
    if (stop > end) throw new MalformedBytes(`a field of ${length} bytes is longer than its message`);
    return stop;
  }

  /** A text that is likely to be new. */
  text(end: number): string {
    const stop = this.stop(end);
    const text = this.bytes.toString('utf8', this.at, stop);
    this.at = stop;
    return text;
  }

  /** A text that is likely to have come before. */
  word(end: number): string {
    const stop = this.stop(end);
    const text = interned.read(this.bytes, this.at, stop);
    this.at = stop;
    return text;
  }

  data(end: number): Buffer {
    const stop = this.stop(end);
    const from = this.at;
    this.at = stop;
    if (from === stop) return NO_BYTES;
    if (!this.copies) return this.bytes.subarray(from, stop);
    const copy = Buffer.allocUnsafe(stop - from);
    this.bytes.copy(copy, 0, from, stop);
    return copy;
  }

  /** The bytes of a message that something else reads, which may be less strict about where its fields end. */
  message(end: number): Buffer {
    const stop = this.part(end);
    const from = this.at;
    while (this.at < stop) {
      const tag = this.tag(stop);
      if ((tag & 7) === LENGTH_DELIMITED) this.at = this.part(stop);
      else this.skip(tag, stop);
    }
    return this.bytes.subarray(from, stop);
  }

  /** Passes over the value of a field that is not known here. */
  skip(tag: number, end: number, depth = 0): void {
    switch (tag & 7) {
      case 0:
        this.longVarint(end, true);
        return;
      case 1:
        this.advance(8, end);
        return;
      case LENGTH_DELIMITED:
        this.at = this.stop(end);
        return;
      case 3:
        this.skipGroup(tag, end, depth);
        return;
      case 5:
        this.advance(4, end);
        return;
      default:
        throw new MalformedBytes(`a field has the wire type ${tag & 7}`);
    }
  }

  private skipGroup(tag: number, end: number, depth: number): void {
    if (depth === GROUP_DEPTH) throw new MalformedBytes(`groups are nested ${GROUP_DEPTH} deep`);
    for (;;) {
      const inner = this.tag(end);
      if (inner === tag + 1) return;
      this.skip(inner, end, depth + 1);
    }
  }

  private advance(bytes: number, end: number): void {
    this.at += bytes;
    if (this.at > end) throw new MalformedBytes('a message ends within a field');
  }

  /** Low and high are gathered as 28, 28 and 8 bits, so that no step leaves the integers of 32 bits. */
  private longVarint(end: number, wide: boolean): number {
    const { bytes } = this;
    let { at } = this;
    let low = 0;
    let middle = 0;
    let high = 0;
    for (let index = 0; index < VARINT_BYTES; index += 1) {
      if (at >= end) throw new MalformedBytes('a message ends within a number');
      const byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (index < 4) low |= bits << (7 * index);
      else if (index < 8) middle |= bits << (7 * (index - 4));
      else high |= bits << (7 * (index - 8));
      if (byte >= 0x80) continue;
      this.at = at;
      const lower = (low | (middle << 28)) >>> 0;
      return wide ? ((middle >>> 4) | (high << 24) | 0) * TWO_TO_32 + lower : lower;
    }
    throw new MalformedBytes(`a number has more than ${VARINT_BYTES} bytes`);
  }
}
