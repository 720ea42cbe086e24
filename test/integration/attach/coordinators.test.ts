import type { Participant, ParticipantOptions } from '../../../src/sdk/participant';
import { eventually } from '../../support/eventually';
import { startTcpProxy } from '../../support/tcp-proxy';
import { writingLogger } from '../../support/writing-logger';
import { type Coordinator, House } from './coordinators';
import { RawInstance, yes } from './raw-instance';

const house = new House();
afterEach(() => house.clear());
afterAll(() => house.remove());

const confirmed = 'TRANSACTION_STATUS_CONFIRMED';

async function start(options: Partial<ParticipantOptions> & Pick<ParticipantOptions, 'coordinators'>) {
  const seen: string[] = [];
  const lines: string[] = [];
  const participant: Participant = house.participant({ logger: writingLogger(lines), ...options });
  const write = ({ phase, gid }: { phase: string; gid: string }) => void seen.push(`${phase} ${gid}`);
  participant.action('deduct', { try: write, confirm: write, cancel: write });
  await participant.start();
  return { participant, seen, lines };
}

const attachedTo = (lines: readonly string[]) =>
  lines.filter((line) => line.startsWith('attached')).map((line) => line.split(' ').at(-1));

test('a participant attaches again by itself when its coordinator restarts', async () => {
  const url = house.newUrl();
  const first = await house.coordinator(url);
  const { seen, lines } = await start({ coordinators: [first.address] });
  expect(await first.statusOf('before')).toBe(confirmed);
  await first.stop();
  const second = await house.coordinator(url, '--listen', first.address);
  await eventually(() => attachedTo(lines).length === 2);
  expect(await second.statusOf('after')).toBe(confirmed);
  expect(seen).toEqual(['try before', 'confirm before', 'try after', 'confirm after']);
});

test('a participant that is started before its coordinator attaches when that comes', async () => {
  const gone = await house.coordinator();
  await gone.stop();
  const { lines } = await start({ coordinators: [gone.address] });
  expect(attachedTo(lines)).toEqual([]);
  const coordinator = await house.coordinator(house.newUrl(), '--listen', gone.address);
  await eventually(() => attachedTo(lines).length === 1);
  expect(await coordinator.statusOf('late')).toBe(confirmed);
});

describe('two coordinators on one database', () => {
  let one: Coordinator;
  let two: Coordinator;
  let url: string;
  beforeEach(async () => {
    url = house.newUrl();
    // A participant without a stream is waited for two seconds after the start; on a busy machine it comes later, and is called again.
    const patient = ['--calls-try-attempts', '50'];
    one = await house.coordinator(url, '--drain-ms', '300', ...patient);
    two = await house.coordinator(url, ...patient);
  });

  test('a participant that was told of one attaches to both, and each calls it over its own stream', async () => {
    const { seen, lines } = await start({ coordinators: [one.address] });
    await eventually(() => attachedTo(lines).length === 2);
    expect(attachedTo(lines).sort()).toEqual([one.address, two.address].sort());
    expect(await one.statusOf('at-one')).toBe(confirmed);
    expect(await two.statusOf('at-two')).toBe(confirmed);
    expect(seen).toHaveLength(4);
    expect(await two.instances()).toMatchObject([{ address: '', live: true }]);
  });

  test('it keeps being called after the one that it was told of has gone, and attaches when that is back', async () => {
    const { lines } = await start({ coordinators: [one.address] });
    await eventually(() => attachedTo(lines).length === 2);
    const { address } = one;
    await one.stop();
    expect(await two.statusOf('without-one')).toBe(confirmed);
    const again = await house.coordinator(house.newUrl(), '--listen', address);
    await eventually(() => attachedTo(lines).filter((each) => each === address).length === 2);
    expect(await again.statusOf('again')).toBe(confirmed);
  });

  test('one that has left is let go, and one that comes is attached to', async () => {
    const { lines } = await start({ coordinators: [one.address] });
    await eventually(() => attachedTo(lines).length === 2);
    await two.stop();
    await eventually(() => lines.includes(`a coordinator is not there any more ${two.address}`));
    const three = await house.coordinator(url);
    await eventually(() => attachedTo(lines).at(-1) === three.address);
    expect(await three.statusOf('at-three')).toBe(confirmed);
    expect(attachedTo(lines)).toHaveLength(3);
  });

  test('a call at a coordinator to which nobody is attached has no address to go to, and waits for the attachment', async () => {
    await house.willing(one.address);
    const outcome = two.execute('not-yet', {});
    await house.willing(two.address);
    expect((await outcome).status).toBe(confirmed);
    const [branch] = (await outcome).branches;
    expect(branch?.lastError ?? '').not.toContain('INTERNAL');
  });

  test('a transaction whose coordinator stops half-way is resumed by the other, over its own stream', async () => {
    const silent = await house.instance(one.address);
    const outcome = one.execute('half-way').catch(() => 'unavailable');
    await eventually(() => silent.calls.length === 1, { everyMs: 2 });
    await house.willing(two.address);
    await one.stop();
    expect(await outcome).toBe('unavailable');
    expect(await two.statusOf('half-way')).toBe(confirmed);
  });
});

