import type { TransactionApi } from '../coordinator/api';
import type { TransactionServiceHandlers } from '../wire/generated/tcc/v1/TransactionService';
import { transactionMessage } from './convert';
import type { Calls } from './handler';
import type { TransactionCalls } from './transaction-calls';
import type { RequestLimits } from './validate';
import { readGid } from './validate-transaction';

type UnaryAndWatch = Pick<
  TransactionServiceHandlers,
  'Execute' | 'Begin' | 'Try' | 'RegisterBranch' | 'Commit' | 'Rollback' | 'Get' | 'Watch'
>;

/** tcc.v1.TransactionService without its stream of calls, which is encoded in its own way (execute-stream.ts). */
export function transactionService(
  limits: Pick<RequestLimits, 'replyBytes'>,
  calls: Calls,
  served: TransactionCalls,
  transactions: Pick<TransactionApi, 'get' | 'watch'>,
): UnaryAndWatch {
  const reply = (transaction: Parameters<typeof transactionMessage>[0]) => ({
    transaction: transactionMessage(transaction, limits.replyBytes),
  });
  return {
    Execute: calls.unary('Execute', (request, signal) => served.execute(request, signal)),
    Begin: calls.unary('Begin', (request) => served.begin(request)),
    Try: calls.unary('Try', (request, signal) => served.try(request, signal)),
    RegisterBranch: calls.unary('RegisterBranch', (request) => served.registerBranch(request)),
    Commit: calls.unary('Commit', (request, signal) => served.commit(request, signal)),
    Rollback: calls.unary('Rollback', (request, signal) => served.rollback(request, signal)),
    Get: calls.unary('Get', async (request) => reply(await transactions.get(readGid(request)))),
    Watch: calls.serverStream('Watch', async function* (request, signal) {
      for await (const transaction of transactions.watch(readGid(request), signal)) yield reply(transaction);
    }),
  };
}
