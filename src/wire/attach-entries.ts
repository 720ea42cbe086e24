/** The entries of RegistryService.Attach: calls go down, replies come up. Enums are numbers here. */
import type { EntryFormat } from './frame';
import { ENTRIES_TAG, faultOf, ID_TAG } from './frame';
import { MalformedBytes, type Reader, TooManyParts } from './reader';
import { payloadBytes, type RawPayload, readPayload, writePayload } from './transaction-codec';
import type { Writer } from './writer';

export interface RawBranchCall {
  readonly gid: string;
  readonly branchId: string;
  readonly action: string;
  readonly attempt: number;
  readonly remainingMs: number;
  readonly payload: RawPayload | null;
}

export interface RawCallEntry {
  readonly id: number;
  readonly phase: number;
  readonly call: RawBranchCall | null;
  /** Why it could not be read, as a sentence; only on arrival. */
  readonly unreadable?: string | undefined;
}

/** At most one of `reply` and `failure`; neither is an empty reply. */
export interface RawReplyEntry {
  readonly id: number;
  readonly reply?: RawBranchReply | null;
  readonly failure?: RawCallFailure | null;
  /** Why it could not be read, as a sentence; only on arrival. */
  readonly unreadable?: string | undefined;
}

export interface RawBranchReply {
  readonly payload?: RawPayload | null;
  readonly fence?: number;
  /** Why what it carries could not be read, as a sentence; only on arrival. That it is a reply is known all the same. */
  readonly unreadable?: string | undefined;
}

export interface RawCallFailure {
  readonly code: number;
  readonly message: string;
  readonly fence?: number;
}

/** What an entry takes besides its payload and its strings: tags, lengths and numbers. */
const ENTRY_BYTES = 48;

export function callEntryBytes({ call }: RawCallEntry): number {
  return ENTRY_BYTES + (call === null ? 0 : textBytes(call) + (call.payload?.data.length ?? 0));
}

export function replyEntryBytes({ reply, failure }: RawReplyEntry): number {
  return ENTRY_BYTES + (reply?.payload?.data.length ?? 0) + (failure?.message.length ?? 0) * 3;
}

function textBytes({ gid, branchId, action }: RawBranchCall): number {
  return gid.length + branchId.length + action.length;
}

/** The numbers of a call and their tags, and the tags and lengths of its texts. */
const CALL_BYTES = 13;

/** The call's own tag and length, the id and the phase. */
const HEAD_BYTES = 8;

export function writeCallEntry(writer: Writer, entry: RawCallEntry): void {
  const { call } = entry;
  const about = call === null ? 0 : CALL_BYTES + textBytes(call) + (call.payload ? payloadBytes(call.payload) : 0);
  const opened = writer.open(ENTRIES_TAG, about + HEAD_BYTES);
  writer.uint32(ID_TAG, entry.id);
  writer.enumeration(0x10, entry.phase);
  if (call !== null) {
    const openedCall = writer.open(0x1a, about);
    writer.text(0x0a, call.gid);
    writer.text(0x12, call.branchId);
    writer.text(0x1a, call.action);
    writer.uint32(0x20, call.attempt);
    writer.uint32(0x28, call.remainingMs);
    writePayload(writer, 0x32, call.payload);
    writer.close(openedCall, about);
  }
  writer.close(opened, about + HEAD_BYTES);
}

export const callEntryFormat: EntryFormat<RawCallEntry> = {
  read(reader, end) {
    let id = 0;
    let phase = 0;
    let call: RawBranchCall | null = null;
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag === ID_TAG) id = reader.uint32(end);
      else if (tag === 0x10) phase = reader.int32(end);
      else if (tag === 0x1a) call = readBranchCall(reader, reader.part(end), call);
      else reader.skip(tag, end);
    }
    return { id, phase, call, unreadable: undefined };
  },
  unreadable: (id, why) => ({ id, phase: 0, call: null, unreadable: why }),
};

