import type { TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { eventually } from '../support/eventually';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { leavesNothingBehind, scenario } from './support/scenario';
import { carriers, type Service, type ServiceName } from './support/service';
import { SETTLED_WITHIN_MS, World } from './support/world';

leavesNothingBehind();

const AT_ONCE = 8;

/** Per-transaction lines would cost more than the transactions. */
const env = { ...loadedEnv, TCC_DRAIN_MS: '3000' };

describe.each(carriers)('two coordinators on one database, under load (%s)', (carrier) => {
  let world: World;
  let first: Coordinator;
  let second: Coordinator;
  let shop: Readonly<Record<ServiceName, Service>>;
  let tcc: TccClient;
  let other: TccClient;

  beforeAll(async () => {
    world = await World.on('mysql', { carrier, seeds: loadSeeds });
    first = await world.coordinator('first tccd', { env });
    second = await world.coordinator('second tccd', { env });
    await Promise.all([first.start(), second.start()]);
    shop = await world.openShop([first, second]);
    tcc = world.client([first, second]);
    other = world.client([second, first]);
  }, 60_000);

  afterAll(() => world.close(), 60_000);

  scenario(
    'one is killed with -9: the clients move on, every order is bought, the books balance (I1, I8, I11)',
    async () => {
      const loads = [load(tcc, 'kill-a'), load(other, 'kill-b')];
      await Promise.all(loads.map((each) => each.untilPlaced(20)));
      await first.kill();
      await Promise.all(loads.map((each) => each.untilPlaced(40)));
      await first.start();
      await world.untilAttached([first]);
      await Promise.all(loads.map((each) => each.untilPlaced(20)));
      await expectAllBought(loads);
    },
  );

  scenario(
    'one stands still for longer than its lease and then goes on: two at work on one transaction break nothing (I1, I6, I10)',
    async () => {
      const loads = [load(tcc, 'still-a'), load(other, 'still-b')];
      await Promise.all(loads.map((each) => each.untilPlaced(20)));
      for (let round = 0; round < 2; round += 1) {
        const under = await world.rows.open();
        first.freeze();
        try {
          // Whatever it had in hand, the other one has ended meanwhile.
          await eventually(
            async () => {
              const open = new Set(await world.rows.open());
              expect(under.filter((gid) => open.has(gid))).toEqual([]);
            },
            { timeoutMs: SETTLED_WITHIN_MS },
          );
        } finally {
          first.thaw();
        }
        await loads[0]?.untilPlaced(10);
      }
      await expectAllBought(loads);
    },
  );

  scenario('both are restarted in turn: not one order fails, and each leaves with status 0 (I8, I13)', async () => {
    const loads = [load(tcc, 'roll-a'), load(other, 'roll-b')];
    await Promise.all(loads.map((each) => each.untilPlaced(20)));
    for (const tccd of [first, second]) {
      expect(await tccd.stop()).toEqual({ code: 0, signal: null });
      await tccd.start();
      // The next one goes when this one can work, as in a rolling update.
      await world.untilAttached([tccd]);
      await Promise.all(loads.map((each) => each.untilPlaced(15)));
    }
    await expectAllBought(loads);
  });

  scenario(
    'one that is told to stop hands over what it cannot end in time, and the other one ends it (I7, I13)',
    async () => {
      const order = world.order({ sku: 'item-0', buyer: 'buyer-0' });
      const alone = world.client([first]);
      await shop.payments.hold('confirm');
      const placed = placeOrder(alone, order).catch((error: unknown) => error);
      await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CONFIRMING');
      expect(await first.stop()).toEqual({ code: 0, signal: null });
      await shop.payments.release('confirm');
      await eventually(async () => (await world.rows.statusOf(order.orderId)) === 'CONFIRMED', {
        timeoutMs: SETTLED_WITHIN_MS,
      });
      await alone.close();
      await placed;
      await first.start();
      await world.untilAttached([first]);
      await world.expectBalancedBooks(tcc);
    },
  );

  function load(client: TccClient, prefix: string): Load {
    return new Load(client, { prefix, atOnce: AT_ONCE });
  }

  async function expectAllBought(loads: readonly Load[]): Promise<void> {
    await Promise.all(loads.map((each) => each.stop()));
    expect(loads.flatMap(({ failed }) => failed)).toEqual([]);
    await world.expectBalancedBooks(
      tcc,
      loads.flatMap(({ gids }) => gids),
    );
  }
});
