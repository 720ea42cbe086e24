import type { ExecuteOptions, TccClient } from 'tcc-coordinator/client';
import type { Picking } from '../inventory/stock';
import type { Purchase } from '../orders/orders';
import type { Charge } from '../payments/accounts';

export interface Order {
  /** Also the gid: whoever sends the same order again gets the same outcome, and it is sold and paid once. */
  readonly orderId: string;
  readonly buyer: string;
  readonly sku: string;
  readonly quantity: number;
  /** Cents for one piece. */
  readonly price: number;
}

/**
 * Places one order in three services, or in none of them. All three are asked at once; with `tryOrder: 'sequential'` one
 * after the other, the inventory first, and nobody else hears of an order for which there is no stock.
 *
 * Returns the confirmed transaction. Throws RefusedError when a service refused (no stock, not enough money),
 * TimedOutError when the deadline passed first, UnavailableError when nobody knows yet: then send the same order again.
 */
export function placeOrder(tcc: TccClient, order: Order, options: Pick<ExecuteOptions, 'timeoutMs' | 'tryOrder'> = {}) {
  const { buyer, sku, quantity } = order;
  const amount = quantity * order.price;
  const purchase: Purchase = { buyer, sku, quantity, amount };
  const picking: Picking = { sku, quantity };
  const charge: Charge = { buyer, amount };
  return tcc.execute({
    gid: order.orderId,
    name: 'place-order',
    branches: [
      { participant: 'inventory', action: 'deduct', payload: picking },
      { participant: 'payments', action: 'pay', payload: charge },
      { participant: 'orders', action: 'create', payload: purchase },
    ],
    ...options,
  });
}
