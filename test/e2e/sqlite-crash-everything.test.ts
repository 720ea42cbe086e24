import type { TccClient } from 'tcc-coordinator/client';

import { openDatabase } from '../../samples/shop/database/open';
import { seeded } from '../../chaos/lab/chance';
import type { Coordinator } from './support/coordinator';
import { Load } from './support/load';
import { leavesNothingBehind, scenario } from './support/scenario';
import type { Service, ServiceName } from './support/service';
import { openSqliteShop } from './support/sqlite-shop';
import type { World } from './support/world';

leavesNothingBehind();

/** The moments come from the seed, so that a round that failed can be run again: `npm test` says it in the title. */
const SEED = Number(process.env['TCC_E2E_CRASH_SEED'] ?? 20_261_124);
const ROUNDS = Number(process.env['TCC_E2E_CRASH_ROUNDS'] ?? 4);

/** A kill comes at a moment of chance within so many milliseconds: under load, every step of an order is hit now and then. */
const UNDER_LOAD_MS = 600;
/** In a restart: from before the first file is opened until recovery is under way. */
const IN_RESTART_MS = 1_200;

/**
 * The whole machine goes down: nothing of what any process still wanted to write is written, and nobody has a file open. The test
 * itself looks into the files only after the processes have opened them again: otherwise it would be the one that recovers them.
 */
describe('a shop on embedded SQLite, all of whose processes are killed with -9 at once', () => {
  const random = seeded(SEED);
  let world: World;
  let tccd: Coordinator;
  let shop: Readonly<Record<ServiceName, Service>>;
  let tcc: TccClient;

  beforeEach(async () => {
    ({ world, tccd, shop, tcc } = await openSqliteShop());
  }, 60_000);

  afterEach(() => world.close(), 60_000);

  const programs = () => [tccd.program, ...Object.values(shop).map(({ program }) => program)];

  const killEverything = async () => {
    for (const program of programs()) program.signal('SIGKILL');
    await Promise.all(programs().map(({ exited }) => exited));
  };

  const startEverything = () => Promise.all([tccd.start(), ...Object.values(shop).map((service) => service.start())]);

  const atAMomentOfChance = (withinMs: number) => new Promise((resolve) => setTimeout(resolve, random() * withinMs));

  for (let round = 0; round < ROUNDS; round += 1) {
    const inRestart = round % 2 === 1;
    scenario(
      `${inRestart ? 'and again in the middle of the restart, ' : ''}keeps every promise: files whole, orders final, books balanced ` +
        `(round ${round + 1} of seed ${SEED}; I1, I7, I8, I9, I10)`,
      async () => {
        const load = new Load(tcc, { prefix: `round-${round}`, atOnce: 8 });
        await load.untilPlaced(20);
        await atAMomentOfChance(UNDER_LOAD_MS);
        await killEverything();
        if (inRestart) {
          tccd.launch();
          // Each hears that its process has ended, or has come up just before that.
          const starting = Promise.allSettled(Object.values(shop).map((service) => service.start()));
          await atAMomentOfChance(IN_RESTART_MS);
          await killEverything();
          await starting;
        }
        await startEverything();
        const { inventory, orders, payments } = world.shopUrls;
        for (const url of [world.databaseUrl, inventory, orders, payments]) expect(await faultsOf(url)).toEqual([]);
        await load.untilPlaced(20);
        await load.stop();
        // A Try that its participant's death cut short may cancel an order; none may be left without an outcome.
        expect(load.failed.filter(({ outcome }) => outcome === 'UNKNOWN')).toEqual([]);
        for (const { gid, outcome } of load.placed) expect(await world.rows.statusOf(gid)).toMatch(startOf(outcome));
        await world.expectBalancedBooks(tcc, load.gids);
      },
      90_000,
    );
  }
});

/** What a client was told stands, though its last calls may still be on their way. */
function startOf(outcome: string): RegExp {
  return outcome === 'CONFIRMED' ? /^CONFIRM/ : /^CANCELL/;
}

/** What SQLite itself finds wrong with a file. */
async function faultsOf(url: string): Promise<string[]> {
  const { db } = openDatabase(url);
  try {
    const rows = await db.raw<readonly Readonly<Record<string, string>>[]>('PRAGMA integrity_check');
    return rows.flatMap((row) => Object.values(row)).filter((word) => word !== 'ok');
  } finally {
    await db.destroy();
  }
}
