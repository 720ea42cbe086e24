import { RefusedError, type TccClient } from 'tcc-coordinator/client';

import { placeOrder } from '../../samples/shop/place-order/place-order';
import { eventually } from '../support/eventually';
import type { TcpProxy } from '../support/tcp-proxy';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { proxied } from './support/proxied';
import { leavesNothingBehind, scenario } from './support/scenario';
import { carriers } from './support/service';
import { BEGIN, CANCEL } from './support/statements';
import { World } from './support/world';

leavesNothingBehind();

/**
 * Row locks of a coordinator that is cut off are held for some seconds, where the server by itself would hold them for hours; the
 * orders behind them take the rest on a busy machine.
 */
const SECONDS_ONLY_MS = 20_000;

/**
 * A coordinator that loses the database without losing its connections (a dead network, a machine that stands still) leaves
 * transactions open there, with their row locks.
 */
describe.each(carriers)('a coordinator that is cut off from the database in the middle of a commit (%s)', (carrier) => {
  let world: World;
  let proxy: TcpProxy;
  let cutOff: Coordinator;
  let other: Coordinator;
  let tcc: TccClient;
  let lost: TccClient;

  beforeAll(async () => {
    world = await World.on('mysql', { carrier, seeds: loadSeeds });
    const way = await proxied(world.databaseUrl);
    proxy = way.proxy;
    const env = loadedEnv;
    cutOff = await world.coordinator('tccd behind the proxy', { databaseUrl: way.url, env });
    other = await world.coordinator('another tccd', { env });
    await Promise.all([cutOff.start(), other.start()]);
    await world.openShop([cutOff, other]);
    tcc = world.client([other]);
    lost = world.client([cutOff]);
  }, 60_000);

  afterAll(async () => {
    proxy.resume();
    await world.close();
    await proxy.stop();
  }, 60_000);

  afterEach(async () => {
    proxy.dropRepliesAfter(0);
    proxy.resume();
    await world.expectBalancedBooks(tcc);
  }, 40_000);

  /** Cuts the coordinator off as soon as so many statements like this have been done: their COMMITs never come. */
  function cutOffAfter(pattern: RegExp, count: number): { readonly isCut: () => boolean } {
    let left = count;
    proxy.dropRepliesAfter((sql) => {
      if (left > 0 && pattern.test(sql) && --left === 0) proxy.pause();
      return false;
    });
    return { isCut: () => left === 0 };
  }

  scenario(
    'holds the same order, and what is committed with it, up at another one for seconds only (I8, I11)',
    async () => {
      const cut = cutOffAfter(BEGIN, 1);
      const order = world.order({ sku: 'item-0', buyer: 'buyer-0' });
      void placeOrder(lost, order).catch(() => undefined);
      await eventually(() => cut.isCut());
      const placing = placeOrder(tcc, order);
      const load = new Load(tcc, { prefix: 'beside', atOnce: 4 });
      await load.untilPlaced(20, SECONDS_ONLY_MS);
      await load.stop();
      expect(load.failed).toEqual([]);
      expect((await placing).status).toBe('CONFIRMED');
    },
  );

  scenario('holds a transaction that it was deciding up for seconds only (I1, I11)', async () => {
    const cut = cutOffAfter(CANCEL, 1);
    const order = world.order({ sku: 'item-0', buyer: 'buyer-0', quantity: 5_000_000, price: 1 });
    void placeOrder(lost, order).catch(() => undefined);
    await eventually(() => cut.isCut());
    const load = new Load(tcc, { prefix: 'deciding', atOnce: 4 });
    await load.untilPlaced(20, SECONDS_ONLY_MS);
    await load.stop();
    expect(load.failed).toEqual([]);
    await expect(placeOrder(tcc, order)).rejects.toBeInstanceOf(RefusedError);
  });
});
