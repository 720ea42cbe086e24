import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';

import { status } from '@grpc/grpc-js';

import type { Phase } from '../../../src/engine/model';
import { Balancer, type Target, type Targets } from '../../../src/invoker/target';
import { UnaryInvoker } from '../../../src/invoker/unary';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { eventually } from '../../support/eventually';
import { call, RealParticipant, type Answer, type Handler } from './real-participant';

const PAYLOAD_BYTES = 1_000;

/** Times that two clocks measured are as far apart as their steps, each a millisecond at most. */
const CLOCKS_APART_MS = 2;
const methods = {
  try: '/stock.v1.StockService/Reserve',
  confirm: '/stock.v1.StockService/Missing',
  cancel: '/stock.v1.StockService/Reserve',
};

describe('UnaryInvoker', () => {
  let targets: Target[];
  let participants: RealParticipant[];
  let invoker: UnaryInvoker;

  function make(inFlightPerParticipant = 1000): UnaryInvoker {
    const balancer = new Balancer(systemClock);
    const fake: Targets = {
      pick: (participant) => balancer.choose(targets.filter((target) => target.participant === participant)),
      began: (key) => balancer.began(key),
      ended: (key, reached) => balancer.ended(key, reached),
    };
    const options = { inFlightPerParticipant, payloadBytes: PAYLOAD_BYTES, messageBytes: 4 * 1024 * 1024 };
    return new UnaryInvoker(options, { targets: fake, clock: systemClock, logger: silentLogger });
  }

  function target(address: string, more: Partial<Target> = {}): void {
    targets.push({
      key: `stock/${targets.length}`,
      participant: 'stock',
      instanceId: String(targets.length),
      address,
      methods: undefined,
      ...more,
    });
  }

  async function participant(handler?: Handler, more: Partial<Target> = {}): Promise<RealParticipant> {
    const started = await new RealParticipant(handler).start();
    participants.push(started);
    target(started.address, more);
    return started;
  }

  beforeEach(() => {
    targets = [];
    participants = [];
    invoker = make();
  });

  afterEach(async () => {
    await invoker.stop();
    for (const participant of participants) participant.stop();
  });

  it.each(['try', 'confirm', 'cancel'] satisfies Phase[])('%s arrives with all that belongs to it', async (phase) => {
    const stock = await participant();
    const sentAtMs = Date.now();
    await expect(invoker.call(call({ phase, attempt: 3, timeoutMs: 60_000 }))).resolves.toMatchObject({ kind: 'done' });
    const tookMs = Date.now() - sentAtMs;
    const [seen] = stock.seen;
    expect(seen).toMatchObject({
      phase,
      call: {
        gid: 'order-1',
        branchId: 'stock-deduct',
        action: 'deduct',
        attempt: 3,
        payload: { data: Buffer.from('{"sku":"A"}'), contentType: 'application/json' },
      },
    });
    expect(seen?.call.remainingMs).toBeGreaterThanOrEqual(60_000 - tookMs - CLOCKS_APART_MS);
    expect(seen?.call.remainingMs).toBeLessThanOrEqual(60_000);
    expect((seen?.deadlineMs ?? 0) - sentAtMs).toBeLessThanOrEqual(60_000 + tookMs + CLOCKS_APART_MS);
  });

  it.each([
    ['ABORTED', 'refused'],
    ['FAILED_PRECONDITION', 'refused'],
    ['NOT_FOUND', 'refused'],
    ['ALREADY_EXISTS', 'refused'],
    ['INVALID_ARGUMENT', 'refused'],
    ['OUT_OF_RANGE', 'refused'],
    ['RESOURCE_EXHAUSTED', 'refused'],
    ['UNAVAILABLE', 'unknown'],
    ['DEADLINE_EXCEEDED', 'unknown'],
    ['UNKNOWN', 'unknown'],
    ['INTERNAL', 'unknown'],
    ['CANCELLED', 'unknown'],
    ['DATA_LOSS', 'unknown'],
    ['UNIMPLEMENTED', 'never'],
    ['UNAUTHENTICATED', 'never'],
    ['PERMISSION_DENIED', 'never'],
  ] satisfies [keyof typeof status, string][])('%s means %s', async (code, kind) => {
    await participant(() => ({ code: status[code], details: 'no stöck' }));
    for (const phase of ['try', 'confirm', 'cancel'] as const) {
      await expect(invoker.call(call({ phase }))).resolves.toEqual({ kind, code, message: 'no stöck' });
    }
  });

  it('a long message is cut', async () => {
    await participant(() => ({ code: status.ABORTED, details: 'x'.repeat(5_000) }));
    const outcome = await invoker.call(call());
    expect(outcome.kind === 'refused' && outcome.message.length).toBe(512);
  });

  it("a Try's reply and what the fence found come back", async () => {
    const answers: Answer[] = [
      { payload: { data: Buffer.from('42'), contentType: 'application/json' }, fence: 'FENCE_OUTCOME_FRESH' },
      { payload: null, fence: 'FENCE_OUTCOME_REPEAT' },
      { fence: 'FENCE_OUTCOME_UNSPECIFIED' },
      { fence: 99 as never },
    ];
    await participant(() => answers.shift() ?? {});
    await expect(invoker.call(call())).resolves.toEqual({
      kind: 'done',
      reply: { data: Buffer.from('42'), contentType: 'application/json' },
      fence: 'FRESH',
    });
    await expect(invoker.call(call())).resolves.toEqual({ kind: 'done', reply: undefined, fence: 'REPEAT' });
    await expect(invoker.call(call())).resolves.toEqual({ kind: 'done', reply: undefined, fence: undefined });
    await expect(invoker.call(call())).resolves.toEqual({ kind: 'done', reply: undefined, fence: undefined });
  });

  it('only a Try is at fault for its reply: Confirm and Cancel are done whatever they carry', async () => {
    const data = Buffer.alloc(PAYLOAD_BYTES + 1);
    await participant(() => ({ payload: { data }, fence: 'FENCE_OUTCOME_EMPTY_ROLLBACK' }));
    await expect(invoker.call(call())).resolves.toEqual({
      kind: 'never',
      code: 'REPLY_TOO_LARGE',
      message: 'the Try is done, but its reply has 1001 bytes and at most 1000 may be stored',
    });
    await expect(invoker.call(call({ phase: 'cancel' }))).resolves.toEqual({
      kind: 'done',
      reply: undefined,
      fence: 'EMPTY_ROLLBACK',
    });
  });

  it('a Try whose reply cannot be stored or read is never going to work', async () => {
    await participant(() => ({ payload: { contentType: 'x'.repeat(65) } }));
    await expect(invoker.call(call())).resolves.toMatchObject({ kind: 'never', code: 'MALFORMED_REPLY' });
  });

  it("native methods get the payload's bytes and give theirs, byte for byte", async () => {
    const stock = await participant(undefined, { methods });
    stock.nativeReply = randomBytes(500);
    const data = randomBytes(700).subarray(100);
    const outcome = await invoker.call(call({ payload: { data, contentType: '' }, attempt: 2, timeoutMs: 1_000 }));
    expect(outcome).toEqual({
      kind: 'done',
      reply: { data: stock.nativeReply, contentType: 'application/grpc+proto' },
      fence: undefined,
    });
    expect(stock.native[0]?.request.equals(data)).toBe(true);
    const { 'tcc-remaining-ms': remaining, ...metadata } = stock.native[0]?.metadata.getMap() ?? {};
    expect(metadata).toMatchObject({
      'tcc-gid': 'order-1',
      'tcc-branch-id': 'stock-deduct',
      'tcc-action': 'deduct',
      'tcc-phase': 'try',
      'tcc-attempt': '2',
    });
    expect(Number(remaining)).toBeGreaterThan(0);
    expect(Number(remaining)).toBeLessThanOrEqual(1_000);
    expect(stock.seen).toEqual([]);
  });

  it('an empty native request and reply are messages too', async () => {
    const stock = await participant(undefined, { methods });
    const outcome = await invoker.call(call({ payload: { data: new Uint8Array(), contentType: '' } }));
    expect(outcome).toMatchObject({ kind: 'done', reply: { data: Buffer.alloc(0) } });
    expect(stock.native[0]?.request.length).toBe(0);
  });

  it('a native method that is not there is never going to work', async () => {
    await participant(undefined, { methods });
    await expect(invoker.call(call({ phase: 'confirm' }))).resolves.toMatchObject({
      kind: 'never',
      code: 'UNIMPLEMENTED',
    });
  });

  it('a call that is not answered in time is unknown', async () => {
    await participant(() => new Promise(() => undefined));
    const outcome = await invoker.call(call({ timeoutMs: 100 }));
    expect(outcome).toMatchObject({ kind: 'unknown', code: 'DEADLINE_EXCEEDED' });
  });

  it('a refused connection is unknown at once, and the participant is called again once it is back', async () => {
    const stock = await participant();
    const port = Number(stock.address.split(':')[1]);
    await invoker.call(call());
    stock.stop();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      // Whoever waited for the connection or for the time would hear DEADLINE_EXCEEDED.
      const refused = await invoker.call(call({ timeoutMs: 20_000 }));
      expect(refused).toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
    }
    await stock.start(port);
    await eventually(async () => (await invoker.call(call())).kind === 'done');
  });

  it('a participant that dies with a call in its hands leaves it unknown', async () => {
    const stock = await participant(() => new Promise(() => undefined));
    const outcome = invoker.call(call());
    await eventually(() => stock.seen.length === 1);
    stock.stop();
    await expect(outcome).resolves.toMatchObject({ kind: 'unknown' });
  });

  it('a peer that never speaks is unknown when the time is over', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    target(`127.0.0.1:${(silent.address() as AddressInfo).port}`);
    await expect(invoker.call(call({ timeoutMs: 200 }))).resolves.toMatchObject({ kind: 'unknown' });
    await invoker.stop();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('without a live instance the call is unknown and says so', async () => {
    const outcome = await invoker.call(call());
    expect(outcome).toEqual({ kind: 'unknown', code: 'UNAVAILABLE', message: 'no live instance of stock' });
  });

  it('an address is never taken for a path', async () => {
    target('unix:/tmp/not-for-you.sock');
    await expect(invoker.call(call({ timeoutMs: 500 }))).resolves.toMatchObject({ kind: 'unknown' });
  });

  it('two instances share the calls', async () => {
    const both = [await participant(), await participant()];
    await Promise.all(Array.from({ length: 100 }, () => invoker.call(call())));
    expect(both.map(({ seen }) => seen.length)).toEqual([50, 50]);
  });

  it('a slow instance gets fewer calls than a quick one', async () => {
    const slow = await participant(() => new Promise(() => undefined));
    const quick = await participant();
    const stuck = [invoker.call(call({ timeoutMs: 60_000 })), invoker.call(call({ timeoutMs: 60_000 }))];
    // That the quick one has seen its call is not enough: until its answer is back here, both have as much to do.
    expect(await stuck[1]).toMatchObject({ kind: 'done' });
    await eventually(() => slow.seen.length === 1);
    for (let n = 0; n < 20; n += 1) await invoker.call(call());
    expect([slow.seen.length, quick.seen.length]).toEqual([1, 21]);
    await invoker.stop();
    await Promise.all(stuck);
  });

  it('a dead instance is avoided while another lives', async () => {
    const dead = await participant();
    const living = await participant();
    dead.stop();
    const outcomes = [];
    for (let n = 0; n < 20; n += 1) outcomes.push((await invoker.call(call())).kind);
    expect(outcomes.filter((kind) => kind === 'unknown')).toHaveLength(1);
    expect(living.seen).toHaveLength(19);
  });

  it('a participant over its bound holds back itself only', async () => {
    await invoker.stop();
    invoker = make(2);
    const slow = await participant(() => new Promise(() => undefined));
    await participant(undefined, { participant: 'payments' });
    const running = Array.from({ length: 11 }, () => invoker.call(call({ timeoutMs: 60_000 })));
    await expect(running[10]).resolves.toMatchObject({ kind: 'unknown', code: 'OVERLOADED' });
    await eventually(() => slow.seen.length === 2);
    await expect(invoker.call(call({ participant: 'payments' }))).resolves.toMatchObject({ kind: 'done' });
    await invoker.stop();
    const kinds = (await Promise.all(running)).map(({ kind }) => kind);
    expect(kinds).toEqual(Array.from({ length: 11 }, () => 'unknown'));
    expect(slow.most).toBe(2);
  });

  it('a call that waited for its turn is sent with the time that is left', async () => {
    await invoker.stop();
    invoker = make(1);
    let release: (answer: Answer) => void = () => undefined;
    const first = new Promise<Answer>((resolve) => (release = resolve));
    const stock = await participant(() => (stock.seen.length === 1 ? first : {}));
    const askedMs = performance.now();
    const calls = [invoker.call(call({ timeoutMs: 60_000 })), invoker.call(call({ timeoutMs: 60_000 }))];
    await eventually(() => stock.seen.length === 1);
    await eventually(() => performance.now() - askedMs > 30, { everyMs: 5 });
    const waitedMs = performance.now() - askedMs;
    release({});
    await Promise.all(calls);
    expect(stock.seen[1]?.call.remainingMs).toBeLessThanOrEqual(60_000 - waitedMs + CLOCKS_APART_MS);
  });

  it('stop ends the calls in flight and in the queue, and takes no more', async () => {
    await invoker.stop();
    invoker = make(1);
    const stock = await participant(() => new Promise(() => undefined));
    const calls = [invoker.call(call()), invoker.call(call())];
    await eventually(() => stock.seen.length === 1);
    await invoker.stop();
    await expect(Promise.all(calls)).resolves.toMatchObject([
      { kind: 'unknown', code: 'CANCELLED' },
      { kind: 'unknown', code: 'UNAVAILABLE' },
    ]);
    await expect(invoker.call(call())).resolves.toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
  });
});
