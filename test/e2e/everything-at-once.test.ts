import type { TccClient } from 'tcc-coordinator/client';

import type { TcpProxy } from '../support/tcp-proxy';
import type { Coordinator } from './support/coordinator';
import { Load, loadSeeds } from './support/load';
import { proxied } from './support/proxied';
import { leavesNothingBehind, scenario } from './support/scenario';
import { carriers, type Service } from './support/service';
import { COMMIT, CONFIRM, FINISH } from './support/statements';
import { World } from './support/world';

leavesNothingBehind();

/** One fault after the other, each while the last one is hardly over. The number of rounds bounds the time. */
const ROUNDS = Number(process.env['TCC_E2E_FAULT_ROUNDS'] ?? 2);

const env = {
  TCC_LOG_LEVEL: 'info',
  TCC_DRAIN_MS: '2000',
  TCC_DATABASE_QUERY_TIMEOUT_MS: '1500',
  TCC_DATABASE_CONNECT_TIMEOUT_MS: '1500',
};

describe.each(carriers)('two coordinators, three services and a database under load (%s)', (carrier) => {
  let world: World;
  let proxy: TcpProxy;
  let coordinators: Coordinator[];
  let services: Service[];
  let clients: TccClient[];

  beforeAll(async () => {
    world = await World.on('mysql', { carrier, seeds: loadSeeds });
    const way = await proxied(world.databaseUrl);
    proxy = way.proxy;
    coordinators = [
      await world.coordinator('first tccd', { databaseUrl: way.url, env }),
      await world.coordinator('second tccd', { databaseUrl: way.url, env }),
    ];
    await Promise.all(coordinators.map((each) => each.start()));
    services = Object.values(await world.openShop(coordinators));
    clients = [world.client(coordinators), world.client(coordinators.toReversed())];
  }, 60_000);

  afterAll(async () => {
    proxy.resume();
    await world.close();
    await proxy.stop();
  }, 60_000);

  scenario(
    'meet every fault in turn: every order has an outcome, and the books balance (I1, I7, I8, I9, I10, I11)',
    async () => {
      const loads = clients.map((client, index) => new Load(client, { prefix: `all-${index}`, atOnce: 6 }));
      const some = (more: number) => Promise.all(loads.map((load) => load.untilPlaced(more)));
      let seen = 0;
      proxy.dropRepliesAfter((sql) => (COMMIT.test(sql) || CONFIRM.test(sql) || FINISH.test(sql)) && ++seen % 25 === 0);
      for (let round = 0; round < ROUNDS; round += 1) {
        const [victim, other] = round % 2 === 0 ? coordinators : coordinators.toReversed();
        const service = services[round % services.length];
        await some(6);
        await victim?.kill();
        await some(4);
        await service?.kill();
        await victim?.start();
        proxy.cut();
        await service?.start();
        await some(4);
        other?.freeze();
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        proxy.refuse();
        await new Promise((resolve) => setTimeout(resolve, 500));
        other?.thaw();
        proxy.resume();
        await some(4);
        expect(await other?.stop()).toEqual({ code: 0, signal: null });
        await other?.start();
      }
      proxy.dropRepliesAfter(0);
      await some(5);
      await Promise.all(loads.map((load) => load.stop()));
      // A service that was killed may have cost an order its Try; none may be left without an outcome.
      expect(loads.flatMap(({ failed }) => failed.filter(({ outcome }) => outcome === 'UNKNOWN'))).toEqual([]);
      await world.expectBalancedBooks(
        clients[0] as TccClient,
        loads.flatMap(({ gids }) => gids),
      );
    },
    60_000 + ROUNDS * 30_000,
  );
});
