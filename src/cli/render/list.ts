import { type TransactionView } from '../../sdk/client/views';
import { formatDuration } from '../duration';
import { reasonText } from './details';
import { columns } from './columns';
import { type Look, plain, relative, standing } from './look';

/** Transactions, a line each; '' when there are none. */
export function renderList(transactions: readonly TransactionView[], look: Look): string {
  if (transactions.length === 0) return '';
  const rows = transactions.map((transaction) => [
    plain(transaction.gid),
    transaction.name === '' ? '-' : plain(transaction.name),
    standing(transaction, look),
    formatDuration(Math.max(0, look.nowMs - transaction.createdAtMs)),
    String(transaction.rounds),
    transaction.dueAtMs === undefined ? '-' : relative(transaction.dueAtMs, look),
    transaction.cancelReason === undefined ? '-' : reasonText(transaction.cancelReason),
  ]);
  return columns(['GID', 'NAME', 'STATUS', 'AGE', 'ROUNDS', 'NEXT LOOK', 'REASON'], rows, look);
}
