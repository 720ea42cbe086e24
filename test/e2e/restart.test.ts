import type { TccClient } from 'tcc-coordinator/client';

import type { Coordinator } from './support/coordinator';
import { Load, loadSeeds } from './support/load';
import { leavesNothingBehind, scenario } from './support/scenario';
import { World } from './support/world';

leavesNothingBehind();

const ROUNDS = 3;

/**
 * Services that have streams only, so that a coordinator which has just started cannot call them before they are back. With one
 * attempt for each Try an order is cancelled at once when its call does not wait for them.
 */
describe('services that are attached and have no address', () => {
  let world: World;
  let tccd: Coordinator;
  let tcc: TccClient;

  beforeAll(async () => {
    world = await World.on('mysql', { carrier: 'stream', seeds: loadSeeds });
    tccd = await world.coordinator('tccd', { env: { TCC_LOG_LEVEL: 'info', TCC_CALLS_TRY_ATTEMPTS: '1' } });
    await tccd.start();
    await world.openShop([tccd]);
    tcc = world.client([tccd]);
  }, 60_000);

  afterAll(() => world.close(), 60_000);

  scenario(
    'the only coordinator is killed with -9 and started again: orders that come before the services are back are bought (I8, I11)',
    async () => {
      const loads: Load[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await tccd.kill();
        // Fresh orders: none has a Try that was under way when the coordinator died, which may well cost an order its one attempt.
        const load = new Load(tcc, { prefix: `restart-${round}`, atOnce: 8 });
        await tccd.start();
        await load.untilPlaced(24);
        await load.stop();
        loads.push(load);
      }
      expect(loads.flatMap(({ failed }) => failed)).toEqual([]);
      await world.expectBalancedBooks(
        tcc,
        loads.flatMap(({ gids }) => gids),
      );
    },
  );
});
