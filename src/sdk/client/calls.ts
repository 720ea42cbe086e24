import type { BeginRequest } from '../../wire/generated/tcc/v1/BeginRequest';
import type { CommitRequest } from '../../wire/generated/tcc/v1/CommitRequest';
import type { ExecuteRequest } from '../../wire/generated/tcc/v1/ExecuteRequest';
import type { RegisterBranchRequest } from '../../wire/generated/tcc/v1/RegisterBranchRequest';
import type { RollbackRequest } from '../../wire/generated/tcc/v1/RollbackRequest';
import type { TransactionServiceTryRequest } from '../../wire/generated/tcc/v1/TransactionServiceTryRequest';
import type { CallKind } from '../../wire/execute-stream';
import { tccV1 } from '../../wire/proto';
import type { WireBranch, WireEnum, WireReason, WireTransaction } from './convert';
import type { Method } from './transport';

/** A reply that is a transaction, as it stood when the wait was over. */
export interface TransactionReply {
  readonly transaction: WireTransaction | null;
}

export interface TryReply {
  readonly branch: WireBranch | null;
  readonly transactionStatus: WireEnum;
  readonly cancelReason: WireReason | null;
}

interface Calls {
  readonly execute: Method<ExecuteRequest, TransactionReply>;
  readonly begin: Method<BeginRequest, TransactionReply>;
  readonly try: Method<TransactionServiceTryRequest, TryReply>;
  readonly registerBranch: Method<RegisterBranchRequest, object>;
  readonly commit: Method<CommitRequest, TransactionReply>;
  readonly rollback: Method<RollbackRequest, TransactionReply>;
}

const { Execute, Begin, Try, RegisterBranch, Commit, Rollback } = tccV1.TransactionService.service;

/** The calls that a stream may carry. Their replies are typed as loosely as the two carriers decode them. */
export const calls: Calls = {
  execute: Execute,
  begin: Begin,
  try: Try,
  registerBranch: RegisterBranch,
  commit: Commit,
  rollback: Rollback,
};

/** What a method is called in an entry of a stream; a method that is not in here travels by unary calls only. */
export const kindsByPath: ReadonlyMap<string, CallKind> = new Map(
  (Object.keys(calls) as CallKind[]).map((kind) => [calls[kind].path, kind]),
);
