import { createHash } from 'node:crypto';

import { Server, ServerCredentials } from '@grpc/grpc-js';

import type { BranchCall, Participant, ParticipantOptions, PhaseHandler } from '../../../src/sdk/participant';
import { Refused } from '../../../src/sdk/participant';
import { tccV1 } from '../../../src/wire/proto';
import { eventually } from '../../support/eventually';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { type Coordinator, House } from './coordinators';

const house = new House();
let coordinator: Coordinator;
beforeAll(async () => {
  coordinator = await new House().coordinator(house.newUrl(), '--calls-timeout-ms', '30000');
});
afterEach(() => house.clear());
afterAll(async () => {
  await coordinator.stop();
  house.remove();
});

let gids = 0;
const gid = () => `a-${(gids += 1)}`;
const confirmed = 'TRANSACTION_STATUS_CONFIRMED';

/** What an instance was called with, as `phase gid`. */
type Seen = string[];

/** An SDK participant whose Try is `serve`. */
async function start(
  serve: PhaseHandler = () => undefined,
  options: Partial<ParticipantOptions> = {},
): Promise<{ participant: Participant; seen: Seen }> {
  const seen: Seen = [];
  const write = (call: BranchCall) => void seen.push(`${call.phase} ${call.gid}`);
  const participant = house.participant({ coordinators: [coordinator.address], ...options });
  participant.action('deduct', {
    try: (call) => (write(call), serve(call)),
    confirm: write,
    cancel: write,
  });
  await participant.start();
  return { participant, seen };
}

async function proxied(): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: coordinator.port });
  house.later(() => proxy.stop());
  return proxy;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('an attached participant', () => {
  test('needs no port: it is attached once it is started, and serves every phase', async () => {
    const { participant, seen } = await start();
    expect(() => participant.address).toThrow();
    expect(await coordinator.statusOf('needs-no-port')).toBe(confirmed);
    expect(seen).toEqual(['try needs-no-port', 'confirm needs-no-port']);
    expect(await coordinator.instances()).toMatchObject([{ address: '', live: true }]);
  });

  test('refuses with its own words, and is then asked to cancel', async () => {
    const { seen } = await start(() => {
      throw new Refused('no stock');
    });
    expect(await coordinator.execute('refused')).toMatchObject({ cancelReason: { message: 'no stock' } });
    expect(seen).toEqual(['try refused', 'cancel refused']);
  });

  test.each([
    ['0 bytes', 0],
    ['1 MiB', 1_048_576],
  ])('a payload and a reply of %s travel whole', async (_, size) => {
    const data = Buffer.alloc(size, 'payload');
    await start((call) => ({ bytes: call.bytes, contentType: 'x/y' }));
    const { status, branches } = await coordinator.execute(gid(), { data });
    expect(status).toBe(confirmed);
    expect(digest(branches[0]?.tryReply?.data ?? Buffer.alloc(1))).toBe(digest(data));
  });

  test('a frame of largest payloads and replies is split, and every one arrives', async () => {
    const data = Buffer.alloc(1_048_576, 'p');
    await start((call) => ({ bytes: call.bytes, contentType: 'x/y' }));
    const branches = [{ data }, { data }, { data }];
    const { status, branches: done } = await coordinator.execute(gid(), ...branches);
    expect(status).toBe(confirmed);
    expect(done.map(({ status: each }) => each)).toEqual(Array(3).fill('BRANCH_STATUS_CONFIRMED'));
  });

  test('a reply that is too large fails that call only', async () => {
    await start((call) => (call.gid === 'too-large' ? { bytes: Buffer.alloc(1_048_577), contentType: '' } : 1), {
      instanceId: 's-1',
    });
    const [large, other] = await Promise.all([coordinator.execute('too-large'), coordinator.statusOf(gid())]);
    expect(large.status).toBe('TRANSACTION_STATUS_CANCELLED');
    expect(other).toBe(confirmed);
  });

  test('beside one that only serves unary calls: both take part in one transaction', async () => {
    await start();
    const unary = await start(() => 'by unary', { name: 'points', attach: false });
    const result = await coordinator.execute('both-kinds', {}, { participant: 'points' });
    expect(result.status).toBe(confirmed);
    expect(unary.seen).toEqual(['try both-kinds', 'confirm both-kinds']);
  });

  test('that has gone leaves its action to another instance that only serves unary calls', async () => {
    const attached = await start(undefined, { instanceId: 's-attached' });
    const listening = await start(undefined, { instanceId: 's-listening', attach: false });
    expect(await coordinator.statusOf(gid())).toBe(confirmed);
    expect(listening.seen).toEqual([]);
    await attached.participant.stop();
    expect(await coordinator.statusOf('to-the-other')).toBe(confirmed);
    expect(listening.seen).toEqual(['try to-the-other', 'confirm to-the-other']);
  });

  test('that listens as well serves both ways', async () => {
    const { participant, seen } = await start(undefined, { listen: '127.0.0.1:0' });
    expect(participant.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await coordinator.instances()).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ address: participant.address, live: true })]) as object,
    );
    expect(await coordinator.statusOf('by-stream')).toBe(confirmed);
    const other = await house.coordinator(house.newUrl());
    const instance = {
      participant: 'stock',
      instanceId: 'x',
      address: participant.address,
      actions: [{ name: 'deduct' }],
    };
    await new Promise((resolve) => other.clients.registry.register(instance, resolve));
    expect(await other.statusOf('by-unary')).toBe(confirmed);
    expect(seen).toEqual(['try by-stream', 'confirm by-stream', 'try by-unary', 'confirm by-unary']);
  });

  test('whose coordinator has no such streams yet goes on trying, and start resolves', async () => {
    const server = new Server();
    server.addService({ Register: tccV1.RegistryService.service.Register }, {});
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, at) =>
        error ? reject(error) : resolve(at),
      ),
    );
    house.later(() => server.forceShutdown());
    await start(undefined, { coordinators: [`127.0.0.1:${port}`] });
  });
});

