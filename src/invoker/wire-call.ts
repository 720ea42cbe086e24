import { Metadata } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';

import type { Phase } from '../engine/model';
import type { TryRequest, TryRequest__Output } from '../wire/generated/tcc/v1/TryRequest';
import type { TryResponse, TryResponse__Output } from '../wire/generated/tcc/v1/TryResponse';
import { tccV1 } from '../wire/proto';
import type { ParticipantCall } from './invoker';
import { fenceOutcome, type Reply } from './outcome';
import type { Target } from './target';

/** A call as bytes, and how to read the bytes that come back. */
export interface WireCall {
  readonly path: string;
  readonly request: Buffer;
  readonly metadata: Metadata;
  /** Throws when the bytes are not the message that they should be. */
  readonly read: (response: Buffer) => Reply;
}

/** Confirm's and Cancel's messages have the fields of Try's. */
type Method = MethodDefinition<TryRequest, TryResponse, TryRequest__Output, TryResponse__Output>;

const { Try, Confirm, Cancel } = tccV1.ParticipantService.service;
const ownMethods: Readonly<Record<Phase, Method>> = { try: Try, confirm: Confirm, cancel: Cancel };

/** What a native method's reply is labelled with: its bytes are a message that only the application can name. */
const NATIVE_CONTENT_TYPE = 'application/grpc+proto';

/** The call as this target wants it: tcc.v1.ParticipantService, or the method of its own that serves the phase. */
export function wireCall(target: Target, call: ParticipantCall, remainingMs: number): WireCall {
  return target.methods === undefined
    ? ownCall(call, remainingMs)
    : nativeCall(target.methods[call.phase], call, remainingMs);
}

function ownCall(call: ParticipantCall, remainingMs: number): WireCall {
  const method = ownMethods[call.phase];
  const { gid, branchId, action, attempt, payload } = call;
  return {
    path: method.path,
    request: method.requestSerialize({
      call: {
        gid,
        branchId,
        action,
        attempt,
        remainingMs,
        payload: { data: payload.data, contentType: payload.contentType },
      },
    }),
    metadata: new Metadata(),
    read: (response) => {
      const { reply } = method.responseDeserialize(response);
      if (reply === null) return { payload: undefined, fence: undefined };
      const { payload: own, fence } = reply;
      return {
        payload: own === null ? undefined : { data: own.data, contentType: own.contentType },
        fence: fenceOutcome(fence),
      };
    },
  };
}

function nativeCall(path: string, call: ParticipantCall, remainingMs: number): WireCall {
  const metadata = new Metadata();
  metadata.set('tcc-gid', call.gid);
  metadata.set('tcc-branch-id', call.branchId);
  metadata.set('tcc-action', call.action);
  metadata.set('tcc-phase', call.phase);
  metadata.set('tcc-attempt', String(call.attempt));
  metadata.set('tcc-remaining-ms', String(remainingMs));
  const { buffer, byteOffset, byteLength } = call.payload.data;
  return {
    path,
    request: Buffer.from(buffer, byteOffset, byteLength),
    metadata,
    read: (data) => ({ payload: { data, contentType: NATIVE_CONTENT_TYPE }, fence: undefined }),
  };
}
