import { eventually } from '../../support/eventually';
import { type Coordinator, House } from './coordinators';
import { yes } from './raw-instance';

const house = new House();
let coordinator: Coordinator;
beforeAll(async () => {
  // Nobody's calls but those of the slow one run out of time, and its Cancels come again soon after it reads.
  const patient = ['--calls-timeout-ms', '30000', '--calls-backoff-cap-ms', '1000'];
  coordinator = await new House().coordinator(house.newUrl(), '--drain-ms', '0', ...patient);
});
afterEach(() => house.clear());
afterAll(async () => {
  await coordinator.stop();
  house.remove();
});

const confirmed = 'TRANSACTION_STATUS_CONFIRMED';
/** What a call of the slow one may take: far more than a whole transaction of the others, on a busy machine as well. */
const SLOW_MS = 1_000;

const data = Buffer.alloc(100_000, 'x');

test('an instance that reads nothing holds back itself only, and what was not worth sending any more is not sent', async () => {
  const action = { name: 'deduct', callTimeoutMs: SLOW_MS, tryAttempts: 3 };
  const slow = await house.instance(coordinator.address, { participant: 'slow', actions: [action] });
  await house.willing(coordinator.address);
  slow.stream.pause();

  const stuck = Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      coordinator.execute(`slow-${index}`, { participant: 'slow', data }).catch(() => undefined),
    ),
  );
  const tookMs: number[] = [];
  for (let index = 0; index < 40; index += 1) {
    const startedMs = performance.now();
    expect(await coordinator.statusOf(`quick-${index}`, { data })).toBe(confirmed);
    tookMs.push(performance.now() - startedMs);
  }
  // Nobody waited for the slow one: half of them took less than one of its calls may.
  expect(tookMs.sort((a, b) => a - b)[20]).toBeLessThan(SLOW_MS);

  // 600 Tries were made, all in vain, and 200 Cancels follow. The stream took what it holds, and the rest was dropped.
  for (let index = 0; index < 200; index += 1) {
    await eventually(async () => (await coordinator.statusNow(`slow-${index}`)) === 'TRANSACTION_STATUS_CANCELLING', {
      timeoutMs: 30_000,
    });
  }
  slow.answer = yes;
  slow.stream.resume();
  const cancels = () => new Set(slow.calls.filter(({ phase }) => phase === 3).map(({ call }) => call?.gid)).size;
  await eventually(() => cancels() === 200, { timeoutMs: 60_000 });
  await stuck;
  expect(slow.calls.filter(({ phase }) => phase === 1).length).toBeLessThan(400);
  expect(await coordinator.statusOf('slow-after', { participant: 'slow', data })).toBe(confirmed);
});

test('a participant whose calls wait for room does not delay those of another', async () => {
  const slow = await house.instance(coordinator.address, { participant: 'narrow', maxCallsInFlight: 1 });
  await house.willing(coordinator.address);
  const waiting = Array.from({ length: 100 }, (_, index) =>
    coordinator.statusOf(`narrow-${index}`, { participant: 'narrow' }),
  );
  await eventually(() => slow.calls.length === 1, { everyMs: 2 });
  for (let index = 0; index < 20; index += 1) expect(await coordinator.statusOf(`beside-${index}`)).toBe(confirmed);
  expect(slow.calls).toHaveLength(1);
  slow.answer = yes;
  slow.replyToAll();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([confirmed]));
});
