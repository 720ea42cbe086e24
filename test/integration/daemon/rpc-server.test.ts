import { connect } from 'node:http2';

import { credentials, makeGenericClientConstructor, type ServiceClientConstructor } from '@grpc/grpc-js';

import type { Transaction } from '../../../src/engine/model';
import type { Signal } from '../../../src/lib/abort';
import { TccError } from '../../../src/lib/errors';
import type { RpcOptions } from '../../../src/rpc/server';
import type { CommitResponse__Output } from '../../../src/wire/generated/tcc/v1/CommitResponse';
import type { WatchResponse__Output } from '../../../src/wire/generated/tcc/v1/WatchResponse';
import { tccV1 } from '../../../src/wire/proto';
import { readStatus, type StatusReport } from '../../../src/wire/status';
import { eventually } from '../../support/eventually';
import { call, failureOf } from '../../support/raw-rpc';
import { health, healthClient } from './health';
import { type Fakes, type Harness, startServer, trying } from './rpc-harness';

let harness: Harness | undefined;
async function serve(fakes: Fakes, changes: Partial<RpcOptions> = {}): Promise<Harness> {
  harness = await startServer(fakes, changes);
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

/** A coordinator call that never ends by itself: it fails when it is aborted, or, where that comes later, once `until` is there. */
function waiting(until: Promise<void> = Promise.resolve()) {
  const signals: Signal[] = [];
  const untilAborted = (signal: Signal) =>
    new Promise<never>((_, reject) => {
      signals.push(signal);
      const abandon = () => reject(new TccError('WAIT_ABANDONED', 'nobody waits any more'));
      signal.addEventListener('abort', () => void until.then(abandon));
    });
  return { signals, untilAborted };
}

/** Watches until the stream ends. */
function watch({ transactions }: Harness, gid: string) {
  const stream = transactions.watch({ gid });
  const seen: string[] = [];
  stream.on('data', ({ transaction }: WatchResponse__Output) => seen.push(transaction?.status ?? ''));
  const ended = new Promise<StatusReport | undefined>((resolve) => {
    stream.on('error', (error) => resolve(readStatus(error as never)));
    stream.on('end', () => resolve(undefined));
  });
  return { stream, seen, ended };
}

test('the signal is aborted when the client cancels', async () => {
  const { signals, untilAborted } = waiting();
  const { transactions } = await serve({ transactions: { commit: (_, __, signal) => untilAborted(signal) } });
  const running = transactions.commit({ gid: 'order-1' }, () => undefined);
  await eventually(() => expect(signals).toHaveLength(1));
  expect(signals[0]?.aborted).toBe(false);
  running.cancel();
  await eventually(() => expect(signals[0]?.aborted).toBe(true));
});

test('the signal is aborted when the deadline passes, and the client hears DEADLINE_EXCEEDED', async () => {
  // The server's answer comes only after the client has been told, so that it does not race the client's own deadline.
  let told = (): void => undefined;
  const { signals, untilAborted } = waiting(new Promise((resolve) => (told = resolve)));
  const { transactions } = await serve({ transactions: { commit: (_, __, signal) => untilAborted(signal) } });
  // The call is under way long before its time is over.
  const deadline = new Date(Date.now() + 1_000);
  const report = await failureOf((done) => transactions.commit({ gid: 'order-1' }, { deadline }, done));
  told();
  expect(report.status).toBe('DEADLINE_EXCEEDED');
  await eventually(() => expect(signals[0]?.aborted).toBe(true));
});

test('calls beyond those that may be in flight are refused before anything else, and room is given back', async () => {
  const { signals, untilAborted } = waiting();
  let reads = 0;
  const fakes: Fakes = {
    transactions: {
      commit: (_, __, signal) => untilAborted(signal),
      get: (gid) => ((reads += 1), Promise.resolve(trying(gid))),
    },
  };
  const { transactions } = await serve(fakes, { callsInFlight: 2 });
  const running = [1, 2].map(() => transactions.commit({ gid: 'order-1' }, () => undefined));
  await eventually(() => expect(signals).toHaveLength(2));
  expect(await failureOf((done) => transactions.get({ gid: 'order-1' }, done))).toMatchObject({
    status: 'RESOURCE_EXHAUSTED',
    metadata: { limit: 'callsInFlight', most: '2' },
  });
  expect(reads).toBe(0);
  for (const each of running) each.cancel();
  await eventually(() => expect(signals.every(({ aborted }) => aborted)).toBe(true));
  await call((done) => transactions.get({ gid: 'order-1' }, done));
  expect(reads).toBe(1);
});

test('a message beyond the limit is refused, and the connection lives on', async () => {
  const { transactions } = await serve({ transactions: { get: (gid) => Promise.resolve(trying(gid)) } });
  const branch = { branchId: 'b', participant: 'p', action: 'a', payload: { data: Buffer.alloc(70_000) } };
  const report = await failureOf((done) => transactions.execute({ branches: [branch] }, done));
  expect(report.status).toBe('RESOURCE_EXHAUSTED');
  await call((done) => transactions.get({ gid: 'order-1' }, done));
});

test('Watch sends each state and ends', async () => {
  const states: Transaction[] = [
    trying('order-1'),
    trying('order-1', { state: { status: 'CONFIRMED', decidedAt: 1, finishedAt: 2 } }),
  ];
  const server = await serve({
    transactions: {
      async *watch() {
        for (const state of states) yield await Promise.resolve(state);
      },
    },
  });
  const { seen, ended } = watch(server, 'order-1');
  expect(await ended).toBeUndefined();
  expect(seen).toEqual(['TRANSACTION_STATUS_TRYING', 'TRANSACTION_STATUS_CONFIRMED']);
});

test('Watch of an unknown gid, and of one that is none, ends with the reason', async () => {
  const server = await serve({
    transactions: {
      // eslint-disable-next-line @typescript-eslint/require-await -- it fails before its first state
      async *watch() {
        throw new TccError('TRANSACTION_NOT_FOUND', 'no such transaction');
      },
    },
  });
  expect(await watch(server, 'order-1').ended).toMatchObject({ status: 'NOT_FOUND' });
  expect(await watch(server, 'a b').ended).toMatchObject({ violations: [{ field: 'gid' }] });
});

/** Watches that end only when they are told to. */
function endlessWatch() {
  const counts = { open: 0, sent: 0 };
  async function* states(gid: string, signal: Signal): AsyncGenerator<Transaction> {
    counts.open += 1;
    try {
      counts.sent += 1;
      yield trying(gid);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    } finally {
      counts.open -= 1;
    }
  }
  return { counts, states };
}

test('watchers are bounded, and one that leaves makes room', async () => {
  const { counts, states } = endlessWatch();
  const server = await serve({ transactions: { watch: states } });
  const open = [watch(server, 'a'), watch(server, 'b')];
  await eventually(() => expect(counts.sent).toBe(2));
  expect(await watch(server, 'c').ended).toMatchObject({
    status: 'RESOURCE_EXHAUSTED',
    metadata: { limit: 'watchers' },
  });
  open[0]?.stream.cancel();
  await eventually(() => expect(counts.open).toBe(1));
  watch(server, 'c');
  await eventually(() => expect(counts.open).toBe(2));
});

test('a watcher that does not read holds the states back, and takes nobody else with it', async () => {
  let sent = 0;
  const message = 'x'.repeat(500);
  const reason = { code: 'ROLLED_BACK', branchId: '', message } as const;
  const server = await serve({
    transactions: {
      async *watch(gid, signal) {
        while (!signal.aborted) {
          sent += 1;
          yield await Promise.resolve(
            trying(gid, { state: { status: 'CANCELLING', decidedAt: 1, parked: false, reason } }),
          );
        }
      },
      get: (gid) => Promise.resolve(trying(gid)),
    },
  });
  // A grpc-js client reads ahead without end; this one reads nothing, and the windows of HTTP/2 fill.
  const session = connect(`http://${server.address}`);
  const request = tccV1.TransactionService.service.Watch.requestSerialize({ gid: 'order-1' });
  const stream = session.request({
    ':method': 'POST',
    ':path': tccV1.TransactionService.service.Watch.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, request.length]), request]));
  let before = 0;
  await eventually(
    () => {
      const still = sent > 0 && sent === before;
      before = sent;
      return still;
    },
    { everyMs: 200 },
  );
  expect(sent).toBeLessThan(2_000);
  await call((done) => server.transactions.get({ gid: 'order-2' }, done));
  session.destroy();
});

