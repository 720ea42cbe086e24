import { eventually } from '../../support/eventually';
import { type Coordinator, House } from './coordinators';

const house = new House();
afterEach(() => house.clear());
afterAll(() => house.remove());

/** What keeps the process alive, by kind. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

const watched = ['TCPServerWrap', 'TCPSocketWrap', 'Timeout', 'Worker'];

/** The kinds of which there are more than before: what ended meanwhile was the test's own. */
function moreThan(before: ReadonlyMap<string, number>): string[] {
  const now = handles();
  return watched.filter((kind) => (now.get(kind) ?? 0) > (before.get(kind) ?? 0));
}

/** Participants of every kind, attached to coordinators that find each other, with transactions under way. */
async function busy() {
  const url = house.newUrl();
  const coordinators: Coordinator[] = [];
  while (coordinators.length < 2) coordinators.push(await house.coordinator(url, '--drain-ms', '500'));
  const [first] = coordinators.map(({ address }) => address);
  const participants = [{}, { listen: '127.0.0.1:0' }, { attach: false }].map((options) => {
    const participant = house.participant({ coordinators: [first ?? ''], ...options });
    const serve = () => new Promise((resolve) => setImmediate(resolve));
    return participant.action('deduct', { try: serve, confirm: serve, cancel: serve });
  });
  for (const participant of participants) await participant.start();
  const running = coordinators.flatMap((coordinator) =>
    Array.from({ length: 20 }, () => coordinator.execute('').catch(() => undefined)),
  );
  return { coordinators, participants, ended: Promise.all(running) };
}

test.each([
  ['participants that stop before their coordinators', ['participants', 'coordinators'] as const],
  ['coordinators that stop before their participants', ['coordinators', 'participants'] as const],
  ['everything that stops at once', [] as const],
])('%s leave no handle', async (_, order) => {
  // What the test before has stopped may take a turn to go.
  await eventually(() => !handles().has('TCPServerWrap'));
  const before = handles();
  const { ended, ...parts } = await busy();
  expect(moreThan(before)).toContain('TCPServerWrap');
  for (const part of order) await Promise.all(parts[part].map((each) => each.stop()));
  await Promise.all([...parts.participants, ...parts.coordinators].map((each) => each.stop()));
  await ended;
  await eventually(() => expect(moreThan(before)).toEqual([]));
});

test('a coordinator that stops leaves no handle of an instance that neither answers nor ends its stream', async () => {
  const before = handles();
  const coordinator = await house.coordinator(house.newUrl(), '--drain-ms', '100');
  const [silent, strangers] = [await house.instance(coordinator.address), house.stranger(coordinator.address)];
  const outcome = coordinator.execute('').catch(() => 'failed');
  await eventually(() => silent.calls.length === 1, { everyMs: 2 });
  silent.stream.pause();
  await coordinator.stop();
  expect(await outcome).toBe('failed');
  silent.close();
  strangers.close();
  await eventually(() => expect(moreThan(before)).toEqual([]));
});

test('a participant that stops before a coordinator was found leaves no handle', async () => {
  const gone = await house.coordinator();
  await gone.stop();
  const before = handles();
  const participant = house.participant({ coordinators: [gone.address] });
  participant.action('deduct', { try: () => 1, confirm: () => 1, cancel: () => 1 });
  const starting = participant.start();
  await participant.stop();
  await starting;
  await eventually(() => expect(moreThan(before)).toEqual([]));
});
