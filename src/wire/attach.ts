/** The messages of RegistryService.Attach as they travel, and the method's definition for either side. Enums are numbers here. */
import { rawType } from './raw-types';

export interface RawPayload {
  readonly data: Uint8Array;
  readonly contentType: string;
}

export interface RawBranchCall {
  readonly gid: string;
  readonly branchId: string;
  readonly action: string;
  readonly attempt: number;
  readonly remainingMs: number;
  readonly payload: RawPayload | null;
}

/** By tcc.v1.Phase. */
export const phaseNumbers = { try: 1, confirm: 2, cancel: 3 } as const;
export const phaseNames = [undefined, 'try', 'confirm', 'cancel'] as const;

/** By tcc.v1.FenceOutcome. */
export const fenceNames = [undefined, 'FRESH', 'REPEAT', 'EMPTY_ROLLBACK', 'HANGING_REFUSED'] as const;
export const fenceNumbers = { FRESH: 1, REPEAT: 2, EMPTY_ROLLBACK: 3, HANGING_REFUSED: 4 } as const;

export interface RawCallEntry {
  readonly id: number;
  readonly phase: number;
  readonly call: RawBranchCall | null;
}

export interface RawReplyEntry {
  readonly id: number;
  readonly reply?: { readonly payload?: RawPayload | null; readonly fence?: number } | null;
  readonly failure?: { readonly code: number; readonly message: string; readonly fence?: number } | null;
}

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
}

/** What a coordinator sends: exactly one field is set. */
export interface AttachDown {
  readonly welcome?: RawWelcome | null;
  readonly calls?: { readonly entries: readonly RawCallEntry[] } | null;
  readonly goodbye?: object | null;
  readonly update?: RawWelcome | null;
}

const up = rawType('AttachRequest');
const down = rawType('AttachResponse');

/** The method, with serialisers that encode and decode once. */
export const attachMethod = {
  path: '/tcc.v1.RegistryService/Attach',
  requestStream: true,
  responseStream: true,
  requestSerialize: (message: AttachUp): Buffer => asBuffer(up.encode(message).finish()),
  requestDeserialize: (bytes: Buffer): AttachUp => up.decode(bytes) as unknown as AttachUp,
  responseSerialize: (message: AttachDown): Buffer => asBuffer(down.encode(message).finish()),
  responseDeserialize: (bytes: Buffer): AttachDown => down.decode(bytes) as unknown as AttachDown,
} as const;

/** A payload's bytes; protobufjs gives an empty array where the field is absent. */
export function bytesOf(payload: RawPayload | null | undefined): Uint8Array {
  return payload && payload.data.length > 0 ? payload.data : NO_BYTES;
}

const NO_BYTES = new Uint8Array();

/** protobufjs writes into Buffers on Node, and says Uint8Array. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What an entry takes besides its payload and its strings: tags, lengths and numbers. */
const ENTRY_BYTES = 48;

export function callEntryBytes({ call }: RawCallEntry): number {
  if (call === null) return ENTRY_BYTES;
  const { gid, branchId, action, payload } = call;
  return ENTRY_BYTES + gid.length + branchId.length + action.length + (payload?.data.length ?? 0);
}

export function replyEntryBytes({ reply, failure }: RawReplyEntry): number {
  return ENTRY_BYTES + (reply?.payload?.data.length ?? 0) + (failure?.message.length ?? 0) * 3;
}