test('draining ends watches with DRAINING, refuses new ones and lets calls finish', async () => {
  const { counts, states } = endlessWatch();
  let finish: (transaction: Transaction) => void = () => undefined;
  const server = await serve({
    transactions: {
      watch: states,
      commit: () => new Promise<Transaction>((resolve) => (finish = resolve)),
    },
  });
  const watched = watch(server, 'order-1');
  const committed = call<CommitResponse__Output>((done) => server.transactions.commit({ gid: 'a' }, done));
  await eventually(() => expect(counts.sent).toBe(1));
  server.server.startDraining();
  expect(await watched.ended).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING' });
  expect(await watch(server, 'order-1').ended).toMatchObject({ reason: 'DRAINING' });
  const stopped = server.server.stop();
  finish(trying('a'));
  expect((await committed).transaction?.gid).toBe('a');
  await stopped;
});

test('stopping does not wait for ever for a call that does not end', async () => {
  const { signals, untilAborted } = waiting();
  const server = await serve({ transactions: { commit: (_, __, signal) => untilAborted(signal) } }, { closeMs: 50 });
  const report = failureOf((done) => server.transactions.commit({ gid: 'a' }, done));
  await eventually(() => expect(signals).toHaveLength(1));
  await server.server.stop();
  expect(await report).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING' });
  await eventually(() => expect(signals[0]?.aborted).toBe(true));
});

