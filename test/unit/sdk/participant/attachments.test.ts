import { credentials } from '@grpc/grpc-js';

import { AttachedCoordinators } from '../../../../src/sdk/participant/attachments';
import { freeAddress } from '../../../e2e/support/ports';
import { eventually } from '../../../support/eventually';
import { settle, VirtualClock } from '../../../support/virtual-clock';
import { writingLogger } from '../../../support/writing-logger';
import { FakeAttach } from './fake-attach';
import { deadAddress } from './fake-registry';

let clock: VirtualClock;
let lines: string[];
const coordinators: FakeAttach[] = [];
const attached: AttachedCoordinators[] = [];

beforeEach(() => {
  clock = new VirtualClock();
  lines = [];
});

afterEach(async () => {
  for (const each of attached.splice(0)) await stop(each);
  for (const each of coordinators.splice(0)) each.stop();
  expect(clock.pending).toBe(0);
});

async function coordinator(port = 0): Promise<FakeAttach> {
  const made = await FakeAttach.start(port);
  coordinators.push(made);
  return made;
}

function attach(...addresses: readonly string[]): AttachedCoordinators {
  const hello = {
    participant: 'stock',
    instanceId: 's-1',
    actions: [{ name: 'a' }],
    maxCallsInFlight: 0,
    maxBytesInFlight: 0,
    address: '',
  };
  const made = new AttachedCoordinators(
    { coordinators: addresses, hello },
    {
      clock,
      random: () => 0,
      logger: writingLogger(lines),
      handler: { handle: () => Promise.resolve({ kind: 'done', payload: undefined, fence: undefined }) },
      credentials: credentials.createInsecure(),
    },
  );
  attached.push(made);
  return made;
}

/** Stops, and lets the time pass that it may take. */
async function stop(each: AttachedCoordinators): Promise<void> {
  let over = false;
  const stopping = each.stop(100).then(() => (over = true));
  await eventually(async () => (await clock.advance(20), over), { everyMs: 2 });
  await stopping;
}

/** Lets time pass until the coordinator has so many streams. */
const streams = (of: FakeAttach, count: number) =>
  eventually(async () => (await clock.advance(10), of.streams.length >= count), { everyMs: 2 });
const portOf = (address: string) => Number(address.split(':')[1]);
const count = (start: string) => lines.filter((line) => line.startsWith(start)).length;

test('start resolves with the first welcome; each coordinator of the options has a stream', async () => {
  const [one, two] = [await coordinator(), await coordinator()];
  two.mood = 'hang';
  const made = attach(one.address, two.address);
  expect(made.known).toBe(false);
  await made.start();
  expect(made.known).toBe(true);
  await two.stream();
  expect([one.streams.length, two.streams.length]).toEqual([1, 1]);
});

test('start resolves when every coordinator was tried once in vain', async () => {
  const refusing = await coordinator();
  refusing.mood = 'refuse';
  const made = attach(await deadAddress(), refusing.address);
  await made.start();
  expect(made.known).toBe(false);
});

test('a coordinator that does not welcome within five seconds counts as tried, and is tried again', async () => {
  const hanging = await coordinator();
  hanging.mood = 'hang';
  const made = attach(hanging.address);
  let started = false;
  const starting = made.start().then(() => (started = true));
  await hanging.stream();
  await clock.advance(4_999);
  expect(started).toBe(false);
  await clock.advance(1);
  await starting;
  hanging.mood = 'welcome';
  await streams(hanging, 2);
  await eventually(() => made.known);
  await clock.advance(60_000);
  expect(hanging.streams).toHaveLength(2);
});

test('failures are retried later and later, up to a quarter of a second, for ever', async () => {
  const refusing = await coordinator();
  refusing.mood = 'refuse';
  await attach(refusing.address).start();
  const pauses: number[] = [];
  for (let round = 0; round < 8; round += 1) {
    await eventually(() => clock.pending === 1 && clock.nextInMs !== 5_000, { everyMs: 2 });
    pauses.push(clock.nextInMs ?? 0);
    await clock.advance(clock.nextInMs ?? 0);
  }
  expect(pauses).toEqual([100, 200, 250, 250, 250, 250, 250, 250]);
  refusing.mood = 'welcome';
  await eventually(async () => (await clock.advance(100), count('attached') === 1), { everyMs: 2 });
});

test('a stream that was in use is opened again at once', async () => {
  const one = await coordinator();
  await attach(one.address).start();
  await clock.advance(10_000);
  (await one.stream()).fail();
  await eventually(() => clock.pending === 1, { everyMs: 2 });
  expect(clock.nextInMs).toBe(50);
  await streams(one, 2);
});

test('streams that end as soon as they are welcomed, as of two processes with one id, are opened less and less often', async () => {
  const one = await coordinator();
  await attach(one.address).start();
  const pauses: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    (await one.stream(round)).fail();
    await eventually(() => clock.pending === 1 && clock.nextInMs !== 5_000, { everyMs: 2 });
    pauses.push(clock.nextInMs ?? 0);
    await clock.advance(clock.nextInMs ?? 0);
    await eventually(() => count('attached') === round + 2, { everyMs: 2 });
  }
  expect(pauses).toEqual([100, 200, 250, 250, 250, 250]);
  await clock.advance(2_000);
  (await one.stream(6)).fail();
  await eventually(() => clock.pending === 1, { everyMs: 2 });
  expect(clock.nextInMs).toBe(50);
});

