import { tccV1 } from '../../wire/proto';
import { transactionFromProto } from './convert';
import type { Failover } from './failover';
import { WATCH_MS } from './options';
import { isTerminal, type TransactionView } from './views';

/**
 * Follows one transaction to its end. A coordinator that takes over begins with the transaction as it stands, which is left
 * out when nothing has changed since.
 */
export async function* watchTransaction(
  failover: Failover,
  gid: string,
  options: { readonly patienceMs: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<TransactionView, void, undefined> {
  let before = '';
  const messages = failover.follow(
    {
      method: tccV1.TransactionService.service.Watch,
      request: () => ({ gid }),
      patienceMs: options.patienceMs,
      attemptMs: WATCH_MS,
      changes: false,
      gid,
      signal: options.signal,
    },
    ({ transaction }) => transaction !== null && isTerminal(transactionFromProto(transaction).status),
  );
  for await (const { transaction } of messages) {
    const view = transactionFromProto(transaction);
    const now = JSON.stringify(view);
    if (now !== before) yield view;
    before = now;
  }
}
