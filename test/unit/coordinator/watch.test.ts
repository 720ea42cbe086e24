import { away } from '../../support/memory-journal';
import { ok, unavailable } from '../../support/scripted-invoker';
import { settle } from '../../support/virtual-clock';

import { branchOf, codeOf, execute, House, interactive, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

/** Collects what a watcher sees, as it sees it. */
function watched(states: AsyncIterable<{ state: { status: string } }>): { seen: string[]; ended: Promise<string> } {
  const seen: string[] = [];
  const ended = codeOf(
    (async () => {
      for await (const { state } of states) seen.push(state.status);
    })(),
  );
  return { seen, ended };
}

test('a watcher sees the transaction as it stands, each change, and its end', async () => {
  const c = house.coordinator();
  house.invoker.script('a', 'try', 'hang', ok());
  await c.execute(execute(), 'accepted', patient);
  const { seen, ended } = watched(c.watch('g', patient));
  await house.clock.advance(5_000);
  expect(await ended).toBe('OK');
  expect(seen[0]).toBe('TRYING');
  expect(seen.at(-1)).toBe('CONFIRMED');
  expect(house.clock.pending).toBe(0);
});

test('a watcher at another coordinator sees the same, a little later', async () => {
  const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
  house.invoker.script('a', 'confirm', unavailable());
  house.recovery(c1);
  await c1.execute(execute(), 'decided', patient);
  const { seen, ended } = watched(c2.watch('g', patient));
  await house.clock.advance(30_000);
  expect(seen.length).toBeGreaterThan(1);
  house.invoker.script('a', 'confirm', ok());
  await house.over('g', 70_000);
  await house.clock.advance(500);
  expect(await ended).toBe('OK');
  expect(seen.at(-1)).toBe('CONFIRMED');
  expect(await house.close(c1, c2)).toBe(0);
});

test('watching something finished shows it once', async () => {
  const c = house.coordinator();
  await c.execute(execute(), 'finished', patient);
  const { seen, ended } = watched(c.watch('g', patient));
  expect(await ended).toBe('OK');
  expect(seen).toEqual(['CONFIRMED']);
});

test('watching nothing says so', async () => {
  expect(await watched(house.coordinator().watch('none', patient)).ended).toBe('TRANSACTION_NOT_FOUND');
  expect(house.clock.pending).toBe(0);
});

test('a watcher that gives up ends, and leaves nothing behind (I13)', async () => {
  const c = house.coordinator();
  await c.begin(interactive());
  const caller = new AbortController();
  const { seen, ended } = watched(c.watch('g', caller.signal));
  await settle();
  caller.abort();
  expect(await ended).toBe('OK');
  expect(seen).toEqual(['TRYING']);
  expect(house.clock.pending).toBe(0);
});

test('a slow watcher may miss what is between, never the end', async () => {
  const c = house.coordinator();
  await c.begin(interactive());
  const states = c.watch('g', patient)[Symbol.asyncIterator]();
  await states.next();
  await c.commit('g', 'finished', patient);
  expect(await states.next()).toMatchObject({ value: { state: { status: 'CONFIRMED' } } });
  expect(await states.next()).toMatchObject({ done: true });
});

test('a watcher never sees a decision taken back by a read that was overtaken', async () => {
  const c = house.coordinator();
  house.invoker.script('a', 'confirm', () => new Promise(() => undefined));
  await c.begin(interactive());
  await c.registerBranch('g', branchOf('a', { triedBy: 'application' }));
  const { seen } = watched(c.watch('g', patient));
  await settle();
  let release: () => void = () => undefined;
  house.journal.hooks.after = ({ method }) =>
    method === 'load' && house.status() === 'TRYING' ? new Promise<void>((resolve) => (release = resolve)) : undefined;
  // The read of the undecided row is on its way back while the commit is made here.
  await house.clock.advance(200);
  const overtaken = release;
  house.journal.hooks.after = undefined;
  await c.commit('g', 'decided', patient);
  overtaken();
  await settle();
  expect(seen).toEqual(['TRYING', 'CONFIRMING']);
});

test('a watcher of what is in nobody’s hand here hears that the database is away', async () => {
  const c = house.coordinator();
  await c.begin(interactive());
  const { ended } = watched(c.watch('g', patient));
  await settle();
  house.journal.hooks.before = () => {
    throw away();
  };
  await house.clock.advance(200);
  expect(await ended).toBe('JOURNAL_UNAVAILABLE');
  expect(house.clock.pending).toBe(0);
});
