/**
 * TransactionService.ExecuteStream: the method's definition for either side, and what its failures mean. Every entry is encoded by
 * itself, once, so that its exact size is known and one that cannot be encoded harms no other; a frame is its entries in a row.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';

import { DETAILS_TRAILER } from './error-details';
import { callFormat, type CallKind, callKinds, type RawCall, type RawReply, replyFormat } from './execute-entries';
import { decodeFrame, encodeFrame, type Frame } from './frame';
import { Reader } from './reader';
import type { RawFailure } from './response-codec';
import { statusName, type WireStatus } from './status';

export {
  type CallKind,
  callKinds,
  encodeAbandon,
  encodeCall,
  encodeFailure,
  encodeReply,
  type RawCall,
  type RawReply,
} from './execute-entries';
export { type Frame, MOST_FRAME_ENTRIES } from './frame';
export type { RawFailure } from './response-codec';

/** The unary method that each of them is. */
export const methodNames: Readonly<Record<CallKind, string>> = {
  execute: 'Execute',
  begin: 'Begin',
  try: 'Try',
  registerBranch: 'RegisterBranch',
  commit: 'Commit',
  rollback: 'Rollback',
};

/** A frame as it leaves: its encoded entries. */
export type EncodedFrame = readonly Uint8Array[];

const NO_DETAILS = Buffer.alloc(0);

/** The failure that the unary call would have ended with. */
export function failureOf({ code, details, metadata }: WireStatus): RawFailure {
  const [trailer] = metadata.get(DETAILS_TRAILER);
  return { code, message: details, details: Buffer.isBuffer(trailer) ? trailer : NO_DETAILS };
}

/** The error that the unary call would have failed with; a code that gRPC does not have is UNKNOWN. */
export function errorOf({ code, message, details }: RawFailure): ServiceError {
  const metadata = new Metadata();
  if (details.length > 0) metadata.set(DETAILS_TRAILER, Buffer.from(details));
  return serviceError(status[statusName(code)], message, metadata);
}

/** What grpc-js fails a call with. */
export function serviceError(code: status, details: string, metadata = new Metadata()): ServiceError {
  return Object.assign(new Error(`${code} ${statusName(code)}: ${details}`), { code, details, metadata });
}

/** What an entry asks for; undefined when it is of a kind that is not known here. */
export function kindOf(call: RawCall): CallKind | undefined {
  return callKinds.find((kind) => call[kind] !== null);
}

/** The method, with serialisers that encode and decode once. Replies are read soon: what is kept of them is copied then. */
export const executeStreamMethod = {
  path: '/tcc.v1.TransactionService/ExecuteStream',
  requestStream: true,
  responseStream: true,
  requestSerialize: encodeFrame,
  requestDeserialize: (bytes: Buffer): Frame<RawCall> => decodeFrame(new Reader(bytes, { borrow: false }), callFormat),
  responseSerialize: encodeFrame,
  responseDeserialize: (bytes: Buffer): Frame<RawReply> =>
    decodeFrame(new Reader(bytes, { borrow: true }), replyFormat),
} as const;
