import type { TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { failureOf, rawClients } from '../support/raw-rpc';
import type { TcpProxy } from '../support/tcp-proxy';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { PrivateServer } from './support/private-server';
import { proxied } from './support/proxied';
import { leavesNothingBehind, scenario } from './support/scenario';
import { carriers, type Service, type ServiceName } from './support/service';
import { World } from './support/world';

leavesNothingBehind();

/** The database is away for so long: longer than the journal bridges by itself, shorter than any order's deadline. */
const OUTAGE_MS = 4_000;

describe.each(carriers)('the database of a running coordinator (%s)', (carrier) => {
  let world: World;
  let proxy: TcpProxy;
  let tccd: Coordinator;
  let shop: Readonly<Record<ServiceName, Service>>;
  let tcc: TccClient;

  beforeAll(async () => {
    world = await World.on('mysql', { carrier, seeds: loadSeeds });
    const way = await proxied(world.databaseUrl);
    proxy = way.proxy;
    tccd = await world.coordinator('tccd', {
      databaseUrl: way.url,
      env: { ...loadedEnv, TCC_DATABASE_QUERY_TIMEOUT_MS: '1000', TCC_DATABASE_CONNECT_TIMEOUT_MS: '1000' },
    });
    await tccd.start();
    shop = await world.openShop([tccd]);
    tcc = world.client([tccd]);
  }, 60_000);

  afterAll(async () => {
    await world.close();
    await proxy.stop();
  }, 60_000);

  afterEach(() => {
    proxy.resume();
  });

  scenario(
    'is away: a call fails UNAVAILABLE, nothing is left of it, and the next one works when it is back (I8)',
    async () => {
      const raw = rawClients(tccd.address);
      proxy.refuse();
      const request = { gid: 'while-away', timeoutMs: 5_000 };
      const report = await failureOf((done) =>
        raw.transactions.begin(request, { deadline: Date.now() + 10_000 }, done),
      );
      raw.close();
      expect(report).toMatchObject({ status: 'UNAVAILABLE', reason: 'JOURNAL_UNAVAILABLE' });
      expect(await world.rows.statusOf('while-away')).toBeUndefined();
      proxy.resume();
      const order = world.order({ sku: 'item-0', buyer: 'buyer-0' });
      expect((await placeOrder(tcc, order)).status).toBe('CONFIRMED');
    },
  );

  scenario(
    'is away after the decision: what was promised stands, and is carried out when it is back (I1, I7, I8)',
    async () => {
      const order = world.order({ sku: 'item-0', buyer: 'buyer-0' });
      await shop.payments.hold('confirm');
      const placed = placeOrder(tcc, order);
      // The row says CONFIRMING before the coordinator knows that it does: without the reply to that commit it confirms nothing.
      await Promise.all([
        shop.orders.report(order.orderId, 'confirm'),
        shop.inventory.report(order.orderId, 'confirm'),
      ]);
      proxy.refuse();
      await shop.payments.release('confirm');
      await shop.payments.report(order.orderId, 'confirm');
      expect(await world.rows.statusOf(order.orderId)).toBe('CONFIRMING');
      proxy.resume();
      expect((await placed).status).toBe('CONFIRMED');
      await world.expectBalancedBooks(tcc);
    },
  );

  for (const [what, begin] of [
    ['is down', () => proxy.refuse()],
    ['is a black hole', () => proxy.pause()],
  ] as const) {
    scenario(
      `${what} for ${OUTAGE_MS / 1000} s under load: every order is bought at last, and the coordinator is the same process (I8, I9, I11)`,
      async () => {
        const { pid } = tccd.program;
        const load = new Load(tcc, { prefix: what.replaceAll(' ', '-'), atOnce: 8 });
        await load.untilPlaced(15);
        begin();
        await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
        const during = load.placed.length;
        proxy.resume();
        await load.untilPlaced(20);
        await load.stop();
        expect(load.failed).toEqual([]);
        expect(load.placed.length).toBeGreaterThan(during);
        expect(tccd.program).toMatchObject({ pid, isRunning: true });
        await world.expectBalancedBooks(tcc, load.gids);
      },
    );
  }
});

describe.each(PrivateServer.isWanted() ? carriers : [])('a database server that holds everything (%s)', (carrier) => {
  let server: PrivateServer;
  let world: World;
  let tccd: Coordinator;
  let tcc: TccClient;

  beforeAll(async () => {
    // Knex says on the console what becomes of the auditor's own idle connections.
    jest.spyOn(console, 'log').mockImplementation(() => undefined);
    server = await PrivateServer.prepare();
    world = await World.on('mysql', { carrier, seeds: loadSeeds, serverUrl: server.url });
    tccd = await world.coordinator('tccd', { env: loadedEnv });
    await tccd.start();
    await world.openShop([tccd]);
    tcc = world.client([tccd]);
  }, 90_000);

  afterAll(async () => {
    await world.close();
    await server.remove();
    jest.restoreAllMocks();
  }, 60_000);

  for (const [what, end] of [
    ['is shut down', () => server.stop()],
    ['is killed with -9', () => server.kill()],
  ] as const) {
    scenario(
      `${what} and started again under load: every order has an outcome, and the books balance (I1, I8, I9, I11)`,
      async () => {
        const load = new Load(tcc, { prefix: what.replaceAll(' ', '-'), atOnce: 8 });
        await load.untilPlaced(15);
        await end();
        await server.start();
        await load.untilPlaced(20);
        await load.stop();
        // With the shop's own databases away a Try may well be given up; an order without an outcome may not be.
        expect(load.failed.filter(({ outcome }) => outcome === 'UNKNOWN')).toEqual([]);
        await world.expectBalancedBooks(tcc, load.gids);
      },
    );
  }
});
