/**
 * The messages of TransactionService.ExecuteStream as they travel, and the method's definition for either side.
 * Enums are numbers here. Every entry is encoded by itself, once, so that its exact size is known and one that cannot be encoded
 * harms no other; a frame is its entries in a row.
 */
import { Metadata, type ServiceError, type status } from '@grpc/grpc-js';
import { Reader, type Type } from 'protobufjs';

import { DETAILS_TRAILER } from './error-details';
import { FRAME_ENTRIES } from './framer';
import { rawType } from './raw-types';
import { statusName, type WireStatus } from './status';

/** The calls that a stream carries, by their field in an entry. */
export const callKinds = ['execute', 'begin', 'try', 'registerBranch', 'commit', 'rollback'] as const;
export type CallKind = (typeof callKinds)[number];

/** The unary method that each of them is. */
export const methodNames: Readonly<Record<CallKind, string>> = {
  execute: 'Execute',
  begin: 'Begin',
  try: 'Try',
  registerBranch: 'RegisterBranch',
  commit: 'Commit',
  rollback: 'Rollback',
};

/**
 * How many times FRAME_ENTRIES a frame may hold before it is refused: other clients may gather differently, and what this bounds
 * is how long one frame can keep the event loop.
 */
const FRAME_SLACK = 4;

/** A frame with more entries than this is refused. */
export const MOST_FRAME_ENTRIES = FRAME_ENTRIES * FRAME_SLACK;

/** One request: at most one of the kinds is set, or `abandon`. */
export type RawCall = {
  readonly id: number;
  /** 0: no deadline. */
  readonly timeoutMs: number;
  readonly abandon: object | null;
} & { readonly [Kind in CallKind]: object | null };

export interface RawFailure {
  /** The number of a gRPC status code, never 0. */
  readonly code: status;
  readonly message: string;
  /** A serialised google.rpc.Status, or empty. */
  readonly details: ArrayLike<number>;
}

/** One answer: at most one of the kinds is set, or `failure`. */
export type RawReply = {
  readonly id: number;
  readonly failure: RawFailure | null;
} & { readonly [Kind in CallKind]: object | null };

/** A frame as it arrives. */
export interface Frame<Entry> {
  readonly entries: readonly Entry[];
  /** It held more than MOST_FRAME_ENTRIES; those beyond were not read. */
  readonly tooMany: boolean;
}

/** A frame as it leaves: its encoded entries. */
export type EncodedFrame = readonly Uint8Array[];

const callType = rawType('ExecuteStreamCall');
const replyType = rawType('ExecuteStreamReply');

/** Throws when the request has a field of the wrong type. */
export function encodeCall(id: number, timeoutMs: number, kind: CallKind, request: object): Uint8Array {
  return callType.encode({ id, timeoutMs, [kind]: request }).finish();
}

export function encodeAbandon(id: number): Uint8Array {
  return callType.encode({ id, abandon: {} }).finish();
}

export function encodeReply(id: number, kind: CallKind, response: object): Uint8Array {
  return replyType.encode({ id, [kind]: response }).finish();
}

export function encodeFailure(id: number, failure: RawFailure): Uint8Array {
  return replyType.encode({ id, failure }).finish();
}

/** The failure that the unary call would have ended with. */
export function failureOf({ code, details, metadata }: WireStatus): RawFailure {
  const [trailer] = metadata.get(DETAILS_TRAILER);
  return { code, message: details, details: Buffer.isBuffer(trailer) ? trailer : [] };
}

/** The error that the unary call would have failed with. */
export function errorOf({ code, message, details }: RawFailure): ServiceError {
  const metadata = new Metadata();
  if (details.length > 0) metadata.set(DETAILS_TRAILER, Buffer.from(details));
  return serviceError(code, message, metadata);
}

/** What grpc-js fails a call with. */
export function serviceError(code: status, details: string, metadata = new Metadata()): ServiceError {
  return Object.assign(new Error(`${code} ${statusName(code)}: ${details}`), { code, details, metadata });
}

/** What an entry asks for; undefined when it is of a kind that is not known here. */
export function kindOf(call: RawCall): CallKind | undefined {
  return callKinds.find((kind) => call[kind] !== null);
}

/** The method, with serialisers that encode and decode once. */
export const executeStreamMethod = {
  path: '/tcc.v1.TransactionService/ExecuteStream',
  requestStream: true,
  responseStream: true,
  requestSerialize: encodeFrame,
  requestDeserialize: (bytes: Buffer): Frame<RawCall> => decodeFrame<RawCall>(callType, bytes),
  responseSerialize: encodeFrame,
  responseDeserialize: (bytes: Buffer): Frame<RawReply> => decodeFrame<RawReply>(replyType, bytes),
} as const;

/** The tag of field 1, `entries`, in both directions: length-delimited. */
const ENTRIES_TAG = 0x0a;

function encodeFrame(entries: EncodedFrame): Buffer {
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

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes += 1;
  return bytes;
}

/** What the generated decoder of a frame does, with an end to it. */
function decodeFrame<Entry>(type: Type, bytes: Buffer): Frame<Entry> {
  const reader = Reader.create(bytes);
  const entries: Entry[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag !== ENTRIES_TAG) reader.skipType(tag & 7);
    else if (entries.length === MOST_FRAME_ENTRIES) return { entries, tooMany: true };
    else entries.push(type.decode(reader, reader.uint32()) as unknown as Entry);
  }
  return { entries, tooMany: false };
}
