import type { TransactionApi } from '../coordinator/api';
import type { Journal, StoredAttempt } from '../journal/journal';
import { TccError } from '../lib/errors';
import type { AdminServiceHandlers } from '../wire/generated/tcc/v1/AdminService';
import { attemptMessage, transactionMessage } from './convert';
import type { Calls } from './handler';
import { pageToken } from './page-token';
import { timeline } from './timeline';
import type { RequestLimits } from './validate';
import { readList } from './validate-admin';
import { readGid } from './validate-transaction';

/** What operators read, straight from the journal. */
export type JournalReader = Pick<Journal, 'load' | 'attempts' | 'list'>;

export interface AdminServiceDeps {
  readonly transactions: Pick<TransactionApi, 'retry'>;
  readonly journal: JournalReader;
}

/**
 * Attempts in one response, the newest: with texts of 512 characters they and their timeline stay below 2 MiB, while 64 branches
 * with all the attempts that are kept would not fit a message.
 */
export const MOST_ATTEMPTS_SHOWN = 1_000;

/** tcc.v1.AdminService. */
export function adminService(
  limits: Pick<RequestLimits, 'replyBytes'>,
  calls: Calls,
  { transactions, journal }: AdminServiceDeps,
): AdminServiceHandlers {
  return {
    GetTransaction: calls.unary('GetTransaction', async (request) => {
      const gid = readGid(request);
      const [found, attempts] = await Promise.all([journal.load([gid]), journal.attempts(gid)]);
      const transaction = found.get(gid);
      if (transaction === undefined) {
        throw new TccError('TRANSACTION_NOT_FOUND', `there is no transaction ${gid}`, { metadata: { gid } });
      }
      const shown = newest(attempts);
      return {
        transaction: transactionMessage(transaction, limits.replyBytes),
        attempts: shown.map(attemptMessage),
        timeline: [...timeline(transaction, shown)],
        worker: transaction.worker,
      };
    }),
    ListTransactions: calls.unary('ListTransactions', async (request) => {
      const { filter, page } = readList(request);
      // One more than the page tells whether there is another.
      const found = await journal.list({ ...filter, beforeGid: page.beforeGid, limit: page.limit + 1 });
      const shown = found.slice(0, page.limit);
      const last = found.length > page.limit ? shown.at(-1) : undefined;
      return {
        transactions: shown.map((transaction) => transactionMessage(transaction, 0)),
        nextPageToken: last === undefined ? '' : pageToken(last.gid, filter),
      };
    }),
    RetryTransaction: calls.unary('RetryTransaction', async (request) => ({
      transaction: transactionMessage(await transactions.retry(readGid(request)), limits.replyBytes),
    })),
  };
}

function newest(attempts: readonly StoredAttempt[]): readonly StoredAttempt[] {
  return attempts.slice(-MOST_ATTEMPTS_SHOWN);
}
