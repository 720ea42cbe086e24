import {
  FenceResult,
  Refused,
  type Fence,
  type FenceCall,
  type FencedAnswer,
  type FenceExecutor,
  type Phase,
} from '../../../src/sdk/fence';
import type { TestDatabase } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { lockWaits } from './lock-waits';
import { prepare, serverTargets, type Isolation, type OpenTarget } from './targets';

jest.setTimeout(60_000);

const CONNECTIONS = 8;
const ROUNDS = 5;

const isolations: readonly Isolation[] = ['repeatable read', 'read committed'];

const cases = serverTargets.flatMap((target) =>
  isolations.map((isolation) => ({ name: `${target.name} under ${isolation}`, target, isolation })),
);

describe.each(cases)('batches side by side on $name', ({ target, isolation }) => {
  let database: TestDatabase;
  let open: OpenTarget;
  let fence: Fence;
  let round = 0;
  const deadlocks: unknown[] = [];

  beforeAll(async () => {
    database = await target.create();
    open = target.open(database.url, { isolation, connections: CONNECTIONS + 1 });
    fence = await prepare(target, open.direct);
    await open.direct.execute("INSERT INTO stock VALUES ('B', 1000, 0), ('C', 1000, 0), ('D', 1000, 0)", []);
  });

  beforeEach(async () => {
    round += 1;
    deadlocks.length = 0;
    await open.direct.execute('UPDATE stock SET available = 1000, frozen = 0', []);
  });

  afterAll(async () => {
    await open.close();
    await database.drop();
  });

  type Work = (fresh: readonly FenceCall[], executor: FenceExecutor) => Promise<readonly unknown[] | undefined>;

  const served: Work = () => Promise.resolve(undefined);

  /** PostgreSQL waits by serialization failures (40001) under REPEATABLE READ; the adapters rerun, and so does this. */
  const run = async (calls: readonly FenceCall[], work: Work = served): Promise<readonly FencedAnswer[]> => {
    for (;;) {
      try {
        return await open.begin(async (executor) => {
          try {
            return await fence.runBatch(executor, calls, (fresh) => work(fresh, executor));
          } catch (error) {
            const { errno, code } = error as { errno?: unknown; code?: unknown };
            if (errno === 1213 || code === '40P01') deadlocks.push(errno ?? code);
            throw error;
          }
        });
      } catch (error) {
        if ((error as { code?: unknown }).code !== '40001') throw error;
      }
    }
  };

  const call = (phase: Phase, gid: string): FenceCall => ({ gid: `${gid}-${round}`, branchId: 'stock', phase });
  const many = (phase: Phase, gids: readonly string[]) => gids.map((gid) => call(phase, gid));
  const outcomes = (answers: readonly FencedAnswer[]) =>
    answers.map((answer) => (answer instanceof FenceResult ? answer.fence : answer.name));

  const stock = async (): Promise<Record<string, unknown[]>> => {
    const { rows } = await open.direct.execute('SELECT sku, available, frozen FROM stock ORDER BY sku', []);
    return Object.fromEntries(rows.map(({ sku, available, frozen }) => [String(sku), [available, frozen]]));
  };

  const untilWaiting = (count: number) =>
    eventually(async () => (await lockWaits(target.dialect, open.direct)) === count);

  /** Holds a batch of Trys open until it may end, refusing what `refused` names. */
  const holdTry = (gids: readonly string[], refused: readonly string[]) => {
    let end = (): void => undefined;
    const mayEnd = new Promise<void>((resolve) => (end = resolve));
    let began = (): void => undefined;
    const begun = new Promise<void>((resolve) => (began = resolve));
    const trying = run(many('try', gids), async (fresh) => {
      began();
      await mayEnd;
      return fresh.map(({ gid }) => (refused.some((name) => gid.startsWith(name)) ? new Refused('no') : undefined));
    });
    return { trying, begun, end };
  };

  test('a Cancel that waits for a batch: an empty rollback where the Try was refused, fresh where it was served', async () => {
    const { trying, begun, end } = holdTry(['a', 'b', 'c'], ['b']);
    await begun;
    const cancelling = ['a', 'b', 'c'].map((gid) =>
      open.begin((executor) => fence.run(executor, call('cancel', gid), () => Promise.resolve())),
    );
    await untilWaiting(3);
    end();
    expect(outcomes(await trying)).toEqual(['FRESH', 'Refused', 'FRESH']);
    const results = await Promise.all(cancelling);
    expect(results.map(({ fence: outcome }) => outcome)).toEqual(['FRESH', 'EMPTY_ROLLBACK', 'FRESH']);
    expect(outcomes(await run(many('try', ['a', 'b', 'c'])))).toEqual(['Refused', 'Refused', 'Refused']);
  });

  test('many Cancels that wait for one refused Try: one empty rollback, the rest repeats', async () => {
    const { trying, begun, end } = holdTry(['a', 'b'], ['a']);
    await begun;
    const cancelling = Array.from({ length: 5 }, () => run([call('cancel', 'a')]));
    await untilWaiting(5);
    end();
    await trying;
    const all = (await Promise.all(cancelling)).flatMap(outcomes).sort();
    expect(all).toEqual(['EMPTY_ROLLBACK', 'REPEAT', 'REPEAT', 'REPEAT', 'REPEAT']);
  });

  test('a batch of Cancels that waits for a batch of Trys', async () => {
    const { trying, begun, end } = holdTry(['a', 'b', 'c', 'd'], ['b', 'c']);
    await begun;
    const cancelling = run(many('cancel', ['d', 'c', 'x', 'b', 'a']));
    await untilWaiting(1);
    end();
    await trying;
    expect(outcomes(await cancelling)).toEqual([
      'FRESH',
      'EMPTY_ROLLBACK',
      'EMPTY_ROLLBACK',
      'EMPTY_ROLLBACK',
      'FRESH',
    ]);
  });

  test('the same branches in many batches at once: each takes effect once, no deadlock', async () => {
    for (let time = 0; time < ROUNDS; time += 1) {
      const gids = Array.from({ length: 30 }, (_, index) => `same${time}-${(index * 7) % 30}`);
      const batches = Array.from({ length: CONNECTIONS }, (_, index) => [
        ...gids.slice(index),
        ...gids.slice(0, index),
      ]);
      for (const phase of ['try', 'cancel'] as const) {
        const all = (await Promise.all(batches.map((some) => run(many(phase, some))))).flatMap(outcomes);
        expect(all.filter((outcome) => outcome === 'FRESH')).toHaveLength(30);
        expect(all.filter((outcome) => outcome === 'REPEAT')).toHaveLength(30 * (CONNECTIONS - 1));
      }
      const never = gids.map((gid) => `never-${gid}`);
      const empty = (await Promise.all(batches.map(() => run(many('cancel', never))))).flatMap(outcomes);
      expect(empty.filter((outcome) => outcome === 'EMPTY_ROLLBACK')).toHaveLength(30);
    }
    expect(deadlocks).toEqual([]);
  });

  test('Try and Cancel batches race: each branch is either tried and then cancelled, or never tried', async () => {
    for (let time = 0; time < ROUNDS; time += 1) {
      const gids = Array.from({ length: 20 }, (_, index) => `race${time}-${index}`);
      const [tried, cancelled] = await Promise.all([run(many('try', gids)), run(many('cancel', [...gids].reverse()))]);
      const cancelOutcomes = outcomes(cancelled).reverse();
      for (const [index, outcome] of outcomes(tried).entries()) {
        expect([outcome, cancelOutcomes[index]]).toEqual(
          outcome === 'FRESH' ? ['FRESH', 'FRESH'] : ['Refused', 'EMPTY_ROLLBACK'],
        );
      }
    }
    expect(deadlocks).toEqual([]);
  });

  test('overlapping items from 8 connections: the books balance', async () => {
    const skus = ['A', 'B', 'C', 'D'];
    const freeze = (sku: string): string =>
      `UPDATE stock SET available = available - 5, frozen = frozen + 5 WHERE sku = '${sku}' AND available >= 5`;
    const batches = Array.from({ length: CONNECTIONS * ROUNDS }, (_, batch) => ({
      gids: Array.from({ length: 10 }, (_unused, index) => `over${batch}-${index}`),
      wanted: skus.filter((_sku, index) => index === batch % 4 || index === (batch + 1) % 4),
    }));
    const all = await Promise.all(
      batches.map(({ gids, wanted }) =>
        run(many('try', gids), async (_, executor) => {
          for (const sku of wanted) await executor.execute(freeze(sku), []);
          return undefined;
        }),
      ),
    );
    expect(all.flatMap(outcomes).every((outcome) => outcome === 'FRESH')).toBe(true);
    expect(await stock()).toEqual(Object.fromEntries(skus.map((sku) => [sku, [900, 100]])));
    expect(deadlocks).toEqual([]);
  });

  test('a deadlock between two batches: the victim runs again, and both take effect once', async () => {
    const freeze = (sku: string): string =>
      `UPDATE stock SET available = available - 1, frozen = frozen + 1 WHERE sku = '${sku}'`;
    let arrived = 0;
    let bothThere = (): void => undefined;
    const both = new Promise<void>((resolve) => (bothThere = resolve));
    const batch = (gids: readonly string[], skus: readonly [string, string]) => {
      let order: readonly string[] = skus;
      return run(many('try', gids), async (_, executor) => {
        const [first = '', second = ''] = order;
        await executor.execute(freeze(first), []);
        arrived += 1;
        if (arrived === 2) bothThere();
        await both;
        // The rerun of the victim waits for the other's first row, so that they do not meet in the same way once more.
        order = [skus[1], skus[0]];
        await executor.execute(freeze(second), []);
        return undefined;
      });
    };
    const answers = await Promise.all([batch(['a', 'b'], ['A', 'B']), batch(['c', 'd'], ['B', 'A'])]);
    expect(answers.flatMap(outcomes)).toEqual(['FRESH', 'FRESH', 'FRESH', 'FRESH']);
    expect(deadlocks).toHaveLength(1);
    expect(await stock()).toMatchObject({ A: [998, 2], B: [998, 2] });
  });
});
