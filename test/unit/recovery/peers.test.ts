import type { CoordinatorStore } from '../../../src/journal/coordinators';
import { TccError } from '../../../src/lib/errors';
import { silentLogger } from '../../../src/lib/logger';
import { Peers } from '../../../src/recovery/peers';
import { VirtualClock } from '../../support/virtual-clock';

/** The rows, with the expiry that the database would see. */
class FakeStore implements CoordinatorStore {
  readonly rows = new Map<string, { readonly address: string; readonly expiresAtMs: number }>();
  readonly saves: number[] = [];
  away = false;
  private readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  save(coordinatorId: string, address: string, lifetimeMs: number): Promise<void> {
    return this.answer(() => {
      this.saves.push(this.clock.monotonicMs());
      this.rows.set(coordinatorId, { address, expiresAtMs: this.clock.monotonicMs() + lifetimeMs });
    });
  }

  remove(coordinatorId: string): Promise<void> {
    return this.answer(() => void this.rows.delete(coordinatorId));
  }

  addresses(): Promise<readonly string[]> {
    return this.answer(() => {
      const living = [...this.rows.values()].filter(({ expiresAtMs }) => expiresAtMs > this.clock.monotonicMs());
      return [...new Set(living.map(({ address }) => address))].sort();
    });
  }

  private answer<Result>(result: () => Result): Promise<Result> {
    return this.away
      ? Promise.reject(new TccError('JOURNAL_UNAVAILABLE', 'the database is away'))
      : Promise.resolve(result());
  }
}

let clock: VirtualClock;
let store: FakeStore;
let changes: (readonly string[])[];

function peers(coordinatorId = 'c-1', address = '10.0.0.1:8480'): Peers {
  const deps = { clock, random: () => 0, logger: silentLogger, store };
  return new Peers({ coordinatorId, address }, { ...deps, changed: (addresses) => void changes.push(addresses) });
}

beforeEach(() => {
  clock = new VirtualClock();
  store = new FakeStore(clock);
  changes = [];
});

test('a coordinator knows itself from the start, and makes itself known at once', async () => {
  const made = peers();
  expect(made.addresses).toEqual(['10.0.0.1:8480']);
  made.start();
  await clock.advance(0);
  expect([...store.rows.keys()]).toEqual(['c-1']);
  expect(changes).toEqual([]);
  await made.stop();
});

test('it renews three times in a lifetime, and looks every second', async () => {
  const made = peers();
  made.start();
  await clock.advance(15_000);
  expect(store.saves).toEqual([0, 5_000, 10_000, 15_000]);
  await made.stop();
});

test('whoever starts is heard of within a second, and whoever leaves as well', async () => {
  const made = peers();
  made.start();
  await clock.advance(2_000);
  await store.save('c-2', '10.0.0.2:8480', 15_000);
  await clock.advance(1_000);
  expect(made.addresses).toEqual(['10.0.0.1:8480', '10.0.0.2:8480']);
  await store.remove('c-2');
  await clock.advance(1_000);
  expect(made.addresses).toEqual(['10.0.0.1:8480']);
  expect(changes).toEqual([['10.0.0.1:8480', '10.0.0.2:8480'], ['10.0.0.1:8480']]);
  await made.stop();
});

test('whoever dies is forgotten when its lifetime is over', async () => {
  await store.save('c-2', '10.0.0.2:8480', 15_000);
  const made = peers();
  made.start();
  await clock.advance(14_000);
  expect(made.addresses).toHaveLength(2);
  await clock.advance(2_000);
  expect(made.addresses).toEqual(['10.0.0.1:8480']);
  await made.stop();
});

test('in an outage the list stands; this one is in it also when its own row has expired meanwhile', async () => {
  await store.save('c-2', '10.0.0.0:8480', 60_000);
  const made = peers();
  made.start();
  await clock.advance(1_000);
  store.away = true;
  await clock.advance(30_000);
  expect(made.addresses).toEqual(['10.0.0.0:8480', '10.0.0.1:8480']);
  store.away = false;
  await clock.advance(5_000);
  expect(made.addresses).toEqual(['10.0.0.0:8480', '10.0.0.1:8480']);
  await clock.advance(5_000);
  expect(store.rows.get('c-1')?.expiresAtMs).toBeGreaterThan(clock.monotonicMs());
  expect(changes).toHaveLength(1);
  await made.stop();
});

test('a first round that fails is made up for', async () => {
  store.away = true;
  const made = peers();
  made.start();
  await clock.advance(500);
  expect(store.rows.size).toBe(0);
  store.away = false;
  await clock.advance(5_000);
  expect([...store.rows.keys()]).toEqual(['c-1']);
  await made.stop();
});

test('a restart at the same address is no change', async () => {
  await store.save('c-1-before', '10.0.0.1:8480', 15_000);
  const made = peers();
  made.start();
  await clock.advance(20_000);
  expect(changes).toEqual([]);
  await made.stop();
});

test('stop takes leave, and no timer is left', async () => {
  const made = peers();
  made.start();
  await clock.advance(1_000);
  await made.stop();
  expect(store.rows.size).toBe(0);
  expect(clock.pending).toBe(0);
  await clock.advance(10_000);
  expect(store.rows.size).toBe(0);
});

test('stop in an outage, and stop without start, do not fail', async () => {
  const made = peers();
  made.start();
  await clock.advance(0);
  store.away = true;
  await made.stop();
  await peers('c-2').stop();
  expect(clock.pending).toBe(0);
});
