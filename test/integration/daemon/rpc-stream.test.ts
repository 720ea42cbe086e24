import { credentials, type ServiceError } from '@grpc/grpc-js';

import type { Signal } from '../../../src/lib/abort';
import { TccError } from '../../../src/lib/errors';
import type { RpcOptions } from '../../../src/rpc/server';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { systemRandom } from '../../../src/lib/random';
import { TccClient } from '../../../src/sdk/client/client';
import { Failover } from '../../../src/sdk/client/failover';
import { StreamTransport } from '../../../src/sdk/client/stream-transport';
import { GrpcTransport } from '../../../src/sdk/client/transport';
import { MOST_FRAME_ENTRIES } from '../../../src/wire/execute-stream';
import type { ExecuteStreamReply__Output } from '../../../src/wire/generated/tcc/v1/ExecuteStreamReply';
import type { ExecuteStreamResponse__Output } from '../../../src/wire/generated/tcc/v1/ExecuteStreamResponse';
import { readStatus, type StatusReport } from '../../../src/wire/status';
import { eventually } from '../../support/eventually';
import { call } from '../../support/raw-rpc';
import { type Fakes, type Harness, startServer, trying } from './rpc-harness';

let harness: Harness | undefined;
async function serve(fakes: Fakes, changes: Partial<RpcOptions> = {}): Promise<Harness> {
  harness = await startServer(fakes, { callsInFlight: 10_000, ...changes });
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** A stream as any gRPC client has it. */
function open({ transactions }: Harness) {
  const stream = transactions.executeStream();
  const replies: ExecuteStreamReply__Output[] = [];
  stream.on('data', ({ entries }: ExecuteStreamResponse__Output) => replies.push(...entries));
  const ended = new Promise<StatusReport | undefined>((resolve) => {
    stream.on('error', (error) => resolve(readStatus(error as ServiceError)));
    stream.on('end', () => setImmediate(() => resolve(undefined)));
  });
  return { stream, replies, ended };
}

/** A coordinator whose commits end when the test says so. */
function slowCommits() {
  const waits = new Map<string, { readonly signal: Signal; readonly finish: () => void }>();
  const fakes: Fakes = {
    transactions: {
      begin: ({ gid }) => Promise.resolve(trying(gid)),
      commit: (gid, _, signal) =>
        new Promise((resolve, reject) => {
          waits.set(gid, { signal, finish: () => resolve(trying(gid)) });
          signal.addEventListener('abort', () => reject(new TccError('WAIT_ABANDONED', 'given up')));
        }),
    },
  };
  return { fakes, waits };
}

test('ending the requests lets the open entries finish, and then the stream ends well', async () => {
  const { fakes, waits } = slowCommits();
  const { stream, replies, ended } = open(await serve(fakes));
  stream.write({
    entries: [
      { id: 1, commit: { gid: 'a' } },
      { id: 2, begin: { gid: 'b' } },
    ],
  });
  stream.end();
  await eventually(() => expect(replies).toMatchObject([{ id: 2, begin: { transaction: { gid: 'b' } } }]));
  waits.get('a')?.finish();
  expect(await ended).toBeUndefined();
  expect(replies[1]).toMatchObject({ id: 1, commit: { transaction: { gid: 'a' } } });
});

test('cancelling the stream gives up the waits, and the connection lives on', async () => {
  const { fakes, waits } = slowCommits();
  const server = await serve(fakes);
  const { stream } = open(server);
  stream.write({ entries: [{ id: 1, commit: { gid: 'a' } }] });
  await eventually(() => waits.has('a'));
  stream.cancel();
  await eventually(() => waits.get('a')?.signal.aborted === true);
  await call((done) => server.transactions.begin({ gid: 'b' }, done));
});

test('a frame beyond the message limit ends the stream with RESOURCE_EXHAUSTED, and nobody else', async () => {
  const { fakes, waits } = slowCommits();
  const server = await serve(fakes);
  const { stream, ended } = open(server);
  const other = open(server);
  const branch = { branchId: 'b', participant: 'p', action: 'a', payload: { data: Buffer.alloc(70_000) } };
  stream.write({ entries: [{ id: 1, commit: { gid: 'a' } }] });
  stream.write({ entries: [{ id: 2, try: { gid: 'a', branch } }] });
  expect(await ended).toMatchObject({ status: 'RESOURCE_EXHAUSTED' });
  expect((await ended)?.message).toMatch(/larger than max/);
  await eventually(() => waits.get('a')?.signal.aborted === true);
  other.stream.write({ entries: [{ id: 1, begin: { gid: 'b' } }] });
  await eventually(() => expect(other.replies).toHaveLength(1));
  other.stream.cancel();
});

test('a frame with too many entries ends the stream with INVALID_ARGUMENT and a sentence', async () => {
  const { stream, ended } = open(await serve({}));
  stream.write({ entries: Array.from({ length: MOST_FRAME_ENTRIES + 1 }, (_, index) => ({ id: index + 1 })) });
  expect(await ended).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
  expect((await ended)?.message).toMatch(/4096 entries/);
});

test('draining answers what is in flight, turns new entries and new streams away, and ends the stream', async () => {
  const { fakes, waits } = slowCommits();
  const server = await serve(fakes);
  const { stream, replies, ended } = open(server);
  stream.write({ entries: [{ id: 1, commit: { gid: 'a' } }] });
  await eventually(() => waits.has('a'));
  server.server.startDraining();
  stream.write({ entries: [{ id: 2, begin: { gid: 'b' } }] });
  await eventually(() => expect(replies).toMatchObject([{ id: 2, failure: { code: 14 } }]));
  expect(await open(server).ended).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING' });
  const stopped = server.server.stop();
  waits.get('a')?.finish();
  expect(await ended).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING' });
  expect(replies[1]).toMatchObject({ id: 1, commit: { transaction: { gid: 'a' } } });
  await stopped;
});

test('stopping does not wait for ever for an entry that does not end', async () => {
  const { fakes, waits } = slowCommits();
  const server = await serve(fakes, { closeMs: 50 });
  const { stream, replies, ended } = open(server);
  stream.write({ entries: [{ id: 1, commit: { gid: 'a' } }] });
  await eventually(() => waits.has('a'));
  await server.server.stop();
  expect(await ended).toMatchObject({ reason: 'DRAINING' });
  expect(replies).toMatchObject([{ id: 1, failure: { code: 14 } }]);
  expect(waits.get('a')?.signal.aborted).toBe(true);
});

test('an idle stream does not hold the server up', async () => {
  const server = await serve(slowCommits().fakes, { closeMs: 10_000 });
  const { stream, replies, ended } = open(server);
  stream.write({ entries: [{ id: 1, begin: {} }] });
  await eventually(() => expect(replies).toHaveLength(1));
  const startedMs = Date.now();
  await server.server.stop();
  // Less than it would have waited for a stream that is in use.
  expect(Date.now() - startedMs).toBeLessThan(8_000);
  expect(await ended).toMatchObject({ reason: 'DRAINING' });
});

/** The SDK's client, and how many of its calls went by unary calls. */
function client(server: Harness) {
  const unary = new GrpcTransport({ credentials: credentials.createInsecure() }, { clock: systemClock });
  const sent = jest.spyOn(unary, 'send');
  const transport = new StreamTransport({ unary, clock: systemClock });
  const addresses = [server.address];
  const deps = { transport, clock: systemClock, random: systemRandom, logger: silentLogger };
  return {
    tcc: new TccClient({ addresses }, new Failover({ addresses }, deps)),
    unaryCalls: () => sent.mock.calls.length,
  };
}

const branchesOf = (bytes: number) => {
  const payload = { bytes: Buffer.alloc(bytes), contentType: 'application/x-own' };
  return [{ participant: 'inventory', action: 'deduct', payload }];
};

/** Confirms everything at once; the name says how large the payload was. */
const confirming: Fakes = {
  transactions: {
    execute: ({ gid, branches }) =>
      Promise.resolve(
        trying(gid, {
          state: { status: 'CONFIRMED', decidedAt: 1_700_000_000_001, finishedAt: 1_700_000_000_002 },
          name: String(branches[0]?.payload.data.length),
        }),
      ),
  },
};

const MIB = 1024 * 1024;

test.each([
  ['the smallest that may be set', 64 * 1024],
  ['less than a frame of the client', MIB / 2],
  ['the default', 4 * MIB],
])(
  'with a message limit of %s, the SDK client has thousands of calls answered on its stream',
  async (_, messageBytes) => {
    const server = await serve(confirming, { messageBytes });
    const { tcc, unaryCalls } = client(server);
    const wanted = Array.from({ length: 3_000 }, (_order, index) => `order-${index}`);
    for (const round of ['a', 'b']) {
      const gids = wanted.map((name) => `${name}-${round}`);
      const views = await Promise.all(gids.map((gid) => tcc.execute({ gid, branches: branchesOf(1_000) })));
      expect(views.map(({ gid }) => gid)).toEqual(gids);
      expect(views[0]).toMatchObject({
        name: '1000',
        status: 'CONFIRMED',
        decidedAtMs: 1_700_000_000_001,
        createdAtMs: 1_000,
      });
    }
    expect(unaryCalls()).toBe(0);
    await tcc.close();
  },
);

test('a request above the message limit fails by itself, with an error that says so', async () => {
  const server = await serve(confirming, { messageBytes: 100_000 });
  const { tcc, unaryCalls } = client(server);
  const orders = [1_000, 100_000, 1_000].map((bytes) => tcc.execute({ branches: branchesOf(bytes) }));
  expect(await Promise.allSettled(orders)).toMatchObject([
    { value: { status: 'CONFIRMED' } },
    {
      reason: {
        name: 'TccRequestError',
        code: 'REQUEST_TOO_LARGE',
        message: expect.stringMatching(/larger than .* \(its limits\.messageBytes\): .*100000/) as string,
      },
    },
    { value: { status: 'CONFIRMED' } },
  ]);
  // The others were not driven away from the stream by it, and neither is what comes later.
  await tcc.execute({ branches: branchesOf(1_000) });
  expect(unaryCalls()).toBe(1);
  await tcc.close();
});

test('a request that this side may not even send has the same error', async () => {
  const server = await serve(confirming, { messageBytes: 64 * MIB });
  const { tcc } = client(server);
  await expect(tcc.execute({ branches: branchesOf(5 * MIB) })).rejects.toMatchObject({ code: 'REQUEST_TOO_LARGE' });
  await tcc.close();
});
