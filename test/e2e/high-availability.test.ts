import type { TccClient } from 'tcc-coordinator/client';

import { books } from '../../samples/shop/books/books';
import { closeShop, openShop } from '../../samples/shop/books/shop-databases';
import { mysqlClusterProgram } from '../support/databases';
import { eventually } from '../support/eventually';
import type { Coordinator } from './support/coordinator';
import { Load, loadSeeds, type Placed } from './support/load';
import { MysqlCluster } from './support/mysql-cluster';
import { Rows } from './support/rows';
import { leavesNothingBehind, scenario } from './support/scenario';
import { World } from './support/world';

leavesNothingBehind();

/** From the moment at which the group has its new primary to the next order that is bought: a promise, measured at under a second. */
const AFTER_ELECTION_MS = 2_000;

/** After the faults: leases, retries, and what clients repeat. */
const SETTLED_WITHIN_MS = 30_000;

const CASE_MS = 180_000;

/** What there was between a fault and the next order that was bought, in milliseconds. */
interface Gap {
  readonly fault: string;
  readonly electionMs: number;
  readonly orderAfterElectionMs: number;
  readonly longestGapMs: number;
  readonly orders: number;
}

const program = mysqlClusterProgram();
const gaps: Gap[] = [];

(program === undefined ? describe.skip : describe)('two coordinators on a group of three database servers', () => {
  let cluster: MysqlCluster;
  let world: World;
  let database: { readonly url: string; readonly name: string };
  let coordinators: readonly [Coordinator, Coordinator];
  let clients: readonly [TccClient, TccClient];

  beforeAll(async () => {
    jest.spyOn(console, 'log').mockImplementation(() => undefined);
    cluster = await MysqlCluster.start(program ?? '');
    database = await cluster.createDatabase();
    // The shop keeps its own databases, which no fault strikes here.
    world = await World.on('mysql', { seeds: loadSeeds });
    const options = { databaseUrl: database.url, env: { TCC_LOG_LEVEL: 'info' } };
    coordinators = [await world.coordinator('first tccd', options), await world.coordinator('second tccd', options)];
    await Promise.all(coordinators.map((each) => each.start()));
    await world.openShop(coordinators);
    clients = [world.client(coordinators), world.client(coordinators.toReversed())];
  }, 300_000);

  afterAll(async () => {
    await world.close();
    await cluster.stop();
    jest.restoreAllMocks();
    if (gaps.length > 0) process.stderr.write(`${JSON.stringify(gaps, undefined, 1)}\n`);
  }, 120_000);

  const strike = (prefix: string, begin: (primary: number) => void, end: (primary: number) => Promise<void>) =>
    struck({ cluster, database, world, clients }, prefix, begin, end);

  scenario(
    'whose primary is killed with -9 and rejoins: orders go on, no promised decision is lost, the books balance (I1, I8, I9, I11)',
    async () => {
      await strike(
        'primary-killed',
        (primary) => cluster.kill(primary),
        (primary) => cluster.rejoin(primary),
      );
    },
    CASE_MS,
  );

  scenario(
    'whose primary stands still and goes on after the election: what it had not committed is not believed (I1, I8, I9, I11)',
    async () => {
      await strike(
        'primary-frozen',
        (primary) => cluster.freeze(primary),
        (primary) => {
          cluster.thaw(primary);
          return Promise.resolve();
        },
      );
    },
    CASE_MS,
  );

  scenario(
    'whose primary is killed together with a coordinator: the other one carries on (I1, I7, I8, I9, I11)',
    async () => {
      const [first] = coordinators;
      await strike(
        'both-killed',
        (primary) => {
          cluster.kill(primary);
          first.killNow();
        },
        async (primary) => {
          await first.kill();
          await first.start();
          await cluster.rejoin(primary);
        },
      );
    },
    CASE_MS,
  );

  scenario(
    'whose primary stands still together with a coordinator: both go on and neither is believed (I1, I7, I8, I9, I11)',
    async () => {
      const [, second] = coordinators;
      await strike(
        'both-frozen',
        (primary) => {
          cluster.freeze(primary);
          second.freeze();
        },
        (primary) => {
          cluster.thaw(primary);
          second.thaw();
          return Promise.resolve();
        },
      );
    },
    CASE_MS,
  );
});

interface Ground {
  readonly cluster: MysqlCluster;
  readonly database: { readonly url: string; readonly name: string };
  readonly world: World;
  readonly clients: readonly [TccClient, TccClient];
}

