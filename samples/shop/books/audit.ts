import type { Ledger, OrderRow, Posting, Pot } from './ledger';

/** What the auditor found. */
export interface Books {
  /** No fault was found. */
  readonly balanced: boolean;
  /** Each in one sentence. */
  readonly faults: readonly string[];
  readonly pots: readonly Pot[];
  readonly confirmed: number;
  readonly cancelled: number;
  /** Transactions whose end the coordinator was asked about. */
  readonly asked: number;
}

/** The coordinator's word on one transaction: CONFIRMED, CANCELLED, … */
export type StatusOf = (gid: string) => Promise<string>;

/** Questions to the coordinator that are under way at the same time. */
const QUESTIONS_AT_ONCE = 32;

/**
 * Checks what is written: every piece and every cent is accounted for, nothing is left set aside, each confirmed order is
 * sold and paid exactly once and each cancelled one not at all, and the coordinator says the same. `alsoAsk` names
 * orders that may have left no row anywhere.
 */
export async function audit(ledger: Ledger, statusOf: StatusOf, alsoAsk: readonly string[] = []): Promise<Books> {
  const gids = [...new Set([...gidsOf(ledger), ...alsoAsk])];
  const faults = [
    ...ledger.pots.flatMap(potFaults),
    ...orderFaults(ledger),
    ...(await coordinatorFaults(gids, ledger.orders, statusOf)),
  ];
  return {
    balanced: faults.length === 0,
    faults,
    pots: ledger.pots,
    confirmed: ledger.orders.filter(({ status }) => status === 'CONFIRMED').length,
    cancelled: gids.length - ledger.orders.filter(({ status }) => status !== 'CANCELLED').length,
    asked: gids.length,
  };
}

function potFaults({ kind, name, received, available, frozen, gone, open }: Pot): string[] {
  const faults: string[] = [];
  const sum = available + frozen + gone;
  if (sum !== received) faults.push(`${kind} of ${name}: ${received} came in, but ${sum} are accounted for`);
  if (frozen !== open) faults.push(`${kind} of ${name}: ${frozen} frozen, but open reservations say ${open}`);
  if (frozen !== 0) faults.push(`${kind} of ${name}: ${frozen} still frozen although nothing is under way`);
  if (available < 0) faults.push(`${kind} of ${name}: ${available} is less than nothing`);
  return faults;
}

function orderFaults({ orders, reservations, holds }: Ledger): string[] {
  const sold = byGid(reservations);
  const paid = byGid(holds);
  const known = new Set(orders.map(({ orderId }) => orderId));
  const strays = [...sold.keys(), ...paid.keys()].filter((gid) => !known.has(gid));
  return [
    ...new Set(strays.map((gid) => `${gid}: sold or paid without an order`)),
    ...orders.flatMap((order) => {
      const { orderId, sku, quantity, buyer, amount, status } = order;
      if (status === 'PENDING') return [`${orderId}: still pending although nothing is under way`];
      const want = status === 'CONFIRMED';
      return [
        ...usedFaults(
          `${orderId} is ${status}, pieces`,
          sold.get(orderId),
          want ? { pot: sku, amount: quantity } : undefined,
        ),
        ...usedFaults(`${orderId} is ${status}, money`, paid.get(orderId), want ? { pot: buyer, amount } : undefined),
      ];
    }),
  ];
}

function usedFaults(
  what: string,
  used: readonly Posting[] = [],
  expected: Pick<Posting, 'pot' | 'amount'> | undefined,
): string[] {
  const found = used.map(({ pot, amount }) => `${amount} of ${pot}`).join(' and ') || 'none';
  const wanted = expected === undefined ? 'none' : `${expected.amount} of ${expected.pot}`;
  return found === wanted ? [] : [`${what}: ${wanted} expected, ${found} found`];
}

async function coordinatorFaults(
  gids: readonly string[],
  orders: readonly OrderRow[],
  statusOf: StatusOf,
): Promise<string[]> {
  const written = new Map<string, string>(orders.map(({ orderId, status }) => [orderId, status]));
  const faults: string[] = [];
  const waiting = [...gids];
  const ask = async (): Promise<void> => {
    for (let gid = waiting.pop(); gid !== undefined; gid = waiting.pop()) {
      const status = await statusOf(gid);
      // An order that was cancelled before its Try arrived has left no row.
      const expected = written.get(gid) ?? 'CANCELLED';
      if (status !== expected) faults.push(`${gid}: ${expected} in the shop, ${status} at the coordinator`);
    }
  };
  await Promise.all(Array.from({ length: QUESTIONS_AT_ONCE }, ask));
  return faults.sort();
}

function byGid(postings: readonly Posting[]): Map<string, Posting[]> {
  const used = new Map<string, Posting[]>();
  for (const posting of postings) {
    if (posting.status === 'USED') used.set(posting.gid, [...(used.get(posting.gid) ?? []), posting]);
  }
  return used;
}

function gidsOf({ orders, reservations, holds }: Ledger): string[] {
  return [
    ...orders.map(({ orderId }) => orderId),
    ...reservations.map(({ gid }) => gid),
    ...holds.map(({ gid }) => gid),
  ];
}
