import { AFTERMATH_MS, FIRST, HELD_UP_MS, PLACE_MS } from '../../../src/coordinator/catch-up';
import type { Coordinator } from '../../../src/coordinator/coordinator';
import type { Phase } from '../../../src/engine/model';
import { sleep } from '../../../src/lib/clock';
import { away } from '../../support/memory-journal';
import { ok } from '../../support/scripted-invoker';

import { codeOf, execute, House, patient } from './house';

/** As many as wait after seconds without a database, on a service that is not busy. */
const MANY = 100;

/** A participant serves one call after the other, each in so many milliseconds. */
const SERVICE_MS = 5;

let house: House;
let coordinator: Coordinator;

beforeEach(() => {
  house = new House();
  coordinator = house.coordinator('c1', { openTransactions: 10 * MANY });
});

afterEach(async () => {
  const closed = house.close(coordinator);
  await house.clock.advance(60_000);
  expect(await closed).toBe(0);
});

/** From now on until time has gone on by `ms`, no begin is durable. */
function journalStandsStill(ms: number): void {
  const untilMs = house.clock.monotonicMs() + ms;
  house.journal.hooks.before = ({ steps: [step] }) =>
    step?.kind === 'begin' ? sleep(house.clock, untilMs - house.clock.monotonicMs()) : undefined;
}

function placeMany(prefix = 'g', count = MANY): Promise<string>[] {
  return Array.from({ length: count }, (_, index) =>
    codeOf(coordinator.execute(execute({ gid: `${prefix}${index}` }), 'finished', patient)),
  );
}

/** How many transactions have been called for in a phase. */
const called = (phase: Phase) =>
  new Set(house.invoker.calls.filter((call) => call.phase === phase).map(({ gid }) => gid)).size;

const confirmed = (prefix = 'g') =>
  Array.from({ length: MANY }, (_, index) => house.journal.peek(`${prefix}${index}`)).filter(
    (row) => row?.state.status === 'CONFIRMED',
  ).length;

function oneAfterTheOther(): void {
  for (const participant of ['a', 'b']) {
    let freeAtMs = 0;
    const serve = async () => {
      freeAtMs = Math.max(freeAtMs, house.clock.monotonicMs()) + SERVICE_MS;
      await sleep(house.clock, freeAtMs - house.clock.monotonicMs());
      return ok();
    };
    for (const phase of ['try', 'confirm'] as const) house.invoker.script(participant, phase, serve);
  }
}

describe('after the journal was away', () => {
  test('the first outcomes come after a few calls, however many have waited', async () => {
    oneAfterTheOther();
    journalStandsStill(6_000);
    const all = placeMany();
    await house.clock.advance(6_000);
    await house.clock.advance(3 * FIRST * SERVICE_MS);
    expect(confirmed()).toBeGreaterThanOrEqual(FIRST);
    expect(called('try')).toBeLessThan(MANY / 2);
    await house.clock.advance(3 * MANY * SERVICE_MS);
    expect(new Set(await Promise.all(all))).toEqual(new Set(['OK']));
  });

  test('a few go at once, and two more for each that has ended (K1)', async () => {
    house.invoker.script('a', 'try', () => sleep(house.clock, 100).then(() => ok()));
    journalStandsStill(6_000);
    const all = placeMany();
    await house.clock.advance(6_000);
    expect(called('try')).toBe(FIRST);
    await house.clock.advance(100);
    expect(called('try')).toBe(FIRST + 2 * FIRST);
    await house.clock.advance(100);
    expect(called('try')).toBe(FIRST + 2 * FIRST + 4 * FIRST);
    await house.clock.advance(1_000);
    await Promise.all(all);
    expect(confirmed()).toBe(MANY);
  });

  test('so do those whose begin was refused, when their clients come again', async () => {
    house.invoker.script('a', 'try', () => sleep(house.clock, 100).then(() => ok()));
    house.journal.hooks.before = () => {
      throw away();
    };
    expect(new Set(await Promise.all(placeMany()))).toEqual(new Set(['JOURNAL_UNAVAILABLE']));
    house.journal.hooks.before = undefined;
    await house.clock.advance(AFTERMATH_MS - 1);
    const all = placeMany();
    await house.clock.advance(0);
    expect(called('try')).toBe(FIRST);
    await house.clock.advance(1_000);
    await Promise.all(all);
  });

  test('a participant that does not answer holds the others up for half a second each time (K2)', async () => {
    house.invoker.script('a', 'try', 'hang');
    journalStandsStill(6_000);
    const all = placeMany();
    await house.clock.advance(6_000);
    expect(called('try')).toBe(FIRST);
    await house.clock.advance(PLACE_MS);
    expect(called('try')).toBe(FIRST + 2 * FIRST);
    await house.clock.advance(60_000);
    await Promise.all(all);
  });

  test('one whose deadline passes before its turn is cancelled then, and no Try of it is sent behind that (C1)', async () => {
    house.invoker.script('a', 'try', () => sleep(house.clock, 400).then(() => ok()));
    journalStandsStill(2_000);
    // So that it is still in hand when its turn comes.
    house.invoker.script('b', 'cancel', 'hang');
    const first = placeMany('g', FIRST);
    const late = codeOf(coordinator.execute(execute({ gid: 'late', timeoutMs: 200 }), 'finished', patient));
    const afterIt = placeMany('h', 1);
    await house.clock.advance(2_300);
    expect(house.status('late')).toBe('CANCELLING');
    await house.clock.advance(1_000);
    await Promise.all([...first, ...afterIt]);
    await house.clock.advance(20_000);
    expect(await late).toBe('OK');
    expect(house.invoker.calls.filter(({ gid }) => gid === 'late').map(({ phase }) => phase)).not.toContain('try');
  });

  test('a coordinator that stops hands over what waits, and calls nobody for it (I13)', async () => {
    house.invoker.script('a', 'try', 'hang');
    house.invoker.script('b', 'try', 'hang');
    coordinator = house.coordinator('c2', { openTransactions: 10 * MANY, drainMs: 100 });
    journalStandsStill(2_000);
    const all = placeMany();
    await house.clock.advance(2_000);
    const stopped = coordinator.stop();
    await house.clock.advance(100);
    await stopped;
    expect(called('try')).toBe(FIRST);
    expect(new Set(await Promise.all(all))).toEqual(new Set(['DRAINING']));
    await house.clock.advance(10_000);
  });
});

test.each([
  ['as long as the journal is well', () => Promise.resolve()],
  [
    'some time after it was away',
    async () => {
      journalStandsStill(6_000);
      const one = placeMany('early', 1);
      await house.clock.advance(6_000 + AFTERMATH_MS);
      await Promise.all(one);
    },
  ],
])('%s nobody waits for anybody (K3)', async (_name, before) => {
  await before();
  house.invoker.script('a', 'try', () => sleep(house.clock, 100).then(() => ok()));
  journalStandsStill(HELD_UP_MS);
  const earlier = called('try');
  const all = placeMany();
  await house.clock.advance(HELD_UP_MS);
  expect(called('try') - earlier).toBe(MANY);
  await house.clock.advance(1_000);
  await Promise.all(all);
});