/** Strikes the primary under load, waits for the election and for orders, ends the fault, and checks everything. */
async function struck(
  { cluster, database, world, clients }: Ground,
  fault: string,
  begin: (primary: number) => void,
  end: (primary: number) => Promise<void>,
): Promise<void> {
  const before = await cluster.whole();
  const loads = clients.map((client, index) => new Load(client, { prefix: `${fault}-${index}`, atOnce: 6 }));
  await Promise.all(loads.map((load) => load.untilPlaced(20)));
  const pulse = new Pulse(() => loads.reduce((sum, load) => sum + load.confirmed, 0));
  const struckAtMs = performance.now();
  begin(before);
  await cluster.primary([before]);
  const electedAtMs = performance.now();
  const nextAtMs = await pulse.next(electedAtMs);
  await end(before);
  // Under load until the group is whole again: the fault's end is one more chance to go wrong.
  await cluster.whole();
  await Promise.all(loads.map((load) => load.untilPlaced(20)));
  pulse.stop();
  await Promise.all(loads.map((load) => load.stop()));
  gaps.push({
    fault,
    electionMs: Math.round(electedAtMs - struckAtMs),
    orderAfterElectionMs: Math.round(nextAtMs - electedAtMs),
    longestGapMs: Math.round(pulse.longestGapMs),
    orders: loads.reduce((sum, load) => sum + load.placed.length, 0),
  });
  expect(loads.flatMap(({ failed }) => failed.filter(({ outcome }) => outcome === 'UNKNOWN'))).toEqual([]);
  await expectPromisesKept(clients[0], loads);
  await expectBalancedBooks(cluster, database.name, world, clients[0], loads);
  expect(nextAtMs - electedAtMs).toBeLessThanOrEqual(AFTER_ELECTION_MS);
}

/** What may stand when a client was told this: the decision is final, and the last calls may still be on their way. */
const MAY_BE: Readonly<Record<Placed['outcome'], readonly string[]>> = {
  CONFIRMED: ['CONFIRMED', 'CONFIRMING'],
  CANCELLED: ['CANCELLED', 'CANCELLING'],
  UNKNOWN: [],
  CLOSED: [],
};

/** What a client was told of an order is what every later question gets (I1, I8). */
async function expectPromisesKept(tcc: TccClient, loads: readonly Load[]): Promise<void> {
  const wrong: string[] = [];
  for (const { gid, outcome } of loads.flatMap(({ placed }) => placed)) {
    const { status } = await tcc.get(gid);
    if (!MAY_BE[outcome].includes(status)) wrong.push(`${gid}: ${outcome}, now ${status}`);
  }
  expect(wrong).toEqual([]);
}

async function expectBalancedBooks(
  cluster: MysqlCluster,
  database: string,
  world: World,
  tcc: TccClient,
  loads: readonly Load[],
): Promise<void> {
  const rows = new Rows(cluster.urlOf(await cluster.primary(), database));
  const shop = openShop(world.shopUrls);
  try {
    await eventually(async () => expect(await rows.open()).toEqual([]), { timeoutMs: SETTLED_WITHIN_MS, everyMs: 50 });
    const gids = loads.flatMap((load) => load.gids);
    const { faults } = await books(shop, async (gid) => (await tcc.get(gid)).status, gids);
    expect(faults).toEqual([]);
  } finally {
    await closeShop(shop);
    await rows.close();
  }
}

/** Watches a count that only grows, and remembers the longest time that it stood still. */
class Pulse {
  longestGapMs = 0;
  private lastAtMs = performance.now();
  private last: number;
  private readonly count: () => number;
  private readonly timer: NodeJS.Timeout;

  constructor(count: () => number) {
    this.count = count;
    this.last = count();
    this.timer = setInterval(() => this.look(), 10);
  }

  /** The moment of the first growth that was seen after `sinceMs`. */
  async next(sinceMs: number): Promise<number> {
    await eventually(() => this.lastAtMs > sinceMs, { timeoutMs: 60_000, everyMs: 10 });
    return this.lastAtMs;
  }

  stop(): void {
    clearInterval(this.timer);
    this.look();
  }

  private look(): void {
    const now = this.count();
    if (now === this.last) return;
    const atMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, atMs - this.lastAtMs);
    this.lastAtMs = atMs;
    this.last = now;
  }
}
