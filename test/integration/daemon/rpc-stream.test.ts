import type { ServiceError } from '@grpc/grpc-js';

import type { Signal } from '../../../src/lib/abort';
import { TccError } from '../../../src/lib/errors';
import type { RpcOptions } from '../../../src/rpc/server';
import { createClient } from '../../../src/sdk/client/index';
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

test('the SDK client has thousands of calls answered on one stream', async () => {
  const fakes: Fakes = {
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
  // The default: the client fills frames of a megabyte, and goes over to unary calls where they are refused.
  const server = await serve(fakes, { messageBytes: 4 * 1024 * 1024 });
  const tcc = createClient({ addresses: [server.address] });
  const payload = { bytes: Buffer.alloc(1_000), contentType: 'application/x-own' };
  const wanted = Array.from({ length: 3_000 }, (_, index) => `order-${index}`);
  const branches = [{ participant: 'inventory', action: 'deduct', payload }];
  const views = await Promise.all(wanted.map((gid) => tcc.execute({ gid, branches })));
  expect(views.map(({ gid }) => gid)).toEqual(wanted);
  expect(views[0]).toMatchObject({
    name: '1000',
    status: 'CONFIRMED',
    decidedAtMs: 1_700_000_000_001,
    createdAtMs: 1_000,
  });
  await tcc.close();
});
