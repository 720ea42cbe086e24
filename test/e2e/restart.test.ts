import type { TccClient } from 'tcc-coordinator/client';

import { RETURN_MS } from '../../src/invoker/attachments';
import type { Coordinator } from './support/coordinator';
import { Load, loadedEnv, loadSeeds } from './support/load';
import { leavesNothingBehind, scenario } from './support/scenario';
import { World } from './support/world';

leavesNothingBehind();

const ROUNDS = 3;

/** On a busy machine services may need longer than a coordinator waits for them: such a round shows nothing, and another one is made. */
const MOST_ROUNDS = 12;

/** A coordinator begins to wait for its services a little before it says that it listens. */
const BEFORE_LISTENING_MS = 500;

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
    tccd = await world.coordinator('tccd', { env: { ...loadedEnv, TCC_CALLS_TRY_ATTEMPTS: '1' } });
    await tccd.start();
    await world.openShop([tccd]);
    tcc = world.client([tccd]);
  }, 60_000);

  afterAll(() => world.close(), 60_000);

  scenario(
    'the only coordinator is killed with -9 and started again: orders that come before the services are back are bought (I8, I11)',
    async () => {
      const loads: Load[] = [];
      let shown = 0;
      for (let round = 0; shown < ROUNDS; round += 1) {
        expect(round).toBeLessThan(MOST_ROUNDS);
        await tccd.kill();
        // Fresh orders: none has a Try that was under way when the coordinator died, which may well cost an order its one attempt.
        const load = new Load(tcc, { prefix: `restart-${round}`, atOnce: 8 });
        await tccd.start();
        await load.untilPlaced(24);
        await load.stop();
        loads.push(load);
        await world.untilAttached([tccd]);
        if (!wereBackInTime(tccd.program.output)) continue;
        expect(load.failed).toEqual([]);
        shown += 1;
      }
      await world.expectBalancedBooks(
        tcc,
        loads.flatMap(({ gids }) => gids),
      );
    },
  );
});

/** Whether every service came back while the coordinator still waited for it. */
function wereBackInTime(output: string): boolean {
  const momentsOf = (message: string) =>
    output
      .split('\n')
      .filter((line) => line.includes(`"msg":"${message}"`))
      .map((line) => Date.parse((JSON.parse(line) as { time: string }).time));
  const [listeningAtMs = NaN] = momentsOf('listening');
  return Math.max(...momentsOf('an instance attached')) <= listeningAtMs + RETURN_MS - BEFORE_LISTENING_MS;
}
