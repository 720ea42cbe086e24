/**
 * The entries of TransactionService.ExecuteStream, as they travel. Enums are numbers here. What an entry holds is a oneof: of several
 * kinds in one entry the last one counts.
 */
import type { EntryFormat } from './frame';
import { ID_TAG } from './frame';
import type { Reader } from './reader';
import * as requests from './request-codec';
import * as responses from './response-codec';
import type { RawFailure } from './response-codec';
import { Writer } from './writer';

/** The calls that a stream carries, by their field in an entry. */
export const callKinds = ['execute', 'begin', 'try', 'registerBranch', 'commit', 'rollback'] as const;
export type CallKind = (typeof callKinds)[number];

/** One request: at most one of the kinds is set, or `abandon`. */
export type RawCall = {
  readonly id: number;
  /** 0: no deadline. */
  readonly timeoutMs: number;
  readonly abandon: object | null;
  /** Why none of them could be read, as a sentence. */
  readonly unreadable: string | null;
} & { readonly [Kind in CallKind]: object | null };

/** One answer: at most one of the kinds is set, or `failure`. */
export type RawReply = {
  readonly id: number;
  readonly failure: RawFailure | null;
  /** Why none of them could be read, as a sentence. */
  readonly unreadable: string | null;
} & { readonly [Kind in CallKind]: object | null };

/** How the message of one kind is written and read. */
interface Codec {
  readonly tag: number;
  readonly aboutBytes: (message: object) => number;
  readonly write: (writer: Writer, message: object) => void;
  readonly read: (reader: Reader, end: number, earlier: never) => object;
}

/** Where an estimate is not worth its time: it decides only whether a short message is moved by a byte. */
const anyBytes = (): number => 0x80;

const { writeExecute, executeBytes, readExecute, writeBegin, beginBytes, readBegin } = requests;
const { writeAddBranch, addBranchBytes, readAddBranch, writeDecide, decideBytes, readDecide } = requests;
const requestCodecs: Readonly<Record<CallKind, Codec>> = {
  execute: { tag: 0x1a, aboutBytes: executeBytes, write: writeExecute, read: readExecute },
  begin: { tag: 0x22, aboutBytes: beginBytes, write: writeBegin, read: readBegin },
  try: { tag: 0x2a, aboutBytes: addBranchBytes, write: writeAddBranch, read: readAddBranch },
  registerBranch: { tag: 0x32, aboutBytes: addBranchBytes, write: writeAddBranch, read: readAddBranch },
  commit: { tag: 0x3a, aboutBytes: decideBytes, write: writeDecide, read: readDecide },
  rollback: { tag: 0x42, aboutBytes: decideBytes, write: writeDecide, read: readDecide },
};

const { writeTransactionResponse, transactionResponseBytes, readTransactionResponse } = responses;
const { writeTryResponse, readTryResponse, writeBranchResponse, readBranchResponse } = responses;
const { writeFailure, readFailure } = responses;
const transactionResponse = {
  aboutBytes: transactionResponseBytes,
  write: writeTransactionResponse,
  read: readTransactionResponse,
};
const responseCodecs: Readonly<Record<CallKind, Codec>> = {
  execute: { tag: 0x1a, ...transactionResponse },
  begin: { tag: 0x22, ...transactionResponse },
  try: { tag: 0x2a, aboutBytes: anyBytes, write: writeTryResponse, read: readTryResponse },
  registerBranch: { tag: 0x32, aboutBytes: anyBytes, write: writeBranchResponse, read: readBranchResponse },
  commit: { tag: 0x3a, ...transactionResponse },
  rollback: { tag: 0x42, ...transactionResponse },
};

const TIMEOUT_TAG = 0x10;
const ABANDON_TAG = 0x4a;
const FAILURE_TAG = 0x12;

/** By an entry's tag. Requests and responses have the same. */
const kindsByTag: readonly (CallKind | undefined)[] = Array.from({ length: ABANDON_TAG }, (_, tag) =>
  callKinds.find((kind) => requestCodecs[kind].tag === tag),
);

/** One for all streams: an entry is begun and finished without anything between. */
const writer = new Writer();

/** Throws when the request has a field of the wrong type. */
export function encodeCall(id: number, timeoutMs: number, kind: CallKind, request: object): Uint8Array {
  return encodeEntry(id, timeoutMs, requestCodecs[kind], request);
}

export function encodeAbandon(id: number): Uint8Array {
  return encodeEntry(id, 0, abandonCodec, {});
}

