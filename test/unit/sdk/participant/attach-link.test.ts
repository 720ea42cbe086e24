import type { Server } from '@grpc/grpc-js';

import { fenceNumbers, type RawReplyEntry } from '../../../../src/wire/attach';
import { FenceResult } from '../../../../src/sdk/fence';
import {
  createParticipant,
  type Participant,
  type ParticipantOptions,
  type PhaseHandler,
  Refused,
} from '../../../../src/sdk/participant';
import { eventually } from '../../../support/eventually';
import { entry, FakeAttach, type FakeStream } from './fake-attach';

let coordinator: FakeAttach;
let participant: Participant;
let handler: PhaseHandler;

beforeEach(async () => {
  coordinator = await FakeAttach.start();
  handler = () => undefined;
});

afterEach(async () => {
  for (const stream of coordinator.streams) stream.end();
  await participant.stop();
  coordinator.stop();
});

async function attached(options: Partial<ParticipantOptions> = {}): Promise<FakeStream> {
  participant = createParticipant({ name: 'stock', coordinators: [coordinator.address], drainMs: 100, ...options });
  const serve: PhaseHandler = (call) => handler(call);
  participant.action('deduct', { try: serve, confirm: serve, cancel: serve }, { callTimeoutMs: 700 });
  participant.action('add', { try: serve, confirm: serve, cancel: serve });
  await participant.start();
  return coordinator.stream();
}

const replied = (stream: FakeStream, count: number) =>
  eventually(() => stream.replies.length >= count && stream.replies, { everyMs: 2 });
const ids = (frame: readonly RawReplyEntry[] | undefined) => frame?.map(({ id }) => id).sort((a, b) => a - b);

test('hello says who it is, what it can do and how much it takes', async () => {
  const stream = await attached({ instanceId: 's-1', maxInFlight: 17 });
  expect(stream.hello).toMatchObject({
    participant: 'stock',
    instanceId: 's-1',
    actions: [{ name: 'deduct', callTimeoutMs: 700 }, { name: 'add' }],
    maxCallsInFlight: 17,
    address: '',
  });
});

test('hello of one that listens as well says where', async () => {
  const stream = await attached({ listen: '127.0.0.1:0', lingerMs: 0 });
  expect(stream.hello?.address).toBe(participant.address);
});

test('the calls of a frame are answered in one frame when they end together', async () => {
  const stream = await attached();
  handler = ({ gid, phase }) => `${phase} ${gid}`;
  stream.calls(...Array.from({ length: 500 }, (_, index) => entry(index + 1)));
  const replies = await replied(stream, 500);
  expect(stream.frames).toHaveLength(1);
  expect(ids(replies)).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
  expect(Buffer.from(replies[0]?.reply?.payload?.data ?? []).toString()).toBe('"try g-1"');
});

test('each call has its own outcome, and one bad entry harms no other', async () => {
  const stream = await attached();
  handler = ({ gid }) => {
    if (gid === 'g-2') throw new Refused('no stock');
    if (gid === 'g-3') throw new Error('secret');
    if (gid === 'g-4') return new FenceResult('REPEAT', undefined, undefined);
    return undefined;
  };
  stream.calls(
    entry(1),
    entry(2),
    entry(3),
    entry(4),
    { ...entry(5), phase: 9 },
    { ...entry(6), phase: 0 },
    { ...entry(7), call: null },
    entry(8, { action: 'no-such' }),
    entry(9, {}, 2),
    entry(10, {}, 3),
  );
  const replies = await replied(stream, 10);
  const byId = new Map(replies.map((reply) => [reply.id, reply]));
  expect(byId.get(1)).toMatchObject({ reply: { payload: null, fence: 0 } });
  expect(byId.get(2)).toMatchObject({ failure: { code: 10, message: 'no stock' } });
  expect(byId.get(3)).toMatchObject({ failure: { code: 2, message: 'handler failed' } });
  expect(byId.get(4)).toMatchObject({ reply: { fence: fenceNumbers.REPEAT } });
  expect(byId.get(5)).toMatchObject({ failure: { code: 12, message: 'this participant knows no phase 9' } });
  expect(byId.get(6)).toMatchObject({ failure: { code: 12 } });
  expect(byId.get(7)).toMatchObject({ failure: { code: 3, message: 'the request has no call' } });
  expect(byId.get(8)).toMatchObject({ failure: { code: 12 } });
  for (const id of [9, 10]) expect(byId.get(id)).toMatchObject({ reply: { payload: null } });
});