describe('the coordinators that a welcome names', () => {
  test('are attached to as well, and those of an update', async () => {
    const [one, two, three] = [await coordinator(), await coordinator(), await coordinator()];
    one.welcome = { coordinators: [one.address, two.address] };
    await attach(one.address).start();
    await two.stream();
    const stream = await one.stream();
    stream.say({ update: { ...one.welcomeOf(), coordinators: [one.address, two.address, three.address] } });
    await three.stream();
    expect([one, two, three].map((each) => each.streams.length)).toEqual([1, 1, 1]);
  });

  test('are let go when they cannot be reached and those that stand do not name them any more', async () => {
    const [one, two] = [await coordinator(), await coordinator()];
    one.welcome = { coordinators: [one.address, two.address] };
    await attach(one.address).start();
    await eventually(() => count('attached') === 2);
    two.stop();
    await eventually(async () => (await clock.advance(100), count('cannot attach') >= 3), { everyMs: 2 });
    expect(count('a coordinator is not there any more')).toBe(0);
    (await one.stream()).say({ update: { ...one.welcomeOf(), coordinators: [one.address] } });
    await eventually(async () => (await clock.advance(100), count('a coordinator is not there any more') === 1), {
      everyMs: 2,
    });
    expect(clock.pending).toBe(0);
  });

  test('are kept while nobody stands who could say otherwise', async () => {
    const port = portOf(await freeAddress());
    const [one, two] = [await coordinator(), await coordinator(port)];
    one.welcome = { coordinators: [one.address, two.address] };
    await attach(one.address).start();
    await eventually(() => count('attached') === 2);
    one.stop();
    two.stop();
    await eventually(async () => (await clock.advance(100), count('cannot attach') >= 8), { everyMs: 2 });
    const again = await coordinator(port);
    await streams(again, 1);
    await eventually(() => count('attached') === 3);
  });

  test('are attached to up to a bound, so that a wrong list cannot open connections without end', async () => {
    const one = await coordinator();
    const port = portOf(await deadAddress());
    one.welcome = {
      coordinators: [one.address, ...Array.from({ length: 300 }, (_, index) => `127.0.${index}.1:${port}`)],
    };
    await attach(one.address).start();
    await settle();
    expect(count('attaching to')).toBe(64);
  });

  test('of one that is alone is itself, and not attached to under another name', async () => {
    const one = await coordinator();
    one.welcome = { coordinators: [await deadAddress()] };
    await attach(one.address).start();
    await settle();
    expect(count('attaching to')).toBe(1);
  });
});

describe('two addresses of one coordinator', () => {
  test('have one stream: the one that was replaced rests while the other stands, and takes over when that is gone', async () => {
    const [one, two] = [await coordinator(), await coordinator()];
    one.welcome = two.welcome = { coordinatorId: 'the-same', coordinators: [] };
    await attach(one.address, two.address).start();
    await eventually(() => count('attached') === 2);
    (await one.stream()).fail();
    await eventually(() => count('two addresses lead to one coordinator') === 1);
    await clock.advance(60_000);
    expect([one.streams.length, two.streams.length]).toEqual([1, 1]);

    // The other one comes back where it was: nothing for this one to do.
    (await two.stream()).fail();
    await streams(two, 2);
    await eventually(() => count('attached') === 3);
    await clock.advance(60_000);
    expect(one.streams).toHaveLength(1);

    // It cannot be reached there any more.
    two.stop();
    await streams(one, 2);
    await eventually(() => count('attached') === 4);
  });
});

describe('stop', () => {
  test('says goodbye where it is attached, and waits until the coordinators end the streams', async () => {
    const [one, two] = [await coordinator(), await coordinator()];
    const made = attach(one.address, two.address);
    await made.start();
    await eventually(() => count('attached') === 2);
    let stopped = false;
    const stopping = made.stop(10_000).then(() => (stopped = true));
    const both = [await one.stream(), await two.stream()];
    await eventually(() => both.every(({ goodbyes }) => goodbyes === 1));
    both[0]?.end();
    await settle();
    expect(stopped).toBe(false);
    both[1]?.end();
    await stopping;
    expect(clock.pending).toBe(0);
  });

  test('does not wait for a stream that ended a moment ago and is to be opened again', async () => {
    const one = await coordinator();
    const made = attach(one.address);
    await made.start();
    await clock.advance(10_000);
    (await one.stream()).fail();
    await eventually(() => clock.pending === 1, { everyMs: 2 });
    await made.stop(10_000);
    expect(clock.pending).toBe(0);
    expect(one.streams).toHaveLength(1);
  });

  test('does not wait for a coordinator that has not welcomed it', async () => {
    const [hanging, resting] = [await coordinator(), await coordinator()];
    hanging.mood = 'hang';
    resting.mood = 'refuse';
    const made = attach(hanging.address, resting.address, await deadAddress());
    const starting = made.start();
    await hanging.stream();
    await made.stop(10_000);
    await starting;
    expect(clock.pending).toBe(0);
    await eventually(() => hanging.streams[0]?.isOver === true);
  });

  test('opens no stream for one that rests', async () => {
    const [one, two] = [await coordinator(), await coordinator()];
    one.welcome = two.welcome = { coordinatorId: 'the-same', coordinators: [] };
    const made = attach(one.address, two.address);
    await made.start();
    await eventually(() => count('attached') === 2);
    (await one.stream()).fail();
    await eventually(() => count('two addresses lead to one coordinator') === 1);
    await stop(made);
    expect(one.streams).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });
});
