import type { TransactionApi } from '../coordinator/api';
import type { Transaction } from '../engine/model';
import type { Signal } from '../lib/abort';
import type { IdSource } from '../lib/ids';
import type { BeginResponse } from '../wire/generated/tcc/v1/BeginResponse';
import type { CommitResponse } from '../wire/generated/tcc/v1/CommitResponse';
import type { ExecuteResponse } from '../wire/generated/tcc/v1/ExecuteResponse';
import type { RegisterBranchResponse } from '../wire/generated/tcc/v1/RegisterBranchResponse';
import type { RollbackResponse } from '../wire/generated/tcc/v1/RollbackResponse';
import type { TransactionServiceTryResponse } from '../wire/generated/tcc/v1/TransactionServiceTryResponse';
import { branchMessage, reasonMessage, transactionMessage } from './convert';
import { transactionStatuses } from './enums';
import { namingField } from './unknown-target';
import type { RequestLimits } from './validate';
import {
  type BeginInput,
  type CommitInput,
  type ExecuteInput,
  type NewBranchInput,
  readBegin,
  readBranch,
  readCommit,
  readExecute,
  readRollback,
  type RollbackInput,
} from './validate-transaction';

/** What an application may ask, whichever way it comes. `signal` is aborted when nobody waits for the answer any more. */
export interface TransactionCalls {
  execute(request: ExecuteInput, signal: Signal): Promise<ExecuteResponse>;
  begin(request: BeginInput): Promise<BeginResponse>;
  try(request: NewBranchInput, signal: Signal): Promise<TransactionServiceTryResponse>;
  registerBranch(request: NewBranchInput): Promise<RegisterBranchResponse>;
  commit(request: CommitInput, signal: Signal): Promise<CommitResponse>;
  rollback(request: RollbackInput, signal: Signal): Promise<RollbackResponse>;
}

/** validate → coordinator → convert, and nothing else: unary calls and the entries of streams are served by the same functions. */
export function transactionCalls(
  limits: RequestLimits,
  { transactions, newGid }: { readonly transactions: TransactionApi; readonly newGid: IdSource },
): TransactionCalls {
  const reply = (transaction: Transaction) => ({ transaction: transactionMessage(transaction, limits.replyBytes) });
  return {
    async execute(request, signal) {
      const { transaction, wait } = readExecute(request, limits, newGid);
      try {
        return reply(await transactions.execute(transaction, wait, signal));
      } catch (error) {
        throw namingField(error, transaction.branches, (index) => `branches[${index}]`);
      }
    },
    async begin(request) {
      return reply(await transactions.begin(readBegin(request, limits, newGid)));
    },
    async try(request, signal) {
      const { gid, branch } = readBranch(request, limits, 'coordinator');
      try {
        const result = await transactions.try(gid, branch, signal);
        return {
          branch: branchMessage(result.branch),
          transactionStatus: transactionStatuses[result.status],
          cancelReason: reasonMessage(result.reason),
        };
      } catch (error) {
        throw namingField(error, [branch], () => 'branch');
      }
    },
    async registerBranch(request) {
      const { gid, branch } = readBranch(request, limits, 'application');
      try {
        return { branch: branchMessage(await transactions.registerBranch(gid, branch)) };
      } catch (error) {
        throw namingField(error, [branch], () => 'branch');
      }
    },
    async commit(request, signal) {
      const { gid, wait } = readCommit(request);
      return reply(await transactions.commit(gid, wait, signal));
    },
    async rollback(request, signal) {
      const { gid, reason, wait } = readRollback(request);
      return reply(await transactions.rollback(gid, reason, wait, signal));
    },
  };
}
