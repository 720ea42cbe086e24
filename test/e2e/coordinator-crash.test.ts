import { CancelledError, type TccClient } from 'tcc-coordinator/client';

import { placeOrder, type Order } from '../../samples/shop/place-order/place-order';
import { eventually } from '../support/eventually';
import type { TcpProxy } from '../support/tcp-proxy';
import { boundaries, killAt } from './support/boundary';
import type { Coordinator } from './support/coordinator';
import { proxied } from './support/proxied';
import { leavesNothingBehind, scenario } from './support/scenario';
import { carriers, type Service, type ServiceName } from './support/service';
import { SETTLED_WITHIN_MS, World } from './support/world';

leavesNothingBehind();

/** Services without an address are waited for two seconds after a restart; on a busy machine they need more, and the order has the time. */
const env = { TCC_CALLS_TRY_ATTEMPTS: '20' };

/** kill -9 at each commit boundary. A proxy in front of the database finds the moment; the database itself is asked what is durable. */
describe.each(carriers)('a coordinator on MySQL (%s)', (carrier) => {
  let world: World;
  let proxy: TcpProxy;
  let tccd: Coordinator;
  let other: Coordinator;
  let shop: Readonly<Record<ServiceName, Service>>;
  let tcc: TccClient;

  beforeAll(async () => {
    world = await World.on('mysql', { carrier });
    const way = await proxied(world.databaseUrl);
    proxy = way.proxy;
    tccd = await world.coordinator('tccd behind the proxy', { databaseUrl: way.url, env });
    other = await world.coordinator('another tccd', { env });
    await tccd.start();
    shop = await world.openShop([tccd, other]);
    tcc = world.client([tccd, other]);
  }, 60_000);

  afterAll(async () => {
    await world.close();
    await proxy.stop();
  }, 60_000);

  for (const boundary of boundaries) {
    scenario(
      `killed ${boundary.where} and restarted: the client hears ${boundary.end} (${boundary.shows})`,
      async () => {
        await running(tccd);
        const order = world.order(boundary.order);
        const gid = order.orderId;
        let placed: Promise<string> | undefined;
        await killAt(boundary, { proxy, tccd, shop, rows: world.rows, gid }, () => {
          placed = outcomeOf(tcc, order);
        });
        await tccd.start();
        expect(await placed).toBe(boundary.end);
        expect(await world.rows.count(gid)).toBe(1);
        await world.expectBalancedBooks(tcc);
      },
    );
  }

  /** Starts it where the scenario before left it dead. It is brought to its boundary only when it has its services. */
  async function running(coordinator: Coordinator): Promise<void> {
    if (!coordinator.isRunning) await coordinator.start();
    await world.untilAttached([coordinator]);
  }

  describe('beside another one', () => {
    beforeAll(async () => {
      await other.start();
      await world.untilAttached([other]);
    }, 60_000);

    for (const boundary of boundaries) {
      const end = boundary.durable === undefined ? 'nothing has happened' : `the other one ends it ${boundary.end}`;
      scenario(`killed ${boundary.where}, and the client gone: ${end} (${boundary.shows}, I11)`, async () => {
        await running(tccd);
        const order = world.order(boundary.order);
        const gid = order.orderId;
        const lost = world.client([tccd]);
        await killAt(boundary, { proxy, tccd, shop, rows: world.rows, gid }, () => {
          void outcomeOf(lost, order).catch(() => undefined);
        });
        await lost.close();
        const end = boundary.durable === undefined ? undefined : boundary.end;
        await eventually(async () => expect(await world.rows.statusOf(gid)).toBe(end), {
          timeoutMs: SETTLED_WITHIN_MS,
        });
        await world.expectBalancedBooks(tcc);
      });
    }
  });
});

async function outcomeOf(tcc: TccClient, order: Order): Promise<string> {
  try {
    return (await placeOrder(tcc, order)).status;
  } catch (error) {
    if (error instanceof CancelledError) return 'CANCELLED';
    throw error;
  }
}