/** Throws when the response has a field of the wrong type. */
export function encodeReply(id: number, kind: CallKind, response: object): Uint8Array {
  return encodeEntry(id, 0, responseCodecs[kind], response);
}

export function encodeFailure(id: number, failure: RawFailure): Uint8Array {
  return encodeEntry(id, 0, failureCodec, failure);
}

const abandonCodec: Codec = { tag: ABANDON_TAG, aboutBytes: () => 0, write: () => undefined, read: skipped };
const failureCodec: Codec = { tag: FAILURE_TAG, aboutBytes: anyBytes, write: writeFailure, read: readFailure };

/** What an entry has around its message. */
const ENTRY_BYTES = 24;

function encodeEntry(id: number, timeoutMs: number, { tag, aboutBytes, write }: Codec, message: object): Uint8Array {
  const about = aboutBytes(message);
  writer.begin(ENTRY_BYTES + about);
  writer.uint32(ID_TAG, id);
  writer.uint32(TIMEOUT_TAG, timeoutMs);
  const opened = writer.open(tag, about);
  write(writer, message);
  writer.close(opened, about);
  return writer.finish();
}

export const callFormat: EntryFormat<RawCall> = {
  read(reader, end) {
    let id = 0;
    let timeoutMs = 0;
    let tagOfMessage = 0;
    let message: object | null = null;
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag === ID_TAG) id = reader.uint32(end);
      else if (tag === TIMEOUT_TAG) timeoutMs = reader.uint32(end);
      else {
        const codec = tag === ABANDON_TAG ? abandonCodec : codecOf(requestCodecs, tag);
        if (codec === undefined) reader.skip(tag, end);
        else {
          message = codec.read(reader, reader.part(end), (tag === tagOfMessage ? message : null) as never);
          tagOfMessage = tag;
        }
      }
    }
    return rawCall(id, timeoutMs, tagOfMessage, message, null);
  },
  unreadable: (id, why) => rawCall(id, 0, 0, null, why),
};

export const replyFormat: EntryFormat<RawReply> = {
  read(reader, end) {
    let id = 0;
    let tagOfMessage = 0;
    let message: object | null = null;
    while (reader.at < end) {
      const tag = reader.tag(end);
      if (tag === ID_TAG) id = reader.uint32(end);
      else {
        const codec = tag === FAILURE_TAG ? failureCodec : codecOf(responseCodecs, tag);
        if (codec === undefined) reader.skip(tag, end);
        else {
          message = codec.read(reader, reader.part(end), (tag === tagOfMessage ? message : null) as never);
          tagOfMessage = tag;
        }
      }
    }
    return rawReply(id, tagOfMessage, message, null);
  },
  unreadable: (id, why) => rawReply(id, 0, null, why),
};

function codecOf(codecs: Readonly<Record<CallKind, Codec>>, tag: number): Codec | undefined {
  const kind = kindsByTag[tag];
  return kind && codecs[kind];
}

/** Written out, so that all entries have one shape. */
function rawCall(
  id: number,
  timeoutMs: number,
  tag: number,
  message: object | null,
  unreadable: string | null,
): RawCall {
  return {
    id,
    timeoutMs,
    abandon: tag === ABANDON_TAG ? message : null,
    unreadable,
    execute: tag === requestCodecs.execute.tag ? message : null,
    begin: tag === requestCodecs.begin.tag ? message : null,
    try: tag === requestCodecs.try.tag ? message : null,
    registerBranch: tag === requestCodecs.registerBranch.tag ? message : null,
    commit: tag === requestCodecs.commit.tag ? message : null,
    rollback: tag === requestCodecs.rollback.tag ? message : null,
  };
}

function rawReply(id: number, tag: number, message: object | null, unreadable: string | null): RawReply {
  return {
    id,
    failure: tag === FAILURE_TAG ? (message as RawFailure | null) : null,
    unreadable,
    execute: tag === responseCodecs.execute.tag ? message : null,
    begin: tag === responseCodecs.begin.tag ? message : null,
    try: tag === responseCodecs.try.tag ? message : null,
    registerBranch: tag === responseCodecs.registerBranch.tag ? message : null,
    commit: tag === responseCodecs.commit.tag ? message : null,
    rollback: tag === responseCodecs.rollback.tag ? message : null,
  };
}

/** A message whose fields say nothing. */
function skipped(reader: Reader, end: number): object {
  while (reader.at < end) reader.skip(reader.tag(end), end);
  return {};
}
