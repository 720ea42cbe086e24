import { audit } from '../../../samples/shop/books/audit';
import type { Ledger, OrderRow, Posting, Pot } from '../../../samples/shop/books/ledger';

const lamps: Pot = { kind: 'stock', name: 'lamp', received: 10, available: 8, frozen: 0, gone: 2, open: 0 };
const ada: Pot = { kind: 'money', name: 'ada', received: 9000, available: 5002, frozen: 0, gone: 3998, open: 0 };
const order: OrderRow = { orderId: 'o-1', buyer: 'ada', sku: 'lamp', quantity: 2, amount: 3998, status: 'CONFIRMED' };
const sold: Posting = { gid: 'o-1', pot: 'lamp', amount: 2, status: 'USED' };
const paid: Posting = { gid: 'o-1', pot: 'ada', amount: 3998, status: 'USED' };
const clean: Ledger = { pots: [lamps, ada], orders: [order], reservations: [sold], holds: [paid] };

const confirmed = () => Promise.resolve('CONFIRMED');

describe('the audit', () => {
  test('finds no fault in a shop where one order was bought', async () => {
    expect(await audit(clean, confirmed)).toMatchObject({ balanced: true, faults: [], confirmed: 1, cancelled: 0 });
  });

  test('counts a cancelled order that left no row, once the coordinator says so', async () => {
    const statusOf = (gid: string) => Promise.resolve(gid === 'o-1' ? 'CONFIRMED' : 'CANCELLED');
    expect(await audit(clean, statusOf, ['o-1', 'o-2'])).toMatchObject({ balanced: true, cancelled: 1, asked: 2 });
  });

  const damages: readonly [string, Partial<Ledger>, RegExp][] = [
    ['a piece is missing', { pots: [{ ...lamps, available: 7 }] }, /10 came in, but 9 are accounted for/],
    ['a piece is left frozen', { pots: [{ ...lamps, available: 7, frozen: 1, open: 1 }] }, /1 still frozen/],
    ['frozen is not what is reserved', { pots: [{ ...lamps, available: 7, frozen: 1 }] }, /1 frozen, but open .* 0/],
    ['stock is negative', { pots: [{ ...lamps, available: -2, gone: 12 }] }, /less than nothing/],
    ['an order is pending', { orders: [{ ...order, status: 'PENDING' }] }, /still pending/],
    ['an order is paid but not sold', { reservations: [] }, /2 of lamp expected, none found/],
    ['an order is sold twice', { reservations: [sold, sold] }, /2 of lamp expected, 2 of lamp and 2 of lamp found/],
    ['another amount is paid', { holds: [{ ...paid, amount: 1 }] }, /3998 of ada expected, 1 of ada found/],
    ['a cancelled order is paid', { orders: [{ ...order, status: 'CANCELLED' }] }, /none expected, 3998 of ada found/],
    ['something is sold without an order', { orders: [] }, /o-1: sold or paid without an order/],
  ];
  test.each(damages)('says when %s', async (_what, damage, fault) => {
    const found = await audit({ ...clean, ...damage }, confirmed);
    expect(found.balanced).toBe(false);
    expect(found.faults.join('\n')).toMatch(fault);
  });

  test('says when the coordinator has not finished a transaction', async () => {
    const found = await audit(clean, () => Promise.resolve('CONFIRMING'));
    expect(found.faults).toEqual(['o-1: CONFIRMED in the shop, CONFIRMING at the coordinator']);
  });
});
