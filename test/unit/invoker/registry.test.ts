import { Registry, REFRESH_MS, type StaticParticipant } from '../../../src/invoker/registry';
import { UNSEEN_MS } from '../../../src/invoker/store-clock';
import type { TccError } from '../../../src/lib/errors';
import { silentLogger, type Logger } from '../../../src/lib/logger';
import { FakeClock, settled } from './fake-clock';
import { action, EPOCH_MS, FakeStore, instance } from './fake-store';

const deduct = action('deduct');

describe('Registry', () => {
  let clock: FakeClock;
  let store: FakeStore;
  let registry: Registry;
  let lines: string[];

  const logger: Logger = {
    ...silentLogger,
    info: (_, message) => lines.push(message),
    warn: (_, message) => lines.push(message),
  };

  function make(participants: StaticParticipant[] = []): Registry {
    return new Registry({ callTimeoutMs: 3000, tryAttempts: 3, participants }, { store, clock, logger });
  }

  beforeEach(async () => {
    lines = [];
    clock = new FakeClock();
    store = new FakeStore(clock);
    registry = make();
    await registry.start();
  });

  afterEach(async () => {
    await registry.stop();
    expect(clock.waiting).toBe(0);
  });

  const picked = (participant = 'stock', name = 'deduct') => registry.pick(participant, name)?.instanceId;
  // At once or later: a promise in either case.
  const policyOf = async (participant: string, name: string) => registry.action(participant, name);
  const failureOf = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: unknown) => error as TccError,
    );

  it('what is registered here can be called at once', async () => {
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    expect(registry.pick('stock', 'deduct')).toEqual({
      key: 'stock/a',
      participant: 'stock',
      instanceId: 'a',
      address: 'a.test:80',
      methods: undefined,
    });
    expect(store.reads).toBe(1);
  });

  it('an instance without an address, which is only attached, is known but never called', async () => {
    await registry.register({ ...instance('stock', 'attached', [deduct]), address: '' }, 15_000);
    expect(picked()).toBeUndefined();
    await expect(policyOf('stock', 'deduct')).resolves.toMatchObject({ callTimeoutMs: 3_000 });
    await registry.register(instance('stock', 'listening', [deduct]), 15_000);
    expect([picked(), picked(), picked()]).toEqual(['listening', 'listening', 'listening']);
  });

  it('what is registered elsewhere is seen with the next refresh', async () => {
    await store.save(instance('stock', 'a', [deduct]), 15_000);
    expect(picked()).toBeUndefined();
    await clock.pass(REFRESH_MS);
    expect(picked()).toBe('a');
  });

  it('what is deregistered here gets no more calls, and is still known', async () => {
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    await registry.deregister('stock', 'a');
    expect(picked()).toBeUndefined();
    await expect(policyOf('stock', 'deduct')).resolves.toBeDefined();
    expect(registry.list()).toMatchObject([{ name: 'stock', instances: [{ instanceId: 'a', live: false }] }]);
    await clock.pass(REFRESH_MS);
    expect(picked()).toBeUndefined();
  });

  it('a read that began before a registration does not undo it', async () => {
    const answer = store.holdReads();
    await clock.pass(REFRESH_MS);
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    answer();
    await settled();
    expect(picked()).toBe('a');
    await clock.pass(REFRESH_MS);
    expect(picked()).toBe('a');
  });

  it('an instance that is not renewed gets no calls once its time is over', async () => {
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    await clock.pass(14_999);
    expect(picked()).toBe('a');
    await clock.pass(1);
    expect(picked()).toBeUndefined();
    expect(registry.policyOf('stock', 'deduct').tryAttempts).toBe(3);
  });

  it('the time of an instance is over between two refreshes too', async () => {
    await store.save(instance('stock', 'a', [deduct]), REFRESH_MS + 400);
    await clock.pass(REFRESH_MS);
    expect(picked()).toBe('a');
    await clock.pass(400);
    expect(picked()).toBeUndefined();
  });

  it('an action that is not known is looked for in the store first', async () => {
    await store.save(instance('stock', 'a', [action('deduct', { callTimeoutMs: 700, tryAttempts: 5 })]), 15_000);
    await expect(policyOf('stock', 'deduct')).resolves.toEqual({ callTimeoutMs: 700, tryAttempts: 5 });
    await policyOf('stock', 'deduct');
    expect(store.reads).toBe(2);
  });

  it('an action without wishes gets the defaults, and so does one that is not known', async () => {
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    const defaults = { callTimeoutMs: 3000, tryAttempts: 3 };
    await expect(policyOf('stock', 'deduct')).resolves.toEqual(defaults);
    expect(registry.policyOf('stock', 'gone')).toEqual(defaults);
    expect(registry.policyOf('gone', 'gone')).toEqual(defaults);
  });

  it('an unknown participant or action is named together with those that are known', async () => {
    await registry.register(instance('stock', 'a', [deduct, action('add')]), 15_000);
    expect(await failureOf(policyOf('stok', 'deduct'))).toMatchObject({
      code: 'UNKNOWN_PARTICIPANT',
      message: 'no participant is named stok; known are stock',
      metadata: { participant: 'stok' },
    });
    expect(await failureOf(policyOf('stock', 'deduce'))).toMatchObject({
      code: 'UNKNOWN_ACTION',
      message: 'participant stock has no action deduce; it has deduct, add',
    });
    for (let n = 0; n < 20; n += 1) await registry.register(instance(`p${n}`, 'a', []), 15_000);
    expect((await failureOf(policyOf('stok', 'deduct')))?.message).toMatch(/ and 11 more$/);
  });

  it('many misses at once share the next read, and a miss is remembered for a moment', async () => {
    await Promise.all(Array.from({ length: 100 }, () => failureOf(policyOf('stock', 'deduct'))));
    expect(store.reads).toBe(3);
    await failureOf(policyOf('stock', 'deduct'));
    expect(store.reads).toBe(3);
    await clock.pass(200);
    await store.save(instance('stock', 'a', [deduct]), 15_000);
    await expect(policyOf('stock', 'deduct')).resolves.toBeDefined();
  });

  it('a miss during a read waits for one that began after it', async () => {
    const answer = store.holdReads();
    await clock.pass(REFRESH_MS);
    await store.save(instance('stock', 'a', [deduct]), 15_000);
    const policy = policyOf('stock', 'deduct');
    answer();
    await expect(policy).resolves.toBeDefined();
    expect(store.reads).toBe(3);
  });

  it('nobody hears that a name is unknown while the store is away', async () => {
    store.away = true;
    expect((await failureOf(policyOf('stock', 'deduct')))?.code).toBe('JOURNAL_UNAVAILABLE');
    expect((await failureOf(registry.register(instance('stock', 'a', []), 15_000)))?.code).toBe('JOURNAL_UNAVAILABLE');
    expect(registry.list()).toEqual([]);
  });

  it('while the store is away the last view stands, and that is logged once', async () => {
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    await clock.pass(5_000);
    store.away = true;
    await clock.pass(60_000);
    expect(picked()).toBe('a');
    expect(lines).toEqual(['participants cannot be read; the last view stands']);
    store.away = false;
    await clock.pass(REFRESH_MS);
    expect(lines).toEqual(['participants cannot be read; the last view stands', 'participants are read again']);
    expect(picked()).toBe('a');
    await clock.pass(10_000 - REFRESH_MS - UNSEEN_MS);
    expect(picked()).toBe('a');
    await clock.pass(2 * UNSEEN_MS);
    expect(picked()).toBeUndefined();
  });

  it('starts without the store, with the participants of the config file', async () => {
    await registry.stop();
    store.away = true;
    registry = make([{ name: 'payments', address: '10.0.0.1:80', actions: [action('freeze')] }]);
    await registry.start();
    expect(registry.pick('payments', 'freeze')?.address).toBe('10.0.0.1:80');
    expect(registry.list()).toEqual([
      {
        name: 'payments',
        actions: [action('freeze')],
        instances: [{ instanceId: 'config:10.0.0.1:80', address: '10.0.0.1:80', expiresAt: 0, live: true }],
      },
    ]);
    store.away = false;
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    expect(picked()).toBe('a');
  });

  it('instances of the config file never end and share the calls with registered ones', async () => {
    await registry.stop();
    registry = make([{ name: 'stock', address: '10.0.0.1:80', actions: [deduct] }]);
    await registry.start();
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    expect([picked(), picked()]).toEqual(['config:10.0.0.1:80', 'a']);
    await clock.pass(3_600_000);
    expect([picked(), picked()]).toEqual(['config:10.0.0.1:80', 'config:10.0.0.1:80']);
  });

  it('the actions of the instance that was saved last are listed, and its wishes count', async () => {
    await registry.register(instance('stock', 'new', [action('deduct', { callTimeoutMs: 2 }), action('add')]), 15_000);
    await registry.register(instance('stock', 'old', [action('deduct', { callTimeoutMs: 1 })]), 15_000);
    await registry.register(instance('stock', 'new', [action('deduct', { callTimeoutMs: 2 }), action('add')]), 15_000);
    expect(registry.policyOf('stock', 'deduct').callTimeoutMs).toBe(2);
    expect(registry.list()[0]?.actions.map(({ name }) => name)).toEqual(['deduct', 'add']);
    expect(registry.list()[0]?.instances.map(({ instanceId, expiresAt }) => [instanceId, expiresAt])).toEqual([
      ['old', EPOCH_MS + 15_000],
      ['new', EPOCH_MS + 15_000],
    ]);
  });

  it('while versions change, an action goes to the instances that have it', async () => {
    await registry.register(instance('stock', 'new', [deduct, action('add')]), 15_000);
    await registry.register(instance('stock', 'old', [deduct]), 15_000);
    await expect(policyOf('stock', 'add')).resolves.toBeDefined();
    expect([1, 2, 3].map(() => picked('stock', 'add'))).toEqual(['new', 'new', 'new']);
    expect([1, 2].map(() => picked()).sort()).toEqual(['new', 'old']);
    expect(picked('stock', 'removed')).toBeDefined();
  });

  it('an excluded instance is not picked', async () => {
    await registry.register(instance('stock', 'a', [deduct]), 15_000);
    await registry.register(instance('stock', 'b', [deduct]), 15_000);
    const exclude = new Set(['stock/a']);
    expect([1, 2, 3].map(() => registry.pick('stock', 'deduct', exclude)?.instanceId)).toEqual(['b', 'b', 'b']);
    expect(registry.pick('stock', 'deduct', new Set(['stock/a', 'stock/b']))).toBeUndefined();
  });

  it('a known action needs a stream exactly while no live instance has an address', async () => {
    const needsStream = (participant = 'stock', name = 'deduct') => registry.needsStream(participant, name);
    expect(needsStream()).toBe(false);
    await registry.register({ ...instance('stock', 'attached', [deduct]), address: '' }, 15_000);
    expect(needsStream()).toBe(true);
    expect(needsStream('stock', 'add')).toBe(false);
    expect(needsStream('points')).toBe(false);
    await registry.register(instance('stock', 'listening', [deduct]), 15_000);
    expect(needsStream()).toBe(false);
    await registry.deregister('stock', 'listening');
    expect(needsStream()).toBe(true);
    // Long ended, and still known.
    await registry.deregister('stock', 'attached');
    expect(needsStream()).toBe(true);
  });

  it('instances that ended more than a week ago are forgotten, once an hour', async () => {
    await clock.pass(3_599_000);
    expect(store.forgets).toEqual([]);
    await clock.pass(3_600_000);
    expect(store.forgets).toEqual([7 * 24 * 3_600_000]);
  });

  it('stop ends every read and timer', async () => {
    const answer = store.holdReads();
    await clock.pass(REFRESH_MS);
    const stopped = registry.stop();
    answer();
    await stopped;
    const { reads } = store;
    await clock.pass(10 * REFRESH_MS);
    expect(store.reads).toBe(reads);
    expect(clock.waiting).toBe(0);
  });
});
