import type { TransactionView } from '../../sdk/client/views';
import { reasonText } from './details';
import { absolute, type Look, plain, standing, statusText } from './look';

/** One line for one state of a watched transaction. */
export function renderChange(transaction: TransactionView, look: Look): string {
  const { branches, cancelReason } = transaction;
  const parts = [
    look.colors.dim(absolute(look.nowMs)),
    standing(transaction, look),
    ...branches.map(({ branchId, status }) => `${plain(branchId)}=${statusText(status, look)}`),
    ...(cancelReason === undefined ? [] : [reasonText(cancelReason)]),
  ];
  return parts.join('  ');
}
