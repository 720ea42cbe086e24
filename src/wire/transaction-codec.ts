/**
 * The messages of tcc/v1/branch.proto and transaction.proto that streams carry. Enums and times are numbers. Each `read` starts from
 * what came before of the same field, if anything: a message that comes in pieces is their sum.
 */
import type { Reader } from './reader';
import type { Writer } from './writer';

export interface RawPayload {
  readonly data: Uint8Array;
  readonly contentType: string;
}

export interface RawReason {
  readonly code: number;
  readonly branchId: string;
  readonly message: string;
}

export interface RawBranch {
  readonly branchId: string;
  readonly participant: string;
  readonly action: string;
  readonly status: number;
  readonly tryReply: RawPayload | null;
  readonly attempts: number;
  readonly lastError: string;
  readonly registeredAtMs: number;
  readonly triedAtMs: number;
  readonly finishedAtMs: number;
}

export interface RawTransaction {
  readonly gid: string;
  readonly name: string;
  readonly status: number;
  readonly parked: boolean;
  readonly cancelReason: RawReason | null;
  readonly branches: readonly RawBranch[];
  readonly createdAtMs: number;
  readonly deadlineAtMs: number;
  readonly decidedAtMs: number;
  readonly finishedAtMs: number;
  readonly dueAtMs: number;
  readonly rounds: number;
}

/** A message to be written: what is missing has its default. */
export type Written<Message> = {
  readonly [Field in keyof Message]?:
    | (Message[Field] extends readonly (infer Item)[]
        ? readonly Written<Item>[]
        : Message[Field] extends Uint8Array | string | number | boolean
          ? Message[Field]
          : Written<NonNullable<Message[Field]>> | null)
    | null
    | undefined;
};

/** What tags, lengths and numbers take beside the texts; only an estimate, see `Writer.open`. */
const BRANCH_BYTES = 32;
const TRANSACTION_BYTES = 36;

const NO_BYTES = Buffer.alloc(0);

export function writePayload(writer: Writer, tag: number, payload: Written<RawPayload> | null | undefined): void {
  if (payload === null || payload === undefined) return;
  const about = payloadBytes(payload);
  const opened = writer.open(tag, about);
  writer.data(0x0a, payload.data);
  writer.text(0x12, payload.contentType);
  writer.close(opened, about);
}

export function payloadBytes(payload: Written<RawPayload> | null | undefined): number {
  return (payload?.data?.length ?? 0) + (payload?.contentType?.length ?? 0) + 5;
}

export function readPayload(reader: Reader, end: number, earlier: RawPayload | null): RawPayload {
  let data = earlier?.data ?? NO_BYTES;
  let contentType = earlier?.contentType ?? '';
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) data = reader.data(end);
    else if (tag === 0x12) contentType = reader.word(end);
    else reader.skip(tag, end);
  }
  return { data, contentType };
}

export function writeReason(writer: Writer, tag: number, reason: Written<RawReason> | null | undefined): void {
  if (reason === null || reason === undefined) return;
  const about = 6 + (reason.branchId?.length ?? 0) + (reason.message?.length ?? 0);
  const opened = writer.open(tag, about);
  writer.enumeration(0x08, reason.code);
  writer.text(0x12, reason.branchId);
  writer.text(0x1a, reason.message);
  writer.close(opened, about);
}

export function readReason(reader: Reader, end: number, earlier: RawReason | null): RawReason {
  let code = earlier?.code ?? 0;
  let branchId = earlier?.branchId ?? '';
  let message = earlier?.message ?? '';
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x08) code = reader.int32(end);
    else if (tag === 0x12) branchId = reader.word(end);
    else if (tag === 0x1a) message = reader.text(end);
    else reader.skip(tag, end);
  }
  return { code, branchId, message };
}

export function writeBranch(writer: Writer, tag: number, branch: Written<RawBranch> | null | undefined): void {
  if (branch === null || branch === undefined) return;
  const about = branchBytes(branch);
  const opened = writer.open(tag, about);
  writer.text(0x0a, branch.branchId);
  writer.text(0x12, branch.participant);
  writer.text(0x1a, branch.action);
  writer.enumeration(0x20, branch.status);
  writePayload(writer, 0x2a, branch.tryReply);
  writer.uint32(0x30, branch.attempts);
  writer.text(0x3a, branch.lastError);
  writer.int64(0x40, branch.registeredAtMs);
  writer.int64(0x48, branch.triedAtMs);
  writer.int64(0x50, branch.finishedAtMs);
  writer.close(opened, about);
}

function branchBytes({ branchId, participant, action, lastError, tryReply }: Written<RawBranch>): number {
  const texts = (branchId?.length ?? 0) + (participant?.length ?? 0) + (action?.length ?? 0) + (lastError?.length ?? 0);
  return texts + BRANCH_BYTES + (tryReply ? payloadBytes(tryReply) : 0);
}