test('health knows the process and each service, and says NOT_SERVING while draining', async () => {
  const { address, server } = await serve({});
  const names = ['', 'tcc.v1.TransactionService', 'tcc.v1.RegistryService', 'tcc.v1.AdminService'];
  for (const name of names) expect(await health(address, name)).toBe('SERVING');
  await expect(health(address, 'tcc.v1.Nothing')).rejects.toMatchObject({ code: 5 });
  server.startDraining();
  for (const name of names) expect(await health(address, name)).toBe('NOT_SERVING');
});

test('an open health watch does not hold the server up', async () => {
  const server = await serve({}, { closeMs: 10_000 });
  const client = healthClient(server.address);
  const seen: string[] = [];
  const stream = client.watch({ service: '' });
  stream.on('data', ({ status }: { status: string }) => seen.push(status));
  stream.on('error', () => undefined);
  await eventually(() => expect(seen).toEqual(['SERVING']));
  const startedMs = Date.now();
  await server.server.stop();
  // Less than it would have waited for a stream that is in use.
  expect(Date.now() - startedMs).toBeLessThan(8_000);
  expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
  client.close();
});

test('a port that is taken is a clear error', async () => {
  const first = await serve({});
  await expect(startServer({}, { listen: first.address })).rejects.toThrow(
    new RegExp(`^cannot listen on ${first.address}: `),
  );
});

test.each([
  [true, 'answers'],
  [false, 'is not there'],
])('with the switch at %s reflection %s', async (reflection) => {
  const server = await serve({}, { reflection });
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const definition = {
    Info: {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (bytes: Buffer) => bytes,
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  };
  const constructor: ServiceClientConstructor = makeGenericClientConstructor(definition, 'Reflection');
  const client = new constructor(server.address, credentials.createInsecure());
  const stream = (client['Info'] as unknown as () => NodeJS.ReadWriteStream).call(client);
  const answer = new Promise<string>((resolve) => {
    stream.on('data', (bytes: Buffer) => resolve(bytes.toString('latin1')));
    stream.on('error', (error) => resolve(readStatus(error as never).status));
  });
  // list_services: field 7 of ServerReflectionRequest, an empty string.
  stream.write(Buffer.from([0x3a, 0x00]));
  if (reflection) expect(await answer).toContain('tcc.v1.TransactionService');
  else expect(await answer).toBe('UNIMPLEMENTED');
  stream.end();
  client.close();
});
