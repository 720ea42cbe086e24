import { ENDED_LONG_MS, FULL_MS, MOST_INSTANCES, MOST_PER_PARTICIPANT } from '../../../src/invoker/places';
import { Registry, REFRESH_MS } from '../../../src/invoker/registry';
import { silentLogger } from '../../../src/lib/logger';
import { FakeClock, settled } from './fake-clock';
import { action, FakeStore, instance } from './fake-store';

const LIFETIME_MS = 15_000;
const actions = [action('deduct')];

let clock: FakeClock;
let store: FakeStore;
let registry: Registry;
let warnings: unknown[];
beforeEach(async () => {
  clock = new FakeClock();
  store = new FakeStore(clock);
  warnings = [];
  const logger = { ...silentLogger, warn: (fields: object, message: string) => warnings.push({ ...fields, message }) };
  registry = new Registry({ callTimeoutMs: 3_000, tryAttempts: 3, participants: [] }, { store, clock, logger });
  await registry.start();
});
afterEach(async () => {
  await registry.stop();
  expect(clock.waiting).toBe(0);
});

/** So many instances of a participant that another coordinator has registered, and that live on. */
async function stored(participant: string, count: number, lifetimeMs = 10 * ENDED_LONG_MS): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => ({
    ...instance(participant, `i-${index}`, actions),
    expiresAt: store.nowMs + lifetimeMs,
  }));
  store.rows = [...store.rows, ...rows];
  await clock.pass(REFRESH_MS);
}

/** As many as there may be in all, and none has all of its own. */
async function storedOfAll(lifetimeMs?: number): Promise<void> {
  const each = MOST_PER_PARTICIPANT / 2;
  for (let index = 0; index < MOST_INSTANCES / each; index += 1) await stored(`p-${index}`, each, lifetimeMs);
}

const register = (participant: string, instanceId: string) =>
  registry.register(instance(participant, instanceId, actions), LIFETIME_MS);
const refusal = (limit: string, most: number) => ({
  code: 'TOO_MANY_INSTANCES',
  metadata: { limit, most: String(most) },
});

test('the last place of a participant is taken, and one more instance is refused while the others live', async () => {
  await stored('stock', MOST_PER_PARTICIPANT - 1);
  await register('stock', 'last');
  await expect(register('stock', 'more')).rejects.toMatchObject(
    refusal('instancesPerParticipant', MOST_PER_PARTICIPANT),
  );
  expect(store.rows).toHaveLength(MOST_PER_PARTICIPANT);
  expect(warnings).toMatchObject([
    { participant: 'stock', most: MOST_PER_PARTICIPANT, message: 'there is no place for more instances' },
  ]);
});

test('a participant that is full takes no place from the others, and renewing needs none', async () => {
  await stored('stock', MOST_PER_PARTICIPANT);
  await register('points', 'a');
  await register('stock', 'i-0');
  expect(registry.pick('points', 'deduct')?.instanceId).toBe('a');
  expect(store.forgets).toEqual([]);
});

test('instances that ended make room for a new one of the same participant, and of no other', async () => {
  await stored('points', 1, REFRESH_MS);
  await stored('stock', MOST_PER_PARTICIPANT, REFRESH_MS);
  await register('stock', 'new');
  expect(store.rows.map(({ participant, instanceId }) => [participant, instanceId])).toEqual([
    ['points', 'i-0'],
    ['stock', 'new'],
  ]);
  expect(registry.list().map(({ name, instances }) => [name, instances.length])).toEqual([
    ['points', 1],
    ['stock', 1],
  ]);
});

test('a process that starts over and over under new ids does not make the rows grow without end', async () => {
  for (let start = 0; start < 3 * MOST_PER_PARTICIPANT; start += 1) {
    await register('stock', `pod-${start}`);
    if (start % 100 === 0) await clock.pass(LIFETIME_MS);
  }
  expect(store.rows.length).toBeLessThanOrEqual(MOST_PER_PARTICIPANT);
});

test('with all places taken those that ended long ago go, and others stay known', async () => {
  await storedOfAll(REFRESH_MS);
  await expect(register('stock', 'a')).rejects.toMatchObject(refusal('instances', MOST_INSTANCES));
  expect(store.rows).toHaveLength(MOST_INSTANCES);
  store.rows = store.rows.map((row) => ({ ...row, expiresAt: row.expiresAt - ENDED_LONG_MS }));
  await clock.pass(FULL_MS);
  await register('stock', 'a');
  expect(store.rows).toHaveLength(1);
  expect(store.forgets).toContain(ENDED_LONG_MS);
});

test('nobody who is refused makes the store look again at once', async () => {
  await storedOfAll();
  await expect(register('stock', 'a')).rejects.toThrow();
  const { reads, forgets } = store;
  for (let n = 0; n < 100; n += 1) await expect(register('stock', `b-${n}`)).rejects.toThrow();
  expect([store.reads, store.forgets]).toEqual([reads, forgets]);
  await clock.pass(FULL_MS);
  await expect(register('stock', 'a')).rejects.toThrow();
  expect(store.forgets.length).toBe(2);
});

test('of many that come at once only those get in for whom there is a place', async () => {
  await stored('stock', MOST_PER_PARTICIPANT - 10);
  const results = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => register('stock', `new-${index}`)));
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  expect(store.rows).toHaveLength(MOST_PER_PARTICIPANT);
});

test('a place whose instance could not be saved is free again', async () => {
  await stored('stock', MOST_PER_PARTICIPANT - 1);
  store.away = true;
  await expect(register('stock', 'a')).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
  store.away = false;
  await register('stock', 'b');
});

test('while the store is away nobody hears that there is no place', async () => {
  await stored('stock', MOST_PER_PARTICIPANT);
  store.away = true;
  await expect(register('stock', 'a')).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
});

test('stop waits for the forgetting', async () => {
  await stored('stock', MOST_PER_PARTICIPANT);
  const answer = store.holdReads();
  const refused = expect(register('stock', 'a')).rejects.toThrow();
  await settled();
  let stopped = false;
  const stop = registry.stop().then(() => (stopped = true));
  await settled();
  expect(stopped).toBe(false);
  answer();
  await Promise.all([stop, refused]);
});
