import type { TransactionApi } from '../coordinator/api';
import type { Transaction } from '../engine/model';
import type { IdSource } from '../lib/ids';
import type { TransactionServiceHandlers } from '../wire/generated/tcc/v1/TransactionService';
import { branchMessage, reasonMessage, transactionMessage } from './convert';
import { transactionStatuses } from './enums';
import type { Calls } from './handler';
import { namingField } from './unknown-target';
import type { RequestLimits } from './validate';
import { readBegin, readBranch, readCommit, readExecute, readGid, readRollback } from './validate-transaction';

export interface TransactionServiceDeps {
  readonly transactions: TransactionApi;
  readonly newGid: IdSource;
}

/** The calls served here; a call that the proto has and nobody serves is UNIMPLEMENTED. */
type UnaryAndWatch = Pick<
  TransactionServiceHandlers,
  'Execute' | 'Begin' | 'Try' | 'RegisterBranch' | 'Commit' | 'Rollback' | 'Get' | 'Watch'
>;

/** tcc.v1.TransactionService: validate → coordinator → convert, and nothing else. */
export function transactionService(
  limits: RequestLimits,
  calls: Calls,
  { transactions, newGid }: TransactionServiceDeps,
): UnaryAndWatch {
  const reply = (transaction: Transaction) => ({ transaction: transactionMessage(transaction, limits.replyBytes) });
  return {
    Execute: calls.unary('Execute', async (request, signal) => {
      const { transaction, wait } = readExecute(request, limits, newGid);
      const fieldOf = (index: number) => `branches[${index}]`;
      return reply(await namingField(transaction.branches, fieldOf, transactions.execute(transaction, wait, signal)));
    }),
    Begin: calls.unary('Begin', async (request) => reply(await transactions.begin(readBegin(request, limits, newGid)))),
    Try: calls.unary('Try', async (request, signal) => {
      const { gid, branch } = readBranch(request, limits, 'coordinator');
      const result = await namingField([branch], () => 'branch', transactions.try(gid, branch, signal));
      return {
        branch: branchMessage(result.branch),
        transactionStatus: transactionStatuses[result.status],
        cancelReason: reasonMessage(result.reason),
      };
    }),
    RegisterBranch: calls.unary('RegisterBranch', async (request) => {
      const { gid, branch } = readBranch(request, limits, 'application');
      const registered = await namingField([branch], () => 'branch', transactions.registerBranch(gid, branch));
      return { branch: branchMessage(registered) };
    }),
    Commit: calls.unary('Commit', async (request, signal) => {
      const { gid, wait } = readCommit(request);
      return reply(await transactions.commit(gid, wait, signal));
    }),
    Rollback: calls.unary('Rollback', async (request, signal) => {
      const { gid, reason, wait } = readRollback(request);
      return reply(await transactions.rollback(gid, reason, wait, signal));
    }),
    Get: calls.unary('Get', async (request) => reply(await transactions.get(readGid(request)))),
    Watch: calls.serverStream('Watch', async function* (request, signal) {
      for await (const transaction of transactions.watch(readGid(request), signal)) yield reply(transaction);
    }),
  };
}
