import { RefusedError, type TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { eventually } from '../support/eventually';
import type { TcpProxy } from '../support/tcp-proxy';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { proxied } from './support/proxied';
import { leavesNothingBehind, scenario } from './support/scenario';
import { carriers } from './support/service';
import { BEGIN, CANCEL, COMMIT, commitOf, CONFIRM, FINISH, once } from './support/statements';
import { World } from './support/world';

leavesNothingBehind();

interface Fault {
  readonly what: string;
  readonly arm: (proxy: TcpProxy) => void;
}

/** What can be lost while an order is bought; the coordinator lives on. */
const whileBuying: readonly Fault[] = [
  { what: 'the begin on its way there', arm: (proxy) => proxy.dropRequests(once(BEGIN)) },
  { what: 'the reply to the begin', arm: (proxy) => proxy.dropRepliesAfter(once(BEGIN)) },
  { what: 'the decision on its way there', arm: (proxy) => proxy.dropRequests(once(CONFIRM)) },
  { what: 'the reply to the decision', arm: (proxy) => proxy.dropRepliesAfter(once(CONFIRM)) },
  { what: 'the end on its way there', arm: (proxy) => proxy.dropRequests(once(FINISH)) },
  { what: 'the reply to the end', arm: (proxy) => proxy.dropRepliesAfter(once(FINISH)) },
];

const whileCancelling: readonly Fault[] = [
  { what: 'the COMMIT of the decision on its way there', arm: (proxy) => proxy.dropRequests(commitOf(CANCEL)) },
  { what: 'the reply to the COMMIT of the decision', arm: (proxy) => proxy.dropRepliesAfter(commitOf(CANCEL)) },
  { what: 'the reply to the end', arm: (proxy) => proxy.dropRepliesAfter(once(FINISH)) },
];

describe.each(carriers)('a coordinator whose words with the database get lost (%s)', (carrier) => {
  let world: World;
  let proxy: TcpProxy;
  let tcc: TccClient;

  beforeAll(async () => {
    world = await World.on('mysql', {
      carrier,
      seeds: {
        inventory: { SHOP_STOCK: `lamp=1000,clock=1,${loadSeeds.inventory.SHOP_STOCK}` },
        payments: { SHOP_ACCOUNTS: `ada=10000000,${loadSeeds.payments.SHOP_ACCOUNTS}` },
      },
    });
    const way = await proxied(world.databaseUrl);
    proxy = way.proxy;
    const tccd: Coordinator = await world.coordinator('tccd', {
      databaseUrl: way.url,
      env: loadedEnv,
    });
    await tccd.start();
    await world.openShop([tccd]);
    tcc = world.client([tccd]);
  }, 60_000);

  afterAll(async () => {
    await world.close();
    await proxy.stop();
  }, 60_000);

  afterEach(async () => {
    proxy.dropRequests(0);
    proxy.dropRepliesAfter(0);
    await world.expectBalancedBooks(tcc);
  }, 40_000);

  for (const { what, arm } of whileBuying) {
    scenario(`${what} is lost: the order is bought, once (I8, I9)`, async () => {
      const before = proxy.lost;
      arm(proxy);
      const order = world.order();
      expect((await placeOrder(tcc, order)).status).toBe('CONFIRMED');
      expect(proxy.lost).toBe(before + 1);
      expect(await world.rows.count(order.orderId)).toBe(1);
    });
  }

  for (const { what, arm } of whileCancelling) {
    scenario(`${what} is lost while an order is cancelled: it is cancelled, for the same reason (I1, I9)`, async () => {
      const before = proxy.lost;
      arm(proxy);
      await expect(placeOrder(tcc, world.order({ sku: 'clock', quantity: 7 }))).rejects.toBeInstanceOf(RefusedError);
      await world.expectBalancedBooks(tcc);
      expect(proxy.lost).toBe(before + 1);
    });
  }

  scenario(
    'one in ten of all COMMITs and decisions is lost on its way back: every order of the load is bought once (I9)',
    async () => {
      const before = proxy.lost;
      let seen = 0;
      proxy.dropRepliesAfter((sql) => (COMMIT.test(sql) || CONFIRM.test(sql) || FINISH.test(sql)) && ++seen % 10 === 0);
      const load = new Load(tcc, { prefix: 'lossy', atOnce: 8 });
      await load.untilPlaced(60);
      // How many orders share a commit, and so how many commits there are, is the machine's matter.
      await eventually(() => proxy.lost > before + 3, { timeoutMs: 30_000 });
      await load.stop();
      proxy.dropRepliesAfter(0);
      expect(load.failed).toEqual([]);
      await world.expectBalancedBooks(tcc, load.gids);
    },
  );
});
