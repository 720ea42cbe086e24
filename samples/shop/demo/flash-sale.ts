import { SingleBar } from 'cli-progress';
import { CancelledError, RefusedError } from 'tcc-coordinator/client';
import { receiveGoods } from '../inventory/stock';
import { openAccounts } from '../payments/accounts';
import { placeOrder } from '../place-order/place-order';
import type { Screen } from './screen';
import type { Stage } from './stage';

export interface Sale {
  readonly buyers: number;
  /** Pieces of the one item that everybody wants. */
  readonly stock: number;
}

export interface SaleResult {
  readonly sold: number;
  readonly soldOut: number;
  readonly tookMs: number;
  readonly orderIds: readonly string[];
}

/** Nothing lies on the other shelves. */
export const saleSeeds = { inventory: { SHOP_STOCK: '' }, orders: {}, payments: { SHOP_ACCOUNTS: '' } };

const SKU = 'flash-lamp';
const PRICE = 4900;
const DEPOSIT = 5000;

/**
 * Buyers at the counter at the same time. They all want the same row, so more of them would not be served sooner, only
 * wait inside a call that has a deadline instead of outside.
 */
const AT_ONCE = 50;

/** Orders of one buyer, when the earlier ones were cancelled for another reason than that nothing is left. */
const ATTEMPTS = 5;

/** Everybody buys one piece of the same thing. */
export async function flashSale(stage: Stage, sale: Sale, screen: Screen): Promise<SaleResult> {
  const buyers = Array.from({ length: sale.buyers }, (_, index) => `buyer-${index + 1}`);
  await receiveGoods(stage.shop.inventory, { [SKU]: sale.stock });
  await openAccounts(stage.shop.payments, Object.fromEntries(buyers.map((buyer) => [buyer, DEPOSIT])));

  const orderIds: string[] = [];
  const counts = { sold: 0, soldOut: 0 };
  const progress = showProgress(sale.buyers, screen);
  const queue = [...buyers].reverse();
  const counter = async (): Promise<void> => {
    for (let buyer = queue.pop(); buyer !== undefined; buyer = queue.pop()) {
      counts[await buyOne(stage, buyer, orderIds)] += 1;
      progress.update(counts.sold, counts.soldOut);
    }
  };

  const startedAt = performance.now();
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, counter));
  } finally {
    progress.stop();
  }
  return { ...counts, tookMs: performance.now() - startedAt, orderIds };
}

async function buyOne(stage: Stage, buyer: string, orderIds: string[]): Promise<'sold' | 'soldOut'> {
  for (let attempt = 1; ; attempt += 1) {
    const orderId = `${buyer}-order-${attempt}`;
    orderIds.push(orderId);
    try {
      // What is scarce is asked for first: whoever comes too late keeps payments and orders out of it.
      const order = { orderId, buyer, sku: SKU, quantity: 1, price: PRICE };
      await placeOrder(stage.tcc, order, { tryOrder: 'sequential' });
      return 'sold';
    } catch (error) {
      if (error instanceof RefusedError) return 'soldOut';
      if (!(error instanceof CancelledError) || attempt === ATTEMPTS) throw error;
    }
  }
}

interface Progress {
  update(sold: number, soldOut: number): void;
  stop(): void;
}

/** A bar where there is a terminal; a line for each tenth where there is none. */
function showProgress(buyers: number, { interactive, print }: Screen): Progress {
  if (!interactive) {
    let tenths = 0;
    return {
      update: (sold, soldOut) => {
        const reached = Math.floor(((sold + soldOut) * 10) / buyers);
        if (reached === tenths) return;
        tenths = reached;
        print(`  ${sold + soldOut} of ${buyers} buyers served: ${sold} bought, ${soldOut} came too late`);
      },
      stop: () => undefined,
    };
  }
  const bar = new SingleBar({
    format: '  {bar} {value}/{total} buyers served: {sold} bought, {soldOut} came too late',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    // The demo has its own hands on Ctrl-C.
    gracefulExit: false,
  });
  bar.start(buyers, 0, { sold: 0, soldOut: 0 });
  return { update: (sold, soldOut) => bar.update(sold + soldOut, { sold, soldOut }), stop: () => bar.stop() };
}