export function readBranch(reader: Reader, end: number, earlier: RawBranch | null): RawBranch {
  let branchId = earlier?.branchId ?? '';
  let participant = earlier?.participant ?? '';
  let action = earlier?.action ?? '';
  let status = earlier?.status ?? 0;
  let tryReply = earlier?.tryReply ?? null;
  let attempts = earlier?.attempts ?? 0;
  let lastError = earlier?.lastError ?? '';
  let registeredAtMs = earlier?.registeredAtMs ?? 0;
  let triedAtMs = earlier?.triedAtMs ?? 0;
  let finishedAtMs = earlier?.finishedAtMs ?? 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) branchId = reader.word(end);
    else if (tag === 0x12) participant = reader.word(end);
    else if (tag === 0x1a) action = reader.word(end);
    else if (tag === 0x20) status = reader.int32(end);
    else if (tag === 0x2a) tryReply = readPayload(reader, reader.part(end), tryReply);
    else if (tag === 0x30) attempts = reader.uint32(end);
    else if (tag === 0x3a) lastError = reader.text(end);
    else if (tag === 0x40) registeredAtMs = reader.int64(end);
    else if (tag === 0x48) triedAtMs = reader.int64(end);
    else if (tag === 0x50) finishedAtMs = reader.int64(end);
    else reader.skip(tag, end);
  }
  return {
    branchId,
    participant,
    action,
    status,
    tryReply,
    attempts,
    lastError,
    registeredAtMs,
    triedAtMs,
    finishedAtMs,
  };
}

export function writeTransaction(
  writer: Writer,
  tag: number,
  message: Written<RawTransaction> | null | undefined,
): void {
  if (message === null || message === undefined) return;
  const about = transactionBytes(message);
  const opened = writer.open(tag, about);
  writer.text(0x0a, message.gid);
  writer.text(0x12, message.name);
  writer.enumeration(0x18, message.status);
  writer.flag(0x20, message.parked);
  writeReason(writer, 0x2a, message.cancelReason);
  if (message.branches) for (const branch of message.branches) writeBranch(writer, 0x32, branch);
  writer.int64(0x38, message.createdAtMs);
  writer.int64(0x40, message.deadlineAtMs);
  writer.int64(0x48, message.decidedAtMs);
  writer.int64(0x50, message.finishedAtMs);
  writer.int64(0x58, message.dueAtMs);
  writer.uint32(0x60, message.rounds);
  writer.close(opened, about);
}

/** About how long it will be, texts of one byte a character assumed. */
export function transactionBytes({ gid, name, branches, cancelReason }: Written<RawTransaction>): number {
  let bytes = TRANSACTION_BYTES + (gid?.length ?? 0) + (name?.length ?? 0) + (cancelReason?.message?.length ?? 0);
  if (branches) for (const branch of branches) bytes += 2 + branchBytes(branch);
  return bytes;
}

export function readTransaction(reader: Reader, end: number, earlier: RawTransaction | null): RawTransaction {
  let gid = earlier?.gid ?? '';
  let name = earlier?.name ?? '';
  let status = earlier?.status ?? 0;
  let parked = earlier?.parked ?? false;
  let cancelReason = earlier?.cancelReason ?? null;
  // Put together in place: a copy for each piece would make a message of many pieces take the square of their number.
  const branches = earlier === null ? [] : (earlier.branches as RawBranch[]);
  let createdAtMs = earlier?.createdAtMs ?? 0;
  let deadlineAtMs = earlier?.deadlineAtMs ?? 0;
  let decidedAtMs = earlier?.decidedAtMs ?? 0;
  let finishedAtMs = earlier?.finishedAtMs ?? 0;
  let dueAtMs = earlier?.dueAtMs ?? 0;
  let rounds = earlier?.rounds ?? 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) gid = reader.text(end);
    else if (tag === 0x12) name = reader.word(end);
    else if (tag === 0x18) status = reader.int32(end);
    else if (tag === 0x20) parked = reader.flag(end);
    else if (tag === 0x2a) cancelReason = readReason(reader, reader.part(end), cancelReason);
    else if (tag === 0x32) branches.push(readBranch(reader, reader.part(end), null));
    else if (tag === 0x38) createdAtMs = reader.int64(end);
    else if (tag === 0x40) deadlineAtMs = reader.int64(end);
    else if (tag === 0x48) decidedAtMs = reader.int64(end);
    else if (tag === 0x50) finishedAtMs = reader.int64(end);
    else if (tag === 0x58) dueAtMs = reader.int64(end);
    else if (tag === 0x60) rounds = reader.uint32(end);
    else reader.skip(tag, end);
  }
  return {
    gid,
    name,
    status,
    parked,
    cancelReason,
    branches,
    createdAtMs,
    deadlineAtMs,
    decidedAtMs,
    finishedAtMs,
    dueAtMs,
    rounds,
  };
}
