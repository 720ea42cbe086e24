import type { Step } from '../../../src/engine/step';
import { gidOf } from '../../../src/engine/step';
import { TccError } from '../../../src/lib/errors';
import { Batcher, type BatcherOptions } from '../../../src/journal/batcher';
import type { StepResult, StepStore } from '../../../src/journal/journal';

/** A store whose commits end when the test says so. */
class FakeStore implements StepStore {
  readonly commits: { readonly steps: readonly Step[]; end: () => void; fail: (error: Error) => void }[] = [];
  private readonly arrivals: (() => void)[] = [];

  commit(steps: readonly Step[]): Promise<readonly StepResult[]> {
    return new Promise((resolve, reject) => {
      this.commits.push({
        steps,
        end: () => resolve(steps.map(() => ({ kind: 'applied', atMs: 7, deadlineAt: undefined }))),
        fail: reject,
      });
      for (const arrive of this.arrivals.splice(0)) arrive();
    });
  }

  /** Resolves when this many commits have begun in all. */
  async begun(count: number): Promise<void> {
    while (this.commits.length < count) await new Promise<void>((resolve) => this.arrivals.push(resolve));
  }

  gids(index: number): readonly string[] | undefined {
    return this.commits[index]?.steps.map(gidOf);
  }
}

const retry = (gid: string): Step => ({ kind: 'retry', gid });

function large(gid: string): Step {
  const payload = { data: new Uint8Array(5 * 1024 * 1024), contentType: '' };
  return {
    kind: 'register',
    gid,
    branch: { branchId: 'b', participant: 'p', action: 'a', payload, triedBy: 'coordinator' },
    maxBranches: 1,
  };
}

function batcherOver(store: StepStore, options: Partial<BatcherOptions> = {}): Batcher {
  return new Batcher(store, { lanes: 1, batchSize: 100, queueSize: 1_000, ...options });
}

