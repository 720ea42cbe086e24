import type { Fence, FenceCall, FenceOutcome, Phase } from '../../../src/sdk/fence';
import type { TestDatabase } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { lockWaits } from './lock-waits';
import { prepare, serverTargets, targets, type Isolation, type OpenTarget, type Target } from './targets';

jest.setTimeout(60_000);

const CONNECTIONS = 32;
const ROUNDS = 10;

const isolations: readonly Isolation[] = ['repeatable read', 'read committed'];

const perIsolation = serverTargets.flatMap((target) =>
  isolations.map((isolation) => ({ name: `${target.name} under ${isolation}`, target, isolation })),
);

/** What the database said against a local transaction: the adapters rerun deadlocks, and would hide them. */
class Failures {
  readonly codes: unknown[] = [];

  async watch<Result>(statement: () => Promise<Result>): Promise<Result> {
    try {
      return await statement();
    } catch (error) {
      const { errno, code } = error as { errno?: unknown; code?: unknown };
      this.codes.push(errno ?? code);
      throw error;
    }
  }

  /** Without PostgreSQL's serialization failures, which are its way of waiting under REPEATABLE READ. */
  get deadlocks(): unknown[] {
    return this.codes.filter((code) => code !== '40001');
  }
}

function runner(open: OpenTarget, fence: Fence, failures: Failures) {
  return (call: FenceCall, work: () => unknown = () => undefined) =>
    open.begin((executor) => failures.watch(() => fence.run(executor, call, async () => await work())));
}

async function untilAnswered<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if ((error as { code?: unknown }).code !== '40001') throw error;
    }
  }
}

const call = (phase: Phase, gid: string, branchId = 'stock'): FenceCall => ({ gid, branchId, phase });

async function opened(target: Target, options: Parameters<Target['open']>[1] = {}) {
  const database: TestDatabase = await target.create();
  const open = target.open(database.url, options);
  const fence = await prepare(target, open.direct);
  const close = async () => {
    await open.close();
    await database.drop();
  };
  return { open, fence, close };
}

describe.each(perIsolation)('32 connections on $name', ({ target, isolation }) => {
  let open: OpenTarget;
  let fence: Fence;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ open, fence, close } = await opened(target, { isolation, connections: CONNECTIONS }));
  });

  afterAll(() => close());

  test('concurrent Cancels of one branch without a Try: one empty rollback, the rest repeats, no deadlock', async () => {
    const failures = new Failures();
    const run = runner(open, fence, failures);
    for (let round = 0; round < ROUNDS; round += 1) {
      const results = await Promise.all(
        Array.from({ length: CONNECTIONS }, () => untilAnswered(() => run(call('cancel', `same-${round}`)))),
      );
      const outcomes = results.map(({ fence: outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome === 'EMPTY_ROLLBACK')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome === 'REPEAT')).toHaveLength(CONNECTIONS - 1);
    }
    expect(failures.deadlocks).toEqual([]);
  });

  test('concurrent Cancels of neighbouring branches without a Try: no deadlock', async () => {
    const failures = new Failures();
    const run = runner(open, fence, failures);
    for (let round = 0; round < ROUNDS; round += 1) {
      const results = await Promise.all(
        Array.from({ length: CONNECTIONS }, (_, index) =>
          untilAnswered(() => run(call('cancel', `near-${round}`, `b${(index * 7) % CONNECTIONS}`))),
        ),
      );
      expect(results.every(({ fence: outcome }) => outcome === 'EMPTY_ROLLBACK')).toBe(true);
    }
    expect(failures.deadlocks).toEqual([]);
  });

  test('Try and Cancel race for one branch: either both took effect in that order, or the Try was refused', async () => {
    const failures = new Failures();
    const run = runner(open, fence, failures);
    for (let round = 0; round < ROUNDS; round += 1) {
      const effects: Phase[] = [];
      const phase = (name: Phase) =>
        untilAnswered(() => {
          let ran = false;
          return run(call(name, `race-${round}`), () => void (ran = true)).then((result) => {
            if (ran) effects.push(name);
            return result.fence;
          });
        }).catch((error: unknown) => (error as { fence?: FenceOutcome }).fence);
      const [tried, cancelled] = await Promise.all([phase('try'), phase('cancel')]);
      if (tried === 'FRESH') expect(cancelled).toBe('FRESH');
      else expect([tried, cancelled, effects]).toEqual(['HANGING_REFUSED', 'EMPTY_ROLLBACK', []]);
    }
    expect(failures.deadlocks.filter((code) => code !== undefined)).toEqual([]);
  });
});

describe.each(serverTargets)('Cancels that wait for a Try on $name', (target) => {
  test('are all answered when it rolls back: one empty rollback, the rest repeats', async () => {
    const { open, fence, close } = await opened(target);
    try {
      const run = runner(open, fence, new Failures());
      const waiting = 5;
      let cancelling: Promise<{ fence: FenceOutcome }[]> | undefined;
      const trying = run(call('try', 'lost'), async () => {
        cancelling = Promise.all(Array.from({ length: waiting }, () => run(call('cancel', 'lost'))));
        await eventually(async () => (await lockWaits(target.dialect, open.direct)) === waiting);
        throw new Error('no stock');
      });
      await expect(trying).rejects.toThrow('no stock');
      const outcomes = (await cancelling)?.map((result) => result.fence).sort();
      expect(outcomes).toEqual(['EMPTY_ROLLBACK', ...Array<string>(waiting - 1).fill('REPEAT')]);
    } finally {
      await close();
    }
  });
});

describe.each(targets)('a Cancel that meets a running Try on $name', (target) => {
  let open: OpenTarget;
  let fence: Fence;
  let close: () => Promise<void>;

  beforeAll(async () => {
    ({ open, fence, close } = await opened(target));
  });

  afterAll(() => close());

  /** Begins a Try, lets a Cancel run into it, then lets the Try end. */
  const meet = async (gid: string, end: () => void) => {
    const order: string[] = [];
    const run = runner(open, fence, new Failures());
    let finishTry = (): void => undefined;
    const mayFinish = new Promise<void>((resolve) => (finishTry = resolve));
    let began = (): void => undefined;
    const begun = new Promise<void>((resolve) => (began = resolve));
    const trying = run(call('try', gid), async () => {
      began();
      await mayFinish;
      order.push('try');
      end();
    });
    await begun;
    const cancelling = run(call('cancel', gid), () => void order.push('cancel'));
    if (target.dialect !== 'sqlite') {
      await eventually(async () => (await lockWaits(target.dialect, open.direct)) === 1);
    }
    finishTry();
    const [tried, cancelled] = await Promise.allSettled([trying, cancelling]);
    return { order, tried, cancelled };
  };

  test('waits for it, and then cancels', async () => {
    const { order, tried, cancelled } = await meet('meet-1', () => undefined);
    expect(tried).toMatchObject({ status: 'fulfilled', value: { fence: 'FRESH' } });
    expect(cancelled).toMatchObject({ status: 'fulfilled', value: { fence: 'FRESH' } });
    expect(order).toEqual(['try', 'cancel']);
  });

  test('waits for it, and finds nothing to cancel when it rolled back', async () => {
    const { order, tried, cancelled } = await meet('meet-2', () => {
      throw new Error('no stock');
    });
    expect(tried).toMatchObject({ status: 'rejected' });
    expect(cancelled).toMatchObject({ status: 'fulfilled', value: { fence: 'EMPTY_ROLLBACK' } });
    expect(order).toEqual(['try']);
  });
});
