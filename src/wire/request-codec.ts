/** The requests of tcc.v1.TransactionService that streams carry; see transaction-codec.ts for how they are read and written. */
import type { Reader } from './reader';
import { payloadBytes, type RawPayload, readPayload, type Written, writePayload } from './transaction-codec';
import type { Writer } from './writer';

export interface RawNewBranch {
  readonly branchId: string;
  readonly participant: string;
  readonly action: string;
  readonly payload: RawPayload | null;
}

export interface RawExecute {
  readonly gid: string;
  readonly name: string;
  readonly branches: readonly RawNewBranch[];
  readonly tryOrder: number;
  readonly wait: number;
  readonly timeoutMs: number;
}

export interface RawBegin {
  readonly gid: string;
  readonly name: string;
  readonly timeoutMs: number;
}

/** Of Try and of RegisterBranch. */
export interface RawAddBranch {
  readonly gid: string;
  readonly branch: RawNewBranch | null;
}

/** Of Commit, which has no reason, and of Rollback. */
export interface RawDecide {
  readonly gid: string;
  readonly wait: number;
  readonly reason: string;
}

/** What tags, lengths and numbers take beside the texts; only an estimate, see `Writer.open`. */
const REQUEST_BYTES = 16;
const BRANCH_BYTES = 8;

function writeNewBranch(writer: Writer, tag: number, branch: Written<RawNewBranch> | null | undefined): void {
  if (branch === null || branch === undefined) return;
  const about = newBranchBytes(branch);
  const opened = writer.open(tag, about);
  writer.text(0x0a, branch.branchId);
  writer.text(0x12, branch.participant);
  writer.text(0x1a, branch.action);
  writePayload(writer, 0x22, branch.payload);
  writer.close(opened, about);
}

function newBranchBytes({ branchId, participant, action, payload }: Written<RawNewBranch>): number {
  const texts = (branchId?.length ?? 0) + (participant?.length ?? 0) + (action?.length ?? 0);
  return BRANCH_BYTES + texts + (payload ? payloadBytes(payload) : 0);
}

function readNewBranch(reader: Reader, end: number, earlier: RawNewBranch | null): RawNewBranch {
  let branchId = earlier?.branchId ?? '';
  let participant = earlier?.participant ?? '';
  let action = earlier?.action ?? '';
  let payload = earlier?.payload ?? null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) branchId = reader.word(end);
    else if (tag === 0x12) participant = reader.word(end);
    else if (tag === 0x1a) action = reader.word(end);
    else if (tag === 0x22) payload = readPayload(reader, reader.part(end), payload);
    else reader.skip(tag, end);
  }
  return { branchId, participant, action, payload };
}

export function writeExecute(writer: Writer, request: Written<RawExecute>): void {
  writer.text(0x0a, request.gid);
  writer.text(0x12, request.name);
  if (request.branches) for (const branch of request.branches) writeNewBranch(writer, 0x1a, branch);
  writer.enumeration(0x20, request.tryOrder);
  writer.enumeration(0x28, request.wait);
  writer.uint32(0x30, request.timeoutMs);
}

export function executeBytes({ gid, name, branches }: Written<RawExecute>): number {
  let bytes = REQUEST_BYTES + (gid?.length ?? 0) + (name?.length ?? 0);
  if (branches) for (const branch of branches) bytes += 2 + newBranchBytes(branch);
  return bytes;
}

export function readExecute(reader: Reader, end: number, earlier: RawExecute | null): RawExecute {
  let gid = earlier?.gid ?? '';
  let name = earlier?.name ?? '';
  // Put together in place: a copy for each piece would make a message of many pieces take the square of their number.
  const branches = earlier === null ? [] : (earlier.branches as RawNewBranch[]);
  let tryOrder = earlier?.tryOrder ?? 0;
  let wait = earlier?.wait ?? 0;
  let timeoutMs = earlier?.timeoutMs ?? 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) gid = reader.text(end);
    else if (tag === 0x12) name = reader.word(end);
    else if (tag === 0x1a) branches.push(readNewBranch(reader, reader.part(end), null));
    else if (tag === 0x20) tryOrder = reader.int32(end);
    else if (tag === 0x28) wait = reader.int32(end);
    else if (tag === 0x30) timeoutMs = reader.uint32(end);
    else reader.skip(tag, end);
  }
  return { gid, name, branches, tryOrder, wait, timeoutMs };
}

export function writeBegin(writer: Writer, request: Written<RawBegin>): void {
  writer.text(0x0a, request.gid);
  writer.text(0x12, request.name);
  writer.uint32(0x18, request.timeoutMs);
}

export function beginBytes({ gid, name }: Written<RawBegin>): number {
  return REQUEST_BYTES + (gid?.length ?? 0) + (name?.length ?? 0);
}

export function readBegin(reader: Reader, end: number, earlier: RawBegin | null): RawBegin {
  let gid = earlier?.gid ?? '';
  let name = earlier?.name ?? '';
  let timeoutMs = earlier?.timeoutMs ?? 0;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) gid = reader.text(end);
    else if (tag === 0x12) name = reader.word(end);
    else if (tag === 0x18) timeoutMs = reader.uint32(end);
    else reader.skip(tag, end);
  }
  return { gid, name, timeoutMs };
}

export function writeAddBranch(writer: Writer, request: Written<RawAddBranch>): void {
  writer.text(0x0a, request.gid);
  writeNewBranch(writer, 0x12, request.branch);
}

export function addBranchBytes({ gid, branch }: Written<RawAddBranch>): number {
  return REQUEST_BYTES + (gid?.length ?? 0) + (branch ? newBranchBytes(branch) : 0);
}

export function readAddBranch(reader: Reader, end: number, earlier: RawAddBranch | null): RawAddBranch {
  let gid = earlier?.gid ?? '';
  let branch = earlier?.branch ?? null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) gid = reader.text(end);
    else if (tag === 0x12) branch = readNewBranch(reader, reader.part(end), branch);
    else reader.skip(tag, end);
  }
  return { gid, branch };
}

export function writeDecide(writer: Writer, request: Written<RawDecide>): void {
  writer.text(0x0a, request.gid);
  writer.enumeration(0x10, request.wait);
  writer.text(0x1a, request.reason);
}

export function decideBytes({ gid, reason }: Written<RawDecide>): number {
  return REQUEST_BYTES + (gid?.length ?? 0) + (reason?.length ?? 0);
}

export function readDecide(reader: Reader, end: number, earlier: RawDecide | null): RawDecide {
  let gid = earlier?.gid ?? '';
  let wait = earlier?.wait ?? 0;
  let reason = earlier?.reason ?? '';
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) gid = reader.text(end);
    else if (tag === 0x10) wait = reader.int32(end);
    else if (tag === 0x1a) reason = reader.text(end);
    else reader.skip(tag, end);
  }
  return { gid, wait, reason };
}