function readBranchCall(reader: Reader, end: number, earlier: RawBranchCall | null): RawBranchCall {
  let gid = earlier?.gid ?? '';
  let branchId = earlier?.branchId ?? '';
  let action = earlier?.action ?? '';
  let attempt = earlier?.attempt ?? 0;
  let remainingMs = earlier?.remainingMs ?? 0;
  let payload = earlier?.payload ?? null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) gid = reader.text(end);
    else if (tag === 0x12) branchId = reader.word(end);
    else if (tag === 0x1a) action = reader.word(end);
    else if (tag === 0x20) attempt = reader.uint32(end);
    else if (tag === 0x28) remainingMs = reader.uint32(end);
    else if (tag === 0x32) payload = readPayload(reader, reader.part(end), payload);
    else reader.skip(tag, end);
  }
  return { gid, branchId, action, attempt, remainingMs, payload };
}

export function writeReplyEntry(writer: Writer, { id, reply, failure }: RawReplyEntry): void {
  const about = reply?.payload ? payloadBytes(reply.payload) + 4 : (failure?.message.length ?? 0) + 6;
  const opened = writer.open(ENTRIES_TAG, about + HEAD_BYTES);
  writer.uint32(ID_TAG, id);
  if (reply) {
    const openedReply = writer.open(0x12, about);
    writePayload(writer, 0x0a, reply.payload);
    writer.enumeration(0x10, reply.fence);
    writer.close(openedReply, about);
  }
  if (failure) {
    const openedFailure = writer.open(0x1a, about);
    writer.uint32(0x08, failure.code);
    writer.text(0x12, failure.message);
    writer.enumeration(0x18, failure.fence);
    writer.close(openedFailure, about);
  }
  writer.close(opened, about + HEAD_BYTES);
}

export const replyEntryFormat: EntryFormat<RawReplyEntry> = {
  read(reader, end) {
    let id = 0;
    let reply: RawBranchReply | null = null;
    let failure: RawCallFailure | null = null;
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag === ID_TAG) id = reader.uint32(end);
      else if (tag === 0x12) {
        reply = readReply(reader, reader.part(end), reply);
        failure = null;
      } else if (tag === 0x1a) {
        failure = readCallFailure(reader, reader.part(end), failure);
        reply = null;
      } else reader.skip(tag, end);
    }
    // Nobody's reply: the frame is at fault.
    if (id === 0 && reply?.unreadable !== undefined) throw new MalformedBytes(reply.unreadable);
    return { id, reply, failure, unreadable: undefined };
  },
  unreadable: (id, why) => ({ id, reply: null, failure: null, unreadable: why }),
};

/** A reply says by being there that its call is done, whatever it carries. */
function readReply(reader: Reader, end: number, earlier: RawBranchReply | null): RawBranchReply {
  try {
    return readBranchReply(reader, end, earlier);
  } catch (error) {
    if (error instanceof TooManyParts) throw error;
    reader.at = end;
    return { payload: null, fence: 0, unreadable: `the reply cannot be read: ${faultOf(error)}` };
  }
}

function readBranchReply(reader: Reader, end: number, earlier: RawBranchReply | null): RawBranchReply {
  let payload = earlier?.payload ?? null;
  let fence = earlier?.fence ?? 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) payload = readPayload(reader, reader.part(end), payload);
    else if (tag === 0x10) fence = reader.int32(end);
    else reader.skip(tag, end);
  }
  return { payload, fence, unreadable: earlier?.unreadable };
}

function readCallFailure(reader: Reader, end: number, earlier: RawCallFailure | null): RawCallFailure {
  let code = earlier?.code ?? 0;
  let message = earlier?.message ?? '';
  let fence = earlier?.fence ?? 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x08) code = reader.uint32(end);
    else if (tag === 0x12) message = reader.text(end);
    else if (tag === 0x18) fence = reader.int32(end);
    else reader.skip(tag, end);
  }
  return { code, message, fence };
}