describe('a coordinator that goes by two addresses', () => {
  test('has one stream of each participant, and it stands', async () => {
    const url = house.newUrl();
    const one = await house.coordinator(url);
    const two = await house.coordinator(url);
    const alias = `localhost:${one.port}`;
    const { lines } = await start({ coordinators: [alias] });
    await eventually(() => attachedTo(lines).includes(two.address));
    await eventually(() => lines.some((line) => line.startsWith('two addresses lead to one coordinator')));
    for (let index = 0; index < 30; index += 1) expect(await one.statusOf(`alias-${index}`)).toBe(confirmed);
    // The alias, the coordinator itself, and the other one: nobody was attached to twice.
    expect(attachedTo(lines).sort()).toEqual([one.address, two.address, alias].sort());
  });

  test('that are both in the options has one stream as well, and it comes back by either after a restart', async () => {
    const url = house.newUrl();
    const first = await house.coordinator(url);
    const addresses = [`localhost:${first.port}`, first.address];
    const { lines } = await start({ coordinators: addresses });
    await eventually(() => lines.some((line) => line.startsWith('two addresses lead to one coordinator')));
    expect(await first.statusOf('before')).toBe(confirmed);
    await first.stop();
    const attachedBefore = attachedTo(lines).length;
    const second = await house.coordinator(url, '--listen', first.address);
    await eventually(() => attachedTo(lines).length > attachedBefore);
    for (let index = 0; index < 30; index += 1) expect(await second.statusOf(`after-${index}`)).toBe(confirmed);
    expect(attachedTo(lines).length - attachedBefore).toBeLessThanOrEqual(2);
  });

  test('and is alone on its database is not attached to again by the other one', async () => {
    const one = await house.coordinator();
    const { lines } = await start({ coordinators: [`localhost:${one.port}`] });
    expect(await one.statusOf('alone')).toBe(confirmed);
    expect(attachedTo(lines)).toEqual([`localhost:${one.port}`]);
  });
});

describe('a coordinator that stops', () => {
  test('says goodbye, takes the replies to its calls, and ends the stream; no transaction fails', async () => {
    const one = await house.coordinator();
    const instance = new RawInstance(one.address);
    house.later(() => instance.close());
    await instance.hello();
    const outcomes = Array.from({ length: 20 }, (_, index) => one.statusOf(`stop-${index}`));
    await eventually(() => instance.calls.length === 20, { everyMs: 2 });
    instance.answer = yes;
    const stopped = one.daemon.stop();
    instance.replyToAll();
    expect(await Promise.all(outcomes)).toEqual(Array(20).fill(confirmed));
    expect(await instance.ended).toBeUndefined();
    await stopped;
    expect(instance.heard.some(({ goodbye }) => Boolean(goodbye))).toBe(true);
    expect(instance.calls.every(({ call }) => call?.attempt === 1)).toBe(true);
  });

  test('does not wait for an instance that never answers longer than it drains', async () => {
    const one = await house.coordinator(house.newUrl(), '--drain-ms', '200', '--calls-timeout-ms', '30000');
    const instance = await house.instance(one.address);
    const outcome = one.execute('never').catch(() => 'failed');
    await eventually(() => instance.calls.length === 1, { everyMs: 2 });
    const startedMs = performance.now();
    await one.daemon.stop();
    // The call may take 30 s, and by default it would have drained for 10 s.
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    expect(await outcome).toBe('failed');
    await instance.ended;
  });
});

test('a participant whose coordinator accepts connections and says nothing is started all the same, and stops', async () => {
  const one = await house.coordinator();
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: one.port });
  house.later(() => proxy.stop());
  proxy.pause();
  const { participant, lines } = await start({ coordinators: [`127.0.0.1:${proxy.port}`] });
  expect(attachedTo(lines)).toEqual([]);
  proxy.resume();
  await eventually(() => attachedTo(lines).length === 1);
  expect(await one.statusOf('after-all')).toBe(confirmed);
  await participant.stop();
});
