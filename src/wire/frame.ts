/**
 * A frame is a message whose field 1 is its entries, in every stream and direction.
 * F1. The entries are counted before the first is read: a frame of too many costs nothing more than that.
 * F2. An entry that cannot be read takes no other with it, as long as it says its id. What names no entry is the frame's own fault.
 */
import { FRAME_ENTRIES } from './framer';
import { MalformedBytes, type Reader, TooManyParts } from './reader';
import { varintBytes } from './writer';

/**
 * How many times FRAME_ENTRIES a frame may hold before it is refused: other clients may gather differently, and what this bounds
 * is how long one frame can keep the event loop.
 */
const FRAME_SLACK = 4;

/** A frame with more entries than this is refused. */
export const MOST_FRAME_ENTRIES = FRAME_ENTRIES * FRAME_SLACK;

/** A frame as it arrives. */
export interface Frame<Entry> {
  readonly entries: readonly Entry[];
  /** Why it is refused as a whole, as a sentence: it is no frame, or one of too many entries. It has no entries then. */
  readonly fault: string | undefined;
}

/** How the entries of a frame are read. */
export interface EntryFormat<Entry> {
  /** Reads the entry that ends at `end`, up to there or beyond. Throws MalformedBytes. */
  readonly read: (reader: Reader, end: number) => Entry;
  /** Stands for an entry that cannot be read; `why` is a sentence. */
  readonly unreadable: (id: number, why: string) => Entry;
}

/** The tag of the entries in a frame, and that of the id in an entry. */
export const ENTRIES_TAG = 0x0a;
export const ID_TAG = 0x08;

/** A frame of entries that are encoded already. */
export function encodeFrame(entries: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const { length } of entries) bytes += 1 + varintBytes(length) + length;
  const frame = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const entry of entries) {
    frame[at++] = ENTRIES_TAG;
    let rest = entry.length;
    for (; rest > 0x7f; rest >>>= 7) frame[at++] = (rest & 0x7f) | 0x80;
    frame[at++] = rest;
    frame.set(entry, at);
    at += entry.length;
  }
  return frame;
}

export function decodeFrame<Entry>(reader: Reader, format: EntryFormat<Entry>): Frame<Entry> {
  try {
    const entries: Entry[] = [];
    readEntries(reader, reader.end, format, entries);
    return { entries, fault: undefined };
  } catch (error) {
    return { entries: [], fault: faultOf(error) };
  }
}

/** What is wrong with a frame or an entry; throws what is no fault of the bytes. */
export function faultOf(error: unknown): string {
  if (error instanceof MalformedBytes) return error.message;
  throw error;
}

/** Adds the entries of the frame that ends at `end`. Throws MalformedBytes when it must be refused. */
export function readEntries<Entry>(reader: Reader, end: number, format: EntryFormat<Entry>, entries: Entry[]): void {
  const from = reader.at;
  if (entries.length + countEntries(reader, end) > MOST_FRAME_ENTRIES) {
    throw new MalformedBytes(`a frame has more than the ${MOST_FRAME_ENTRIES} entries that it may have`);
  }
  reader.at = from;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === ENTRIES_TAG) entries.push(readEntry(reader, reader.part(end), format));
    else reader.skip(tag, end);
  }
}

function countEntries(reader: Reader, end: number): number {
  let count = 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === ENTRIES_TAG) count += 1;
    reader.skip(tag, end);
  }
  return count;
}

function readEntry<Entry>(reader: Reader, end: number, format: EntryFormat<Entry>): Entry {
  const from = reader.at;
  try {
    return format.read(reader, end);
  } catch (error) {
    if (error instanceof TooManyParts) throw error;
    const fault = faultOf(error);
    reader.at = from;
    const id = idOf(reader, end);
    reader.at = end;
    if (id === 0) throw new MalformedBytes(`an entry without an id cannot be read: ${fault}`);
    return format.unreadable(id, `the entry cannot be read: ${fault}`);
  }
}

/** The id of an entry, as far as it can be read; 0 is none. */
function idOf(reader: Reader, end: number): number {
  let id = 0;
  try {
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag === ID_TAG) id = reader.uint32(end);
      else reader.skip(tag, end);
    }
  } catch (error) {
    // The id stands first in what encoders write, so what was read of it before the fault is the id.
    faultOf(error);
  }
  return id;
}
