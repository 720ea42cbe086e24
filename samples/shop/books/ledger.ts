import type { ShopDatabases } from './shop-databases';

/** A pot of pieces or cents: what came in must be what is free, set aside and gone. */
export interface Pot {
  readonly kind: 'stock' | 'money';
  /** The sku or the buyer. */
  readonly name: string;
  readonly received: number;
  readonly available: number;
  readonly frozen: number;
  readonly gone: number;
  /** Sum of what is set aside and neither used nor given back. */
  readonly open: number;
}

/** A reservation or a hold, in the words that both have in common. */
export interface Posting {
  readonly gid: string;
  readonly pot: string;
  readonly amount: number;
  readonly status: 'OPEN' | 'USED' | 'RELEASED';
}

export interface OrderRow {
  readonly orderId: string;
  readonly buyer: string;
  readonly sku: string;
  readonly quantity: number;
  readonly amount: number;
  readonly status: 'PENDING' | 'CONFIRMED' | 'CANCELLED';
}

/** All rows of the three services. */
export interface Ledger {
  readonly pots: readonly Pot[];
  readonly reservations: readonly Posting[];
  readonly holds: readonly Posting[];
  readonly orders: readonly OrderRow[];
}

/** Reads everything; to be called when no transaction is under way. */
export async function readLedger(shop: ShopDatabases): Promise<Ledger> {
  const items = await shop.inventory<ItemRow>('items').orderBy('sku');
  const accounts = await shop.payments<AccountRow>('accounts').orderBy('buyer');
  const reservations = (await shop.inventory<ReservationRow>('reservations').select()).map((row) => ({
    gid: row.gid,
    pot: row.sku,
    amount: row.quantity,
    status: postingStatus[row.status],
  }));
  const holds = (await shop.payments<HoldRow>('holds').select()).map((row) => ({
    gid: row.gid,
    pot: row.buyer,
    amount: row.amount,
    status: postingStatus[row.status],
  }));
  const orders = (await shop.orders<StoredOrder>('orders').select()).map((row) => ({
    orderId: row.order_id,
    buyer: row.buyer,
    sku: row.sku,
    quantity: row.quantity,
    amount: row.amount,
    status: row.status,
  }));
  const pieces = totalsOf(reservations);
  const cents = totalsOf(holds);
  const stock = items.map(({ sku, received, available, frozen }) => ({
    kind: 'stock' as const,
    name: sku,
    ...{ received, available, frozen },
    ...pieces(sku),
  }));
  const money = accounts.map(({ buyer, deposited, balance, frozen }) => ({
    kind: 'money' as const,
    name: buyer,
    ...{ received: deposited, available: balance, frozen },
    ...cents(buyer),
  }));
  return { reservations, holds, orders, pots: [...stock, ...money] };
}

/** Sums the postings once, so that a pot is looked up and not searched for. */
function totalsOf(postings: readonly Posting[]): (pot: string) => Pick<Pot, 'gone' | 'open'> {
  const totals = new Map<string, number>();
  for (const { pot, status, amount } of postings) {
    const key = `${status} ${pot}`;
    totals.set(key, (totals.get(key) ?? 0) + amount);
  }
  return (pot) => ({ gone: totals.get(`USED ${pot}`) ?? 0, open: totals.get(`OPEN ${pot}`) ?? 0 });
}

const postingStatus = {
  RESERVED: 'OPEN',
  HELD: 'OPEN',
  SOLD: 'USED',
  PAID: 'USED',
  RELEASED: 'RELEASED',
} as const;

interface ItemRow {
  readonly sku: string;
  readonly received: number;
  readonly available: number;
  readonly frozen: number;
}

interface AccountRow {
  readonly buyer: string;
  readonly deposited: number;
  readonly balance: number;
  readonly frozen: number;
}

interface ReservationRow {
  readonly gid: string;
  readonly sku: string;
  readonly quantity: number;
  readonly status: 'RESERVED' | 'SOLD' | 'RELEASED';
}

interface HoldRow {
  readonly gid: string;
  readonly buyer: string;
  readonly amount: number;
  readonly status: 'HELD' | 'PAID' | 'RELEASED';
}

interface StoredOrder {
  readonly order_id: string;
  readonly buyer: string;
  readonly sku: string;
  readonly quantity: number;
  readonly amount: number;
  readonly status: OrderRow['status'];
}