test('a call above maxInFlight is UNAVAILABLE by itself', async () => {
  const stream = await attached({ maxInFlight: 1 });
  let finish: (value: unknown) => void = () => undefined;
  handler = () => new Promise((resolve) => (finish = resolve));
  stream.calls(entry(1), entry(2));
  expect(await replied(stream, 1)).toMatchObject([{ id: 2, failure: { code: 14 } }]);
  finish(undefined);
  expect((await replied(stream, 2))[1]).toMatchObject({ id: 1, reply: {} });
});

describe('the bounds of the welcome', () => {
  test('no frame of replies has more entries than the coordinator takes', async () => {
    coordinator.welcome = { maxFrameEntries: 10 };
    const stream = await attached();
    stream.calls(...Array.from({ length: 95 }, (_, index) => entry(index + 1)));
    await replied(stream, 95);
    expect(Math.max(...stream.frames.map(({ length }) => length))).toBe(10);
  });

  test('no frame of replies is larger than the coordinator takes; a reply that could not pass is refused alone', async () => {
    coordinator.welcome = { maxFrameBytes: 65_536 };
    const stream = await attached();
    handler = ({ bytes }) => ({ bytes, contentType: 'x/y' });
    const payload = (size: number) => ({ payload: { data: Buffer.alloc(size, 1), contentType: 'x/y' } });
    stream.calls(
      ...[1, 2, 3, 4].map((id) => entry(id, payload(15_000))),
      entry(5, payload(70_000)),
      entry(6, payload(60_000)),
    );
    const replies = await replied(stream, 6);
    const sizes = stream.frames.map((frame) =>
      frame.reduce((sum, { reply }) => sum + (reply?.payload?.data.length ?? 0), 0),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_000);
    expect(replies.find(({ id }) => id === 5)).toMatchObject({ failure: { code: 8 } });
    expect(replies.find(({ id }) => id === 6)?.reply?.payload?.data).toHaveLength(60_000);
  });

  test('a coordinator that says nothing about them has the usual ones', async () => {
    coordinator.welcome = { maxFrameEntries: 0, maxFrameBytes: 0 };
    const stream = await attached();
    stream.calls(entry(1), entry(2));
    await replied(stream, 2);
    expect(stream.frames).toHaveLength(1);
  });
});

test('a call that is larger than other messages may be is served: the coordinator bounds what it sends', async () => {
  const stream = await attached();
  handler = ({ bytes }) => bytes.length;
  stream.calls(entry(1, { payload: { data: Buffer.alloc(6_000_000), contentType: '' } }), entry(2));
  const [first] = await replied(stream, 2);
  expect(Buffer.from(first?.reply?.payload?.data ?? []).toString()).toBe('6000000');
});

test('the signal aborts when the time of the call is over, and its answer is sent all the same', async () => {
  const stream = await attached();
  handler = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('late')));
  stream.calls(entry(1, { remainingMs: 30 }));
  expect(await replied(stream, 1)).toMatchObject([{ id: 1, reply: {} }]);
});

test('the signals of the calls that run abort when the stream is lost; those that were answered hear nothing', async () => {
  const stream = await attached();
  const aborted: string[] = [];
  handler = ({ gid, signal }) => {
    signal.addEventListener('abort', () => aborted.push(gid));
    return gid === 'g-1' ? undefined : new Promise((resolve) => signal.addEventListener('abort', resolve));
  };
  stream.calls(entry(1), entry(2), entry(3));
  await replied(stream, 1);
  (coordinator as unknown as { server: Server }).server.forceShutdown();
  await eventually(() => aborted.length === 2);
  expect(aborted.sort()).toEqual(['g-2', 'g-3']);
});

describe('stop', () => {
  test('says goodbye, answers what runs, and is over when the coordinator ends the stream', async () => {
    const stream = await attached({ drainMs: 5_000 });
    let finish: (value: unknown) => void = () => undefined;
    handler = () => new Promise((resolve) => (finish = resolve));
    stream.calls(entry(1));
    const early = finish;
    await eventually(() => finish !== early);
    let stopped = false;
    const stopping = participant.stop().then(() => (stopped = true));
    await eventually(() => stream.goodbyes === 1);
    // What was on its way when the goodbye was said is served as well.
    handler = () => 'served';
    stream.calls(entry(2));
    await replied(stream, 1);
    expect(stopped).toBe(false);
    finish('done');
    await replied(stream, 2);
    stream.end();
    await stopping;
  });

  test('ends a stream that the coordinator does not end, after drainMs', async () => {
    const stream = await attached({ drainMs: 150 });
    const startedMs = performance.now();
    await participant.stop();
    // Less than it waits by default, 10 s.
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    await eventually(() => stream.isOver);
  });
});
