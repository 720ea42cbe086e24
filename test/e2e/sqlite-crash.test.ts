import { CancelledError, type TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { eventually } from '../support/eventually';
import type { Coordinator } from './support/coordinator';
import { Load } from './support/load';
import { leavesNothingBehind, scenario } from './support/scenario';
import type { Service, ServiceName } from './support/service';
import { openSqliteShop } from './support/sqlite-shop';
import type { World } from './support/world';

leavesNothingBehind();

/** The zero-setup store must keep its promises too: one file, and a coordinator that is killed with -9 over it. */
describe('a coordinator on embedded SQLite', () => {
  let world: World;
  let tccd: Coordinator;
  let shop: Readonly<Record<ServiceName, Service>>;
  let tcc: TccClient;

  beforeAll(async () => {
    ({ world, tccd, shop, tcc } = await openSqliteShop());
  }, 60_000);

  afterAll(() => world.close(), 60_000);

  for (const [where, phase, status] of [
    ['while a Try is out (I2, I3, I8)', 'try', 'TRYING'],
    ['between the decision and the last Confirm (I1, I7, I8)', 'confirm', 'CONFIRMING'],
  ] as const) {
    scenario(`killed ${where}: after its restart the order is bought, once`, async () => {
      const order = world.order({ sku: 'item-0', buyer: 'buyer-0' });
      await shop.payments.hold(phase);
      const placed = placeOrder(tcc, order);
      await Promise.all([shop.orders.report(order.orderId, phase), shop.inventory.report(order.orderId, phase)]);
      await eventually(async () => (await world.rows.statusOf(order.orderId)) === status);
      await tccd.kill();
      await shop.payments.release(phase);
      await tccd.start();
      expect((await placed).status).toBe('CONFIRMED');
      await world.expectBalancedBooks(tcc);
    });
  }

  scenario(
    'killed between the decision to cancel and the last Cancel: after its restart it is cancelled (I1, I4, I7)',
    async () => {
      const order = world.order({ sku: 'item-0', buyer: 'buyer-0', quantity: 2_000_000, price: 1 });
      await shop.payments.hold('cancel');
      const placing = placeOrder(tcc, order).catch((error: unknown) => error);
      await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CANCELLING');
      await tccd.kill();
      await shop.payments.release('cancel');
      await tccd.start();
      expect(await placing).toBeInstanceOf(CancelledError);
      await world.expectBalancedBooks(tcc);
    },
  );

  scenario(
    'killed again and again under load: every order is bought once, and the books balance (I1, I8, I9, I10)',
    async () => {
      const load = new Load(tcc, { prefix: 'again', atOnce: 8 });
      for (let round = 0; round < 3; round += 1) {
        await load.untilPlaced(25);
        await tccd.kill();
        await tccd.start();
      }
      await load.untilPlaced(25);
      await load.stop();
      expect(load.failed).toEqual([]);
      await world.expectBalancedBooks(tcc, load.gids);
    },
  );
});
