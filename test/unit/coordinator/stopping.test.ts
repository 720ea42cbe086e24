/** After stop() nothing is left: no timer, no listener, no promise that never ends (I13). */
import { ok, refused, unavailable } from '../../support/scripted-invoker';
import { away } from '../../support/memory-journal';
import { peek, settle } from '../../support/virtual-clock';

import { branchOf, codeOf, execute, House, interactive, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

const silent = () => new Promise<never>(() => undefined);

test('a coordinator that stops admits nothing new', async () => {
  const c = house.coordinator();
  const stopping = c.stop();
  expect(await codeOf(c.execute(execute(), 'finished', patient))).toBe('DRAINING');
  expect(await codeOf(c.begin(interactive()))).toBe('DRAINING');
  expect(await codeOf(c.try('g', branchOf('a'), patient))).toBe('DRAINING');
  expect(await codeOf(c.registerBranch('g', branchOf('a')))).toBe('DRAINING');
  await stopping;
  expect(house.steps).toEqual([]);
});

test('what is under way is waited for', async () => {
  const c = house.coordinator();
  house.invoker.script('a', 'try', () => new Promise((resolve) => house.clock.startTimer(2_000, () => resolve(ok()))));
  const running = c.execute(execute(), 'finished', patient);
  await settle();
  const stopping = c.stop();
  await house.clock.advance(2_000);
  expect((await running).state.status).toBe('CONFIRMED');
  await stopping;
  expect(house.clock.pending).toBe(0);
});

test('what takes too long is handed over: due at once for others, DRAINING for its caller', async () => {
  const [c1, c2] = [house.coordinator('c1', { drainMs: 1_000 }), house.coordinator('c2')];
  house.invoker.script('a', 'try', silent, ok());
  const running = codeOf(c1.execute(execute(), 'finished', patient));
  await settle();
  const stopping = c1.stop();
  await house.clock.advance(1_000);
  await stopping;
  expect(await running).toBe('DRAINING');
  expect(house.clock.pending).toBe(0);
  house.recovery(c2, 'c2');
  await house.clock.advance(500);
  expect(house.status()).toBe('CONFIRMED');
  expect(await house.close(c2)).toBe(0);
});

test('handing over does not fail for want of a database', async () => {
  const c = house.coordinator('c1', { drainMs: 1_000 });
  house.invoker.script('a', 'try', silent);
  void codeOf(c.execute(execute(), 'finished', patient));
  await settle();
  house.journal.hooks.before = () => {
    throw away();
  };
  const stopping = c.stop();
  await house.clock.advance(1_000);
  await stopping;
  expect(house.clock.pending).toBe(0);
});

test('an interactive Try that waits for its repetition is given up, and makes no call after the stop', async () => {
  const c = house.coordinator('c1', { drainMs: 50 });
  house.invoker.script('a', 'try', unavailable());
  await c.begin(interactive());
  const trying = codeOf(c.try('g', branchOf('a'), patient));
  await settle();
  const stopping = c.stop();
  await house.clock.advance(50);
  await stopping;
  expect(await trying).toBe('DRAINING');
  await house.clock.advance(10_000);
  expect(house.invoker.count('a', 'try')).toBe(1);
  expect(house.clock.pending).toBe(0);
});

test('an interactive Try under way is waited for, with the cancellation that it leads to', async () => {
  const c = house.coordinator();
  house.invoker.script(
    'a',
    'try',
    () => new Promise((resolve) => house.clock.startTimer(2_000, () => resolve(refused()))),
  );
  house.invoker.script(
    'a',
    'cancel',
    () => new Promise((resolve) => house.clock.startTimer(2_000, () => resolve(ok()))),
  );
  await c.begin(interactive());
  const trying = c.try('g', branchOf('a'), patient);
  await settle();
  const stopping = c.stop();
  await house.clock.advance(4_000);
  expect(await trying).toMatchObject({ status: 'CANCELLING' });
  await stopping;
  expect(house.status()).toBe('CANCELLED');
  expect(house.clock.pending).toBe(0);
});

test('a begin that is answered only after the stop starts nothing', async () => {
  const c = house.coordinator('c1', { drainMs: 1_000 });
  let release: () => void = () => undefined;
  house.journal.hooks.after = ({ steps: [step] }) =>
    step?.kind === 'begin' ? new Promise<void>((resolve) => (release = resolve)) : undefined;
  const running = codeOf(c.execute(execute(), 'finished', patient));
  await settle();
  const stopping = c.stop();
  await house.clock.advance(1_000);
  await stopping;
  release();
  expect(await running).toBe('DRAINING');
  expect(house.invoker.calls).toEqual([]);
  expect(c.inHand).toBe(0);
  expect(house.clock.pending).toBe(0);
});

test('a command that comes after the stop starts nothing', async () => {
  const c = house.coordinator();
  await c.begin(interactive());
  await c.stop();
  expect(await codeOf(c.rollback('g', '', 'finished', patient))).toBe('DRAINING');
  expect(house.clock.pending).toBe(0);
});

test('those who wait for a transaction of another coordinator hear DRAINING, also when they come late', async () => {
  const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
  await c1.begin(interactive());
  await c1.registerBranch('g', branchOf('a', { triedBy: 'application' }));
  house.invoker.script('a', 'confirm', silent);
  await c1.commit('g', 'decided', patient);
  const waiting = codeOf(c2.commit('g', 'finished', patient));
  const watching = c2.watch('g', patient)[Symbol.asyncIterator]();
  await watching.next();
  const next = codeOf(watching.next());
  await settle();
  await c2.stop();
  expect(await waiting).toBe('DRAINING');
  expect(await next).toBe('DRAINING');
  const late = c2.watch('g', patient)[Symbol.asyncIterator]();
  await late.next();
  expect(await codeOf(late.next())).toBe('DRAINING');
  expect(house.clock.pending).toBe(0);
});

test('a caller that gives up leaves no listener and no timer', async () => {
  const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
  await c1.begin(interactive());
  await c1.registerBranch('g', branchOf('a', { triedBy: 'application' }));
  house.invoker.script('a', 'confirm', silent);
  await c1.commit('g', 'decided', patient);
  const caller = new AbortController();
  const waiting = codeOf(c2.commit('g', 'finished', caller.signal));
  await settle();
  expect(house.clock.pending).toBe(1);
  caller.abort();
  expect(await waiting).toBe('WAIT_ABANDONED');
  expect(house.clock.pending).toBe(0);
});

test('errors of an API call are rejections, never thrown past the promise', async () => {
  const c = house.coordinator();
  await c.stop();
  let promise: Promise<unknown> | undefined;
  expect(() => (promise = c.try('g', branchOf('a'), patient))).not.toThrow();
  expect(await peek(promise ?? Promise.resolve())).toMatchObject({ error: { code: 'DRAINING' } });
});