/** Lets everything that is ready to run, run. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}

describe('the batcher', () => {
  let store: FakeStore;

  beforeEach(() => {
    store = new FakeStore();
  });

  test('a lone step starts without waiting for others (B1)', async () => {
    const batcher = batcherOver(store);
    const result = batcher.append(retry('a'));
    await store.begun(1);
    expect(store.gids(0)).toEqual(['a']);
    store.commits[0]?.end();
    await expect(result).resolves.toEqual({ kind: 'applied', atMs: 7, deadlineAt: undefined });
  });

  test('steps of one turn of the event loop share a commit (B1)', async () => {
    const batcher = batcherOver(store, { lanes: 2 });
    const results = ['a', 'b', 'c'].map((gid) => batcher.append(retry(gid)));
    await store.begun(1);
    await turn();
    expect(store.commits).toHaveLength(1);
    expect(store.gids(0)).toEqual(['a', 'b', 'c']);
    store.commits[0]?.end();
    await Promise.all(results);
    expect(batcher.counters).toMatchObject({ batches: 1, steps: 3, queued: 0 });
  });

  test('steps gather while every lane is busy, and go when one is free', async () => {
    const batcher = batcherOver(store, { lanes: 2 });
    void batcher.append(retry('a'));
    await store.begun(1);
    void batcher.append(retry('b'));
    await store.begun(2);
    void batcher.append(retry('c'));
    await turn();
    void batcher.append(retry('d'));
    await turn();
    expect(store.commits).toHaveLength(2);
    store.commits[1]?.end();
    await store.begun(3);
    expect(store.gids(2)).toEqual(['c', 'd']);
  });

  test('lanes that are free share what is ready, in parts that are worth a commit (B1)', async () => {
    const batcher = batcherOver(store, { lanes: 2, batchSize: 512 });
    const many = Array.from({ length: 300 }, (_, index) => batcher.append(retry(`many-${index}`)));
    await store.begun(2);
    expect(store.commits.map(({ steps }) => steps.length)).toEqual([150, 150]);
    for (const { end } of store.commits) end();
    await Promise.all(many);
    const few = Array.from({ length: 140 }, (_, index) => batcher.append(retry(`few-${index}`)));
    await store.begun(4);
    expect(store.commits.slice(2).map(({ steps }) => steps.length)).toEqual([128, 12]);
    for (const { end } of store.commits.slice(2)) end();
    await Promise.all(few);
  });

  test('a lane that has committed takes what is ready before its outcomes are told (B1)', async () => {
    const batcher = batcherOver(store);
    const first = batcher.append(retry('a'));
    await store.begun(1);
    const begunWhenTold = first.then(() => store.commits.length);
    void batcher.append(retry('b'));
    store.commits[0]?.end();
    expect(await begunWhenTold).toBe(2);
    store.commits[1]?.end();
  });

  test('a batch holds no more than its bound', async () => {
    const batcher = batcherOver(store, { batchSize: 2 });
    for (const gid of ['a', 'b', 'c']) void batcher.append(retry(gid));
    await store.begun(1);
    expect(store.gids(0)).toEqual(['a', 'b']);
    store.commits[0]?.end();
    await store.begun(2);
    expect(store.gids(1)).toEqual(['c']);
  });

  test('large payloads do not share a commit beyond its bytes', async () => {
    const batcher = batcherOver(store);
    for (const gid of ['a', 'b']) void batcher.append(large(gid));
    await store.begun(1);
    expect(store.gids(0)).toEqual(['a']);
    store.commits[0]?.end();
    await store.begun(2);
    expect(store.gids(1)).toEqual(['b']);
  });

  test('steps of one gid never share a commit nor run side by side, and keep their order (B2)', async () => {
    const batcher = batcherOver(store, { lanes: 4 });
    const order: number[] = [];
    const first = batcher.append({ kind: 'finish', gid: 'a', to: 'CONFIRMED', attempts: [] });
    const second = batcher.append(retry('a'));
    const third = batcher.append({ kind: 'finish', gid: 'a', to: 'CANCELLED', attempts: [] });
    void first.then(() => order.push(1));
    void second.then(() => order.push(2));
    void third.then(() => order.push(3));
    void batcher.append(retry('b'));
    for (const expected of [['a', 'b'], ['a'], ['a']]) {
      const index = store.commits.length;
      await store.begun(index + 1);
      await turn();
      expect(store.commits).toHaveLength(index + 1);
      expect(store.gids(index)).toEqual(expected);
      store.commits[index]?.end();
    }
    await third;
    expect(order).toEqual([1, 2, 3]);
    expect(store.commits.map((commit) => commit.steps[0]?.kind)).toEqual(['finish', 'retry', 'finish']);
  });

  test('an unavailable journal rejects every step of the batch once, and the next batch goes (B3)', async () => {
    const batcher = batcherOver(store);
    const results = ['a', 'b', 'a'].map((gid) => batcher.append(retry(gid)));
    const settled = Promise.allSettled(results);
    await store.begun(1);
    const error = new TccError('JOURNAL_UNAVAILABLE', 'gone');
    store.commits[0]?.fail(error);
    await store.begun(2);
    expect(store.gids(1)).toEqual(['a']);
    store.commits[1]?.end();
    expect((await settled).map((each) => each.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    await expect(results[0]).rejects.toBe(error);
    expect(batcher.counters).toMatchObject({ failed: 2, batches: 1, steps: 1, queued: 0 });
  });

  test('a step that cannot be committed is rejected alone and its neighbours commit (B3)', async () => {
    const seen: string[][] = [];
    const picky: StepStore = {
      commit: (steps) => {
        const gids = steps.map(gidOf);
        seen.push(gids);
        return gids.includes('bad')
          ? Promise.reject(new TccError('BROKEN_INVARIANT', 'too long'))
          : Promise.resolve(steps.map(() => ({ kind: 'applied', atMs: 1, deadlineAt: undefined }) as const));
      },
    };
    const batcher = batcherOver(picky);
    const settled = await Promise.allSettled(
      ['a', 'b', 'c', 'bad', 'd', 'e', 'f'].map((gid) => batcher.append(retry(gid))),
    );
    expect(settled.map((each) => each.status === 'fulfilled')).toEqual([true, true, true, false, true, true, true]);
    expect(settled[3]).toMatchObject({ reason: { code: 'BROKEN_INVARIANT' } });
    expect(seen.filter((gids) => gids.includes('bad')).map((gids) => gids.length)).toEqual(
      [7, 4, 2, 1].filter((n) => seen.some((gids) => gids.includes('bad') && gids.length === n)),
    );
    expect(batcher.counters.failed).toBe(1);
    expect(batcher.counters.splits).toBeGreaterThan(0);
  });

  test('an error of another kind reaches the callers as a broken invariant with its cause', async () => {
    const cause = new TypeError('oops');
    const batcher = batcherOver({ commit: () => Promise.reject(cause) });
    await expect(batcher.append(retry('a'))).rejects.toMatchObject({ code: 'BROKEN_INVARIANT', cause });
  });

  test('a store that gives too few results fails the steps without one, and no other', async () => {
    const batcher = batcherOver({
      commit: () => Promise.resolve([{ kind: 'applied', atMs: 1, deadlineAt: undefined }]),
    });
    const [first, second] = await Promise.allSettled([batcher.append(retry('a')), batcher.append(retry('b'))]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'BROKEN_INVARIANT' } });
  });

  test('a full queue refuses the next step and keeps the others', async () => {
    const batcher = batcherOver(store, { queueSize: 2 });
    const kept = [batcher.append(retry('a')), batcher.append(retry('b'))];
    await expect(batcher.append(retry('c'))).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    await store.begun(1);
    store.commits[0]?.end();
    await Promise.all(kept);
    expect(batcher.counters).toMatchObject({ overflows: 1, queued: 0 });
  });

  test('close waits for what was accepted and refuses what comes after (B4)', async () => {
    const batcher = batcherOver(store);
    const results = ['a', 'a'].map((gid) => batcher.append(retry(gid)));
    let isClosed = false;
    const closing = batcher.close().then(() => {
      isClosed = true;
    });
    await expect(batcher.append(retry('b'))).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    await store.begun(1);
    store.commits[0]?.end();
    await store.begun(2);
    expect(isClosed).toBe(false);
    store.commits[1]?.end();
    await closing;
    await Promise.all(results);
  });

  test('close of an idle batcher resolves at once', async () => {
    await expect(batcherOver(store).close()).resolves.toBeUndefined();
  });
});
