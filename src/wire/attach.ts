/**
 * The messages of RegistryService.Attach as they travel, and the method's definition for either side. Enums are numbers here.
 * Frames are written and read by hand; what comes once per stream is left to protobufjs.
 */
import {
  callEntryBytes,
  callEntryFormat,
  type RawCallEntry,
  type RawReplyEntry,
  replyEntryBytes,
  replyEntryFormat,
  writeCallEntry,
  writeReplyEntry,
} from './attach-entries';
import { type EntryFormat, faultOf, readEntries } from './frame';
import { rawType } from './raw-types';
import { MalformedBytes, Reader } from './reader';
import type { RawPayload } from './transaction-codec';
import { Writer } from './writer';

export {
  callEntryBytes,
  type RawBranchCall,
  type RawCallEntry,
  type RawReplyEntry,
  replyEntryBytes,
} from './attach-entries';
export type { RawPayload } from './transaction-codec';

/** By tcc.v1.Phase. */
export const phaseNumbers = { try: 1, confirm: 2, cancel: 3 } as const;
export const phaseNames = [undefined, 'try', 'confirm', 'cancel'] as const;

/** By tcc.v1.FenceOutcome. */
export const fenceNames = [undefined, 'FRESH', 'REPEAT', 'EMPTY_ROLLBACK', 'HANGING_REFUSED'] as const;
export const fenceNumbers = { FRESH: 1, REPEAT: 2, EMPTY_ROLLBACK: 3, HANGING_REFUSED: 4 } as const;

export interface RawAction {
  readonly name: string;
  readonly methods?: { readonly try: string; readonly confirm: string; readonly cancel: string } | null;
  readonly callTimeoutMs?: number;
  readonly tryAttempts?: number;
}

export interface RawHello {
  readonly participant: string;
  readonly instanceId: string;
  readonly actions: readonly RawAction[];
  readonly maxCallsInFlight: number;
  readonly maxBytesInFlight: number;
  readonly address: string;
}

export interface RawWelcome {
  readonly coordinatorId: string;
  readonly coordinators: readonly string[];
  readonly maxFrameEntries: number;
  readonly maxFrameBytes: number;
}

/** What an instance sends: exactly one field is set. */
export interface AttachUp {
  readonly hello?: RawHello | null;
  readonly replies?: { readonly entries: readonly RawReplyEntry[] } | null;
  readonly goodbye?: object | null;
  /** Why the message cannot be read, as a sentence; only on arrival, and then nothing else is set. */
  readonly fault?: string;
}

/** What a coordinator sends: exactly one field is set. */
export interface AttachDown {
  readonly welcome?: RawWelcome | null;
  readonly calls?: { readonly entries: readonly RawCallEntry[] } | null;
  readonly goodbye?: object | null;
  readonly update?: RawWelcome | null;
  /** Why the message cannot be read, as a sentence; only on arrival, and then nothing else is set. */
  readonly fault?: string;
}

const up = rawType('AttachRequest');
const down = rawType('AttachResponse');

/** By their tags: the messages beside frames. Either side's frame has the same tag. */
const FRAME_TAG = 0x12;
const hello = rawType('AttachHello');
const goodbye = rawType('AttachGoodbye');
const welcome = rawType('AttachWelcome');
const upFields = { 0x0a: { name: 'hello', type: hello }, 0x1a: { name: 'goodbye', type: goodbye } };
const downFields = {
  0x0a: { name: 'welcome', type: welcome },
  0x1a: { name: 'goodbye', type: goodbye },
  0x22: { name: 'update', type: welcome },
};
type Fields = Readonly<Record<number, { readonly name: string; readonly type: typeof hello }>>;

/**
 * The method, with serialisers that encode and decode once. Calls are answered soon, and their payloads are views until then; the
 * payload of a reply is kept with its transaction.
 */
export const attachMethod = {
  path: '/tcc.v1.RegistryService/Attach',
  requestStream: true,
  responseStream: true,
  requestSerialize: (message: AttachUp): Buffer =>
    message.replies
      ? frameOf(message.replies.entries, replyEntryBytes, writeReplyEntry)
      : asBuffer(up.encode(message).finish()),
  requestDeserialize: (bytes: Buffer): AttachUp =>
    decode<RawReplyEntry>(new Reader(bytes, { borrow: false }), 'replies', replyEntryFormat, upFields),
  responseSerialize: (message: AttachDown): Buffer =>
    message.calls
      ? frameOf(message.calls.entries, callEntryBytes, writeCallEntry)
      : asBuffer(down.encode(message).finish()),
  responseDeserialize: (bytes: Buffer): AttachDown =>
    decode<RawCallEntry>(new Reader(bytes, { borrow: true }), 'calls', callEntryFormat, downFields),
} as const;

/** One for all streams: a frame is begun and finished without anything between. */
const writer = new Writer();

/** A message that is a frame, written into one buffer. */
function frameOf<Entry>(
  entries: readonly Entry[],
  bytesOfEntry: (entry: Entry) => number,
  write: (writer: Writer, entry: Entry) => void,
): Buffer {
  let about = 0;
  for (const entry of entries) about += bytesOfEntry(entry);
  writer.begin(about);
  const opened = writer.open(FRAME_TAG, about);
  for (const entry of entries) write(writer, entry);
  writer.close(opened, about);
  return writer.finish();
}

/** Of the oneof, the last field counts; one that comes in pieces is their sum. */
function decode<Entry>(reader: Reader, frame: 'calls' | 'replies', format: EntryFormat<Entry>, fields: Fields): object {
  try {
    let last = 0;
    let entries: Entry[] = [];
    let pieces: Buffer[] = [];
    while (reader.at < reader.end) {
      const tag = reader.tag(reader.end);
      if (tag !== FRAME_TAG && fields[tag] === undefined) {
        reader.skip(tag, reader.end);
        continue;
      }
      if (tag !== last) {
        entries = [];
        pieces = [];
      }
      last = tag;
      if (tag === FRAME_TAG) readEntries(reader, reader.part(reader.end), format, entries);
      else pieces.push(reader.message(reader.end));
    }
    const field = fields[last];
    if (field !== undefined) return { [field.name]: decodeRare(field, pieces) };
    return last === FRAME_TAG ? { [frame]: { entries } } : {};
  } catch (error) {
    return { fault: faultOf(error) };
  }
}

function decodeRare({ name, type }: Fields[number], pieces: readonly Buffer[]): object {
  try {
    return type.decode(Buffer.concat(pieces));
  } catch (error) {
    throw new MalformedBytes(`the ${name} cannot be read: ${error instanceof Error ? error.message : ''}`);
  }
}

/** A payload's bytes; protobufjs gives an empty array where the field is absent. */
export function bytesOf(payload: RawPayload | null | undefined): Uint8Array {
  return payload && payload.data.length > 0 ? payload.data : NO_BYTES;
}

const NO_BYTES = new Uint8Array();

/** protobufjs writes into Buffers on Node, and says Uint8Array. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
