import type { ExecuteOptions, TccClient } from 'tcc-coordinator/client';
import { placeOrder } from '../../../samples/shop/place-order/place-order';

test('an order is one transaction of three branches under the order number', async () => {
  const asked: ExecuteOptions[] = [];
  const tcc = { execute: (options: ExecuteOptions) => Promise.resolve(asked.push(options)) } as unknown as TccClient;
  await placeOrder(tcc, { orderId: 'o-1', buyer: 'ada', sku: 'lamp', quantity: 2, price: 1999 }, { timeoutMs: 500 });
  expect(asked).toEqual([
    {
      gid: 'o-1',
      name: 'place-order',
      timeoutMs: 500,
      branches: [
        { participant: 'inventory', action: 'deduct', payload: { sku: 'lamp', quantity: 2 } },
        { participant: 'payments', action: 'pay', payload: { buyer: 'ada', amount: 3998 } },
        { participant: 'orders', action: 'create', payload: { buyer: 'ada', sku: 'lamp', quantity: 2, amount: 3998 } },
      ],
    },
  ]);
});
