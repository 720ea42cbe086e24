import type { TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { eventually } from '../support/eventually';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { leavesNothingBehind, scenario } from './support/scenario';
import { World } from './support/world';

leavesNothingBehind();

const AT_ONCE = 6;

/** Three processes for three cores: each with a port of its own, all on one database. The services are told of one of them. */
describe('three coordinators on one host', () => {
  let world: World;
  let coordinators: Coordinator[];
  /** Each knows one coordinator only. */
  let direct: TccClient[];
  /** Each knows all of them, and begins with another one. */
  let clients: TccClient[];

  beforeAll(async () => {
    world = await World.on('mysql', { carrier: 'stream', seeds: loadSeeds });
    const env = loadedEnv;
    const names = ['first tccd', 'second tccd', 'third tccd'];
    coordinators = await Promise.all(names.map((name) => world.coordinator(name, { env })));
    await Promise.all(coordinators.map((each) => each.start()));
    await world.openShop(coordinators.slice(0, 1));
    direct = coordinators.map((each) => world.client([each]));
    clients = coordinators.map((_, index) =>
      world.client([...coordinators.slice(index), ...coordinators.slice(0, index)]),
    );
  }, 60_000);

  afterAll(() => world.close(), 60_000);

  scenario('services that were told of one are attached to all: each buys orders by itself', async () => {
    await eventually(() => buysThroughEach('told'), { timeoutMs: 40_000, everyMs: 200 });
  });

  scenario(
    'orders go through all of them; one is killed with -9: all are bought, and the books balance (I1, I8, I11)',
    async () => {
      const loads = clients.map((client, index) => new Load(client, { prefix: `core-${index}`, atOnce: AT_ONCE }));
      const all = (more: number) => Promise.all(loads.map((load) => load.untilPlaced(more)));
      await all(15);
      await coordinators[1]?.kill();
      await all(30);
      await Promise.all(loads.map((load) => load.stop()));
      expect(loads.flatMap(({ failed }) => failed)).toEqual([]);
      await world.expectBalancedBooks(
        first(direct),
        loads.flatMap(({ gids }) => gids),
      );
    },
  );

  scenario('the killed one is started again: services come back to it by themselves', async () => {
    await coordinators[1]?.start();
    await eventually(() => buysThroughEach('back'), { timeoutMs: 40_000, everyMs: 200 });
    await world.expectBalancedBooks(first(direct));
  });

  scenario('all leave in good order, one after the other, under load: not one order fails (I8, I13)', async () => {
    const load = new Load(first(clients.slice(2)), { prefix: 'leaving', atOnce: AT_ONCE });
    await load.untilPlaced(10);
    for (const each of coordinators.slice(0, 2)) {
      expect(await each.stop()).toEqual({ code: 0, signal: null });
      await load.untilPlaced(10);
    }
    await load.stop();
    expect(load.failed).toEqual([]);
    await world.expectBalancedBooks(first(direct.slice(2)), load.gids);
  });

  let attempts = 0;

  /** Throws while a coordinator has no stream from one of the services: an order is cancelled there. */
  async function buysThroughEach(prefix: string): Promise<void> {
    attempts += 1;
    for (const [index, client] of direct.entries()) {
      const orderId = `${prefix}-${attempts}-${index}`;
      await placeOrder(client, world.order({ orderId, buyer: 'buyer-0', sku: 'item-0' }));
    }
  }
});

function first(clients: readonly TccClient[]): TccClient {
  const [client] = clients;
  if (client === undefined) throw new Error('there is no client');
  return client;
}