describe('a participant whose connection is lost', () => {
  test('has its calls unknown at once: they are asked again at another instance', async () => {
    const proxy = await proxied();
    const stuck: string[] = [];
    await start((call) => (stuck.push(call.gid), new Promise(() => undefined)), {
      coordinators: [`127.0.0.1:${proxy.port}`],
      instanceId: 's-stuck',
      drainMs: 50,
    });
    const ids = Array.from({ length: 20 }, gid);
    const outcomes = Promise.all(ids.map((id) => coordinator.statusOf(id)));
    await eventually(() => stuck.length === ids.length);
    const other = await start(undefined, { instanceId: 's-other' });
    const startedMs = performance.now();
    proxy.refuse();
    expect(new Set(await outcomes)).toEqual(new Set([confirmed]));
    // A call may take 30,000 ms; nobody waited for that.
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(other.seen.filter((line) => line.startsWith('try')).sort()).toEqual(ids.map((id) => `try ${id}`).sort());
  });

  test('hears by the signal that nobody waits any more, and attaches again', async () => {
    const proxy = await proxied();
    let aborted = 0;
    const { seen } = await start(
      ({ signal, attempt }) =>
        attempt > 1
          ? undefined
          : new Promise((resolve) => {
              signal.addEventListener('abort', () => {
                aborted += 1;
                resolve(undefined);
              });
            }),
      { coordinators: [`127.0.0.1:${proxy.port}`] },
    );
    const outcome = coordinator.statusOf('cut');
    await eventually(() => seen.length === 1);
    proxy.cut();
    expect(await outcome).toBe(confirmed);
    expect(seen).toEqual(['try cut', 'try cut', 'confirm cut']);
    expect(aborted).toBe(1);
  });

  test('and that restarts under its id is called again', async () => {
    const first = await start(undefined, { instanceId: 's-1' });
    expect(await coordinator.statusOf(gid())).toBe(confirmed);
    await first.participant.stop();
    const second = await start(undefined, { instanceId: 's-1' });
    expect(await coordinator.statusOf('after-restart')).toBe(confirmed);
    expect(second.seen).toHaveLength(2);
  });
});

describe('a participant that stops under load', () => {
  /** Keeps so many transactions going until told otherwise. */
  function load(width: number) {
    const statuses = new Map<string, number>();
    let going = true;
    const lane = async () => {
      while (going) {
        const status = await coordinator.statusOf(gid());
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const lanes = Promise.all(Array.from({ length: width }, lane));
    const count = () => [...statuses.values()].reduce((sum, each) => sum + each, 0);
    const end = async () => {
      going = false;
      await lanes;
      return statuses;
    };
    return { count, end };
  }

  test('loses no call: each is answered, and asked once', async () => {
    const attempts: number[] = [];
    const serve: PhaseHandler = ({ attempt }) => {
      attempts.push(attempt);
      return new Promise((resolve) => setImmediate(resolve));
    };
    const leaving = await start(serve, { instanceId: 's-leaving' });
    const staying = await start(serve, { instanceId: 's-staying' });
    const { count, end } = load(16);
    await eventually(() => count() > 50);
    await leaving.participant.stop();
    const left = leaving.seen.length;
    const before = count();
    await eventually(() => count() > before + 50);
    const statuses = await end();
    expect([...statuses.keys()]).toEqual([confirmed]);
    expect(leaving.seen).toHaveLength(left);
    expect(left).toBeGreaterThan(0);
    expect(staying.seen.length).toBeGreaterThan(0);
    expect(new Set(attempts)).toEqual(new Set([1]));
  });

  test('and is replaced by the next, as in a rolling update, fails no transaction', async () => {
    const { count, end } = load(8);
    let running = await start();
    for (let round = 0; round < 3; round += 1) {
      const before = count();
      await eventually(() => count() > before + 20);
      const next = await start();
      await running.participant.stop();
      running = next;
    }
    expect([...(await end()).keys()]).toEqual([confirmed]);
  });

  test('waits no longer than drainMs for a handler that never ends', async () => {
    const { participant, seen } = await start(() => new Promise(() => undefined), { drainMs: 300 });
    const outcome = coordinator.statusOf(gid());
    await eventually(() => seen.length === 1);
    const startedMs = performance.now();
    await participant.stop();
    const tookMs = performance.now() - startedMs;
    // A timer may fire a moment early. By default it would have waited 10 s.
    expect(tookMs).toBeGreaterThan(290);
    expect(tookMs).toBeLessThan(8_000);
    await house.willing(coordinator.address);
    await outcome;
  });

  test('does not wait at all when nothing runs', async () => {
    const { participant } = await start(undefined, { drainMs: 10_000 });
    const startedMs = performance.now();
    await participant.stop();
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });
});
