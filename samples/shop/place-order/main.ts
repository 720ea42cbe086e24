import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { CancelledError, createClient } from 'tcc-coordinator/client';
import { placeOrder } from './place-order';

/**
 * Places one order and says what became of it.
 *
 *   TCC_ADDRESS=127.0.0.1:8480 node dist/samples/shop/place-order/main.js --buyer ada --sku lamp --quantity 1 --price 1999
 *
 * Exit status: 0 bought, 1 cancelled, 2 nobody knows yet (send it again with the same --order).
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      order: { type: 'string', default: `order-${randomUUID()}` },
      buyer: { type: 'string', default: 'ada' },
      sku: { type: 'string', default: 'lamp' },
      quantity: { type: 'string', default: '1' },
      price: { type: 'string', default: '1999' },
    },
  });
  const { order: orderId, buyer, sku } = values;
  const tcc = createClient({ addresses: (process.env.TCC_ADDRESS ?? '127.0.0.1:8480').split(',') });
  try {
    await placeOrder(tcc, { orderId, buyer, sku, quantity: Number(values.quantity), price: Number(values.price) });
    process.stdout.write(`${orderId}: bought\n`);
    return 0;
  } catch (error) {
    const cancelled = error instanceof CancelledError;
    const why = error instanceof Error ? error.message : String(error);
    process.stdout.write(`${orderId}: ${cancelled ? 'cancelled' : 'no outcome yet'}: ${why}\n`);
    return cancelled ? 1 : 2;
  } finally {
    await tcc.close();
  }
}

void main().then((status) => {
  process.exitCode = status;
});
