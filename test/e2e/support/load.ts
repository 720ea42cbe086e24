import { CancelledError, TccClientError, type TccClient } from 'tcc-coordinator/client';

import { placeOrder, type Order } from '../../../samples/shop/place-order/place-order';
import { eventually } from '../../support/eventually';

/** Spread over so many items and buyers, so that orders wait for the coordinator and not for one row of the shop. */
export const POTS = 8;

/**
 * What coordinators under a load are told besides: a call may take so long, in milliseconds, that a busy machine spends no order's three
 * Trys. What is lost (a stream, a process, a connection) is noticed at once all the same, and no test here waits for a call's time.
 */
export const loadedEnv = { TCC_LOG_LEVEL: 'info', TCC_CALLS_TIMEOUT_MS: '8000' };

/** What the services of the shop begin with for `Load`: more than it can ever buy. */
export const loadSeeds = {
  inventory: { SHOP_STOCK: pots('item', 1_000_000) },
  payments: { SHOP_ACCOUNTS: pots('buyer', 100_000_000) },
};

export interface Placed {
  readonly gid: string;
  /** 'UNKNOWN': the client gave up, or another error came. */
  readonly outcome: 'CONFIRMED' | 'CANCELLED' | 'UNKNOWN' | 'CLOSED';
  readonly why: string;
}

/** Places orders, so many at a time, until it is told to stop. */
export class Load {
  readonly placed: Placed[] = [];
  private readonly tcc: TccClient;
  private readonly prefix: string;
  private readonly lanes: Promise<void>[];
  private started = 0;
  private stopping = false;

  constructor(tcc: TccClient, { prefix, atOnce }: { readonly prefix: string; readonly atOnce: number }) {
    this.tcc = tcc;
    this.prefix = prefix;
    this.lanes = Array.from({ length: atOnce }, () => this.lane());
  }

  get confirmed(): number {
    return this.placed.filter(({ outcome }) => outcome === 'CONFIRMED').length;
  }

  /** The gids of all orders, whatever became of them. */
  get gids(): string[] {
    return Array.from({ length: this.started }, (_, index) => this.gid(index));
  }

  get failed(): Placed[] {
    return this.placed.filter(({ outcome }) => outcome !== 'CONFIRMED');
  }

  /** Waits until so many more orders have come to an end. */
  async untilPlaced(more: number, timeoutMs = 40_000): Promise<void> {
    const wanted = this.placed.length + more;
    await eventually(() => this.placed.length >= wanted, { timeoutMs });
  }

  /** Starts no further order and waits for those under way. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.lanes);
  }

  private async lane(): Promise<void> {
    while (!this.stopping) {
      const index = this.started++;
      const placed = await this.place(index);
      // A scenario that failed has closed the client, and nobody stops its load any more.
      if (placed.outcome === 'CLOSED') return;
      this.placed.push(placed);
    }
  }

  private async place(index: number): Promise<Placed> {
    const gid = this.gid(index);
    const order: Order = {
      orderId: gid,
      buyer: `buyer-${index % POTS}`,
      sku: `item-${index % POTS}`,
      quantity: 1,
      price: 100,
    };
    try {
      await placeOrder(this.tcc, order);
      return { gid, outcome: 'CONFIRMED', why: '' };
    } catch (error) {
      const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
      if (error instanceof CancelledError) return { gid, outcome: 'CANCELLED', why };
      return { gid, outcome: error instanceof TccClientError && error.code === 'CLOSED' ? 'CLOSED' : 'UNKNOWN', why };
    }
  }

  private gid(index: number): string {
    return `${this.prefix}-${index}`;
  }
}

/** So much in each of them, as SHOP_STOCK and SHOP_ACCOUNTS take it. */
export function pots(name: string, amount: number): string {
  return Array.from({ length: POTS }, (_, index) => `${name}-${index}=${amount}`).join(',');
}
