/** The responses of tcc.v1.TransactionService that streams carry; see transaction-codec.ts for how they are read and written. */
import type { Reader } from './reader';
import {
  type RawBranch,
  type RawReason,
  type RawTransaction,
  readBranch,
  readReason,
  readTransaction,
  transactionBytes,
  type Written,
  writeBranch,
  writeReason,
  writeTransaction,
} from './transaction-codec';
import type { Writer } from './writer';

/** Of Execute, Begin, Commit and Rollback. */
export interface RawTransactionResponse {
  readonly transaction: RawTransaction | null;
}

export interface RawTryResponse {
  readonly branch: RawBranch | null;
  readonly transactionStatus: number;
  readonly cancelReason: RawReason | null;
}

/** Of RegisterBranch. */
export interface RawBranchResponse {
  readonly branch: RawBranch | null;
}

export interface RawFailure {
  /** The number of a gRPC status code, never 0. */
  readonly code: number;
  readonly message: string;
  /** A serialised google.rpc.Status, or empty. */
  readonly details: Uint8Array;
}

const NO_BYTES = Buffer.alloc(0);

export function writeTransactionResponse(writer: Writer, response: Written<RawTransactionResponse>): void {
  writeTransaction(writer, 0x0a, response.transaction);
}

export function transactionResponseBytes({ transaction }: Written<RawTransactionResponse>): number {
  return transaction ? transactionBytes(transaction) + 3 : 0;
}

export function readTransactionResponse(
  reader: Reader,
  end: number,
  earlier: RawTransactionResponse | null,
): RawTransactionResponse {
  let transaction = earlier?.transaction ?? null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) transaction = readTransaction(reader, reader.part(end), transaction);
    else reader.skip(tag, end);
  }
  return { transaction };
}

export function writeTryResponse(writer: Writer, response: Written<RawTryResponse>): void {
  writeBranch(writer, 0x0a, response.branch);
  writer.enumeration(0x10, response.transactionStatus);
  writeReason(writer, 0x1a, response.cancelReason);
}

export function readTryResponse(reader: Reader, end: number, earlier: RawTryResponse | null): RawTryResponse {
  let branch = earlier?.branch ?? null;
  let transactionStatus = earlier?.transactionStatus ?? 0;
  let cancelReason = earlier?.cancelReason ?? null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) branch = readBranch(reader, reader.part(end), branch);
    else if (tag === 0x10) transactionStatus = reader.int32(end);
    else if (tag === 0x1a) cancelReason = readReason(reader, reader.part(end), cancelReason);
    else reader.skip(tag, end);
  }
  return { branch, transactionStatus, cancelReason };
}

export function writeBranchResponse(writer: Writer, response: Written<RawBranchResponse>): void {
  writeBranch(writer, 0x0a, response.branch);
}

export function readBranchResponse(reader: Reader, end: number, earlier: RawBranchResponse | null): RawBranchResponse {
  let branch = earlier?.branch ?? null;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x0a) branch = readBranch(reader, reader.part(end), branch);
    else reader.skip(tag, end);
  }
  return { branch };
}

export function writeFailure(writer: Writer, failure: Written<RawFailure>): void {
  writer.uint32(0x08, failure.code);
  writer.text(0x12, failure.message);
  writer.data(0x1a, failure.details);
}

export function readFailure(reader: Reader, end: number, earlier: RawFailure | null): RawFailure {
  let code = earlier?.code ?? 0;
  let message = earlier?.message ?? '';
  let details = earlier?.details ?? NO_BYTES;
  while (reader.at < end) {
    const tag = reader.tag(end);
    if (tag === 0x08) code = reader.uint32(end);
    else if (tag === 0x12) message = reader.text(end);
    else if (tag === 0x1a) details = reader.data(end);
    else reader.skip(tag, end);
  }
  return { code, message, details };
}
