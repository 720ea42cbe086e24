import { CancelledError, createClient, type TccClient } from 'tcc-coordinator/client';

import { placeOrder, type Order } from '../../samples/shop/place-order/place-order';
import { sleep, systemClock, type Timer } from '../../src/lib/clock';
import { POTS } from '../../test/e2e/support/load';
import type { Told, Outcome } from './told';

/** A new order every so many milliseconds, whatever became of the ones before: fine enough to see gaps of a tenth of a second. */
const EVERY_MS = 50;

/** Orders that one buyer waits for at the same time. Above what comes in during the longest freeze. */
const MOST_AT_ONCE = 400;

/** An undecided order is cancelled after so long. */
const ORDER_MS = 10_000;

/** Every so manieth order is for the item on sale, is more than its buyer can pay, goes step by step. */
const SALE_EVERY = 4;
const POOR_EVERY = 9;
const STEPWISE_EVERY = 7;

export interface BuyerOptions {
  /** Of every gid; no other buyer of the run has it. */
  readonly name: string;
  /** The coordinators; the first is asked first. */
  readonly addresses: readonly string[];
  /** The item of which there is less than is wanted. */
  readonly saleSku: string;
  /** Bytes that are added to each payload, so that tables grow. */
  readonly padding: number;
}

/** One application: places orders at a steady pace by a client of its own, and keeps what it was told and when. */
export class Buyer {
  /** When orders were confirmed, in monotonic milliseconds. Orders that may be refused do not count. */
  readonly confirmedAtMs: number[] = [];
  private readonly tcc: TccClient;
  private readonly options: BuyerOptions;
  private readonly told: Told;
  private readonly waiting = new Set<Promise<void>>();
  private timer: Timer | undefined;
  private placed = 0;

  constructor(options: BuyerOptions, told: Told) {
    this.options = options;
    this.told = told;
    this.tcc = createClient({ addresses: options.addresses, timeoutMs: ORDER_MS });
    this.next();
  }

  /** Places no further order and waits for those under way. */
  async stop(): Promise<void> {
    this.timer?.stop();
    while (this.waiting.size > 0) await Promise.all([...this.waiting]);
    await this.tcc.close();
  }

  /** Waits until so many more orders are confirmed; whether they were, in time. */
  async confirms(more: number, withinMs: number): Promise<boolean> {
    const wanted = this.confirmedAtMs.length + more;
    const endMs = systemClock.monotonicMs() + withinMs;
    while (this.confirmedAtMs.length < wanted) {
      if (systemClock.monotonicMs() > endMs) return false;
      await sleep(systemClock, 10);
    }
    return true;
  }

  private next(): void {
    this.timer = systemClock.startTimer(EVERY_MS, () => this.next());
    if (this.waiting.size >= MOST_AT_ONCE) return;
    const index = (this.placed += 1);
    const waiting = this.place(index).finally(() => this.waiting.delete(waiting));
    this.waiting.add(waiting);
  }

  private async place(index: number): Promise<void> {
    const isSale = index % SALE_EVERY === 0;
    const isPoor = index % POOR_EVERY === 0;
    const order: Order = {
      orderId: `${this.options.name}-${index}`,
      buyer: isPoor ? 'poor' : `buyer-${index % POTS}`,
      sku: isSale ? this.options.saleSku : `item-${index % POTS}`,
      quantity: 1,
      price: 100,
    };
    // Until it is known, it is not known.
    this.told.hear(order.orderId, 'UNKNOWN');
    const outcome = await this.outcomeOf(order, index % STEPWISE_EVERY === 0);
    this.told.hear(order.orderId, outcome);
    if (outcome === 'CONFIRMED' && !isSale && !isPoor) this.confirmedAtMs.push(systemClock.monotonicMs());
  }

  private async outcomeOf(order: Order, isStepwise: boolean): Promise<Outcome> {
    try {
      if (this.options.padding > 0) await this.placePadded(order);
      else if (isStepwise) await this.placeStepwise(order);
      else await placeOrder(this.tcc, order);
      return 'CONFIRMED';
    } catch (error) {
      return error instanceof CancelledError ? 'CANCELLED' : 'UNKNOWN';
    }
  }

  /** The same three branches, one after the other, and then the commit. */
  private async placeStepwise({ orderId, buyer, sku, quantity, price }: Order): Promise<void> {
    const amount = quantity * price;
    await this.tcc.run({ gid: orderId, name: 'step-by-step' }, async (tx) => {
      await tx.try('inventory', 'deduct', { sku, quantity });
      await tx.try('payments', 'pay', { buyer, amount });
      await tx.try('orders', 'create', { buyer, sku, quantity, amount });
    });
  }

  private async placePadded({ orderId, buyer, sku, quantity, price }: Order): Promise<void> {
    const amount = quantity * price;
    const padding = 'x'.repeat(this.options.padding);
    await this.tcc.execute({
      gid: orderId,
      name: 'padded',
      branches: [
        { participant: 'inventory', action: 'deduct', payload: { sku, quantity, padding } },
        { participant: 'payments', action: 'pay', payload: { buyer, amount, padding } },
        { participant: 'orders', action: 'create', payload: { buyer, sku, quantity, amount, padding } },
      ],
    });
  }
}
