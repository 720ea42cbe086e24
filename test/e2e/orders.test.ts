import { RefusedError, TimedOutError, type TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { AdminClient } from '../../src/sdk/client/admin';
import { eventually } from '../support/eventually';
import type { Coordinator } from './support/coordinator';
import { leavesNothingBehind, scenario } from './support/scenario';
import type { Service, ServiceName } from './support/service';
import { grounds, World } from './support/world';

leavesNothingBehind();

/**
 * What a call of these coordinators may take, and two of them make a Try fail. The order with a deadline has less than one: it must have
 * sent its Trys by then, on a busy machine too, and its deadline must come before the end of the first call.
 */
const CALL_MS = 2_500;
const DEADLINE_MS = 2_000;

/** Real orders over three services in processes of their own; after each scenario the books balance. */
describe.each(grounds)('the shop on $database ($carrier)', ({ database, carrier }) => {
  let world: World;
  let tccd: Coordinator;
  let shop: Readonly<Record<ServiceName, Service>>;
  let tcc: TccClient;
  let admin: AdminClient;

  beforeAll(async () => {
    world = await World.on(database, { carrier });
    tccd = await world.coordinator('tccd', {
      env: { TCC_CALLS_TIMEOUT_MS: String(CALL_MS), TCC_CALLS_TRY_ATTEMPTS: '2' },
    });
    await tccd.start();
    shop = await world.openShop([tccd]);
    tcc = world.client([tccd]);
    admin = new AdminClient({ addresses: [tccd.address], timeoutMs: 20_000 });
  }, 60_000);

  afterAll(async () => {
    admin.close();
    await world.close();
  }, 60_000);

  afterEach(async () => {
    await world.expectBalancedBooks(tcc);
  }, 40_000);

  scenario('an order that all three services accept is bought', async () => {
    const order = world.order({ quantity: 2 });
    const bought = await placeOrder(tcc, order);
    expect(bought.status).toBe('CONFIRMED');
    expect(bought.branches.map(({ status }) => status)).toEqual(['CONFIRMED', 'CONFIRMED', 'CONFIRMED']);
  });

  scenario('the same order again is the same transaction, and is sold and paid once (I1)', async () => {
    const order = world.order();
    const [first, second, third] = await Promise.all([
      placeOrder(tcc, order),
      placeOrder(tcc, order),
      placeOrder(tcc, order),
    ]);
    expect(new Set([first.createdAtMs, second.createdAtMs, third.createdAtMs]).size).toBe(1);
    expect(await world.rows.count(order.orderId)).toBe(1);
  });

  scenario('the same gid with another content is refused, and the first order stands (I1)', async () => {
    const order = world.order();
    await placeOrder(tcc, order);
    await expect(placeOrder(tcc, { ...order, quantity: 3 })).rejects.toMatchObject({ code: 'GID_TAKEN' });
    expect((await tcc.get(order.orderId)).status).toBe('CONFIRMED');
  });

  scenario("a refused Try cancels every branch, with the participant's own words as the reason (I4)", async () => {
    const order = world.order({ sku: 'clock', quantity: 3 });
    const error = await failureOf(placeOrder(tcc, order));
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({ gid: order.orderId, branchId: 'inventory-deduct' });
    expect((error as Error).message).toContain('no stock: 3 clock wanted, 1 left');
  });

  scenario('a buyer without the money buys nothing, and the stock goes back', async () => {
    const order = world.order({ buyer: 'carl', price: 8900 });
    await expect(placeOrder(tcc, order)).rejects.toThrow('not enough money: 89.00 wanted, 5.00 left');
  });

  scenario(
    'a Try that outlasts the deadline is cancelled, and when it comes at last the fence refuses it (I6, I10)',
    async () => {
      const order = world.order();
      await shop.payments.hold('try');
      await expect(placeOrder(tcc, order, { timeoutMs: DEADLINE_MS })).rejects.toBeInstanceOf(TimedOutError);
      const cancel = await shop.payments.report(order.orderId, 'cancel');
      await shop.payments.release('try');
      const late = await shop.payments.report(order.orderId, 'try');
      expect(cancel).toMatchObject({ answer: 'OK', detail: 'EMPTY_ROLLBACK' });
      expect(late.answer).toBe('refused');
      expect(late.detail).toContain('HANGING_REFUSED');
      // The service has said what it answered; the coordinator writes it down when it has heard it.
      await eventually(async () => {
        const { attempts } = await admin.getTransaction(order.orderId);
        expect(attempts).toContainEqual(
          expect.objectContaining({ branchId: 'payments-pay', phase: 'cancel', code: 'EMPTY_ROLLBACK' }),
        );
      });
    },
  );

  scenario(
    'a participant that is down in Try: the order is cancelled, and Cancel waits until it is back (I4, I7)',
    async () => {
      const order = world.order();
      await shop.payments.kill();
      const placing = failureOf(placeOrder(tcc, order));
      await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CANCELLING', {
        timeoutMs: 2 * CALL_MS + 15_000,
      });
      await shop.payments.start();
      expect(await placing).toMatchObject({ code: 'CANCELLED', reason: { code: 'UNREACHABLE' } });
      const cancel = await shop.payments.report(order.orderId, 'cancel');
      expect(cancel).toMatchObject({ answer: 'OK', detail: 'EMPTY_ROLLBACK' });
    },
  );

  scenario(
    'a participant that stands still through all of its Try: the order is cancelled, and what it gets late does nothing (I4, I10)',
    async () => {
      const order = world.order();
      shop.payments.freeze();
      const placing = failureOf(placeOrder(tcc, order));
      try {
        await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CANCELLING', {
          timeoutMs: 2 * CALL_MS + 15_000,
        });
      } finally {
        shop.payments.thaw();
      }
      expect(await placing).toMatchObject({ code: 'CANCELLED', reason: { code: 'UNREACHABLE' } });
    },
  );

  scenario(
    'a participant that is killed after Try and before its Confirm is confirmed when it is back (I1, I7)',
    async () => {
      const order = world.order();
      await shop.payments.hold('confirm');
      const buying = placeOrder(tcc, order);
      await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CONFIRMING');
      await shop.payments.kill();
      await shop.payments.start();
      expect((await buying).status).toBe('CONFIRMED');
    },
  );

  scenario('a participant that is killed before its Cancel is cancelled when it is back (I4, I7)', async () => {
    const order = world.order({ sku: 'clock', quantity: 2 });
    await shop.payments.hold('cancel');
    const placing = failureOf(placeOrder(tcc, order));
    await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CANCELLING');
    await shop.payments.kill();
    await shop.payments.start();
    expect(await placing).toBeInstanceOf(RefusedError);
    expect((await shop.payments.report(order.orderId, 'cancel')).answer).toBe('OK');
  });

  scenario('a participant that is down for one order holds no other order up (I11)', async () => {
    const stuck = world.order();
    await shop.orders.hold('confirm');
    const waiting = placeOrder(tcc, stuck);
    await eventually(async () => (await world.rows.statusOf(stuck.orderId)) === 'CONFIRMING');
    const other = await tcc
      .execute({
        gid: 'without-orders',
        branches: [{ participant: 'payments', action: 'pay', payload: { buyer: 'bob', amount: 0 } }],
      })
      .catch((error: unknown) => error);
    expect(other).toBeInstanceOf(RefusedError);
    await shop.orders.release('confirm');
    expect((await waiting).status).toBe('CONFIRMED');
  });
});

/** What it rejects with; waited for later, so that nobody takes it for unhandled. */
function failureOf(placing: Promise<unknown>): Promise<unknown> {
  return placing.then(
    () => 'it was bought',
    (error: unknown) => error,
  );
}
