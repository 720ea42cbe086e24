import { TccError } from '../../../src/lib/errors';
import { HELLO_MS } from '../../../src/rpc/attach-session';
import { FRAME_ENTRIES } from '../../../src/wire/framer';
import { peek, settle } from '../../support/virtual-clock';
import { callBy } from '../invoker/attached';
import { call } from '../invoker/real-participant';
import { attachHouse, type FakeCall } from './attach-house';

let house: ReturnType<typeof attachHouse>;
beforeEach(() => {
  house = attachHouse();
});

async function attached(changes: Parameters<FakeCall['hello']>[0] = {}): Promise<FakeCall> {
  const stream = house.open();
  stream.hello(changes);
  await settle();
  return stream;
}

const make = (gid: string) => callBy(house.attachments, call({ gid }));
const lost = { kind: 'unknown', code: 'UNAVAILABLE' };

describe('hello', () => {
  test('registers the instance, and is then answered by a welcome', async () => {
    const release = house.registry.hold();
    const stream = house.open();
    stream.hello({ address: '10.0.0.7:9000' });
    await settle();
    expect(stream.written).toEqual([]);
    expect(make('too-early')).toBeUndefined();
    release();
    await settle();
    const action = { name: 'deduct', methods: undefined, callTimeoutMs: 0, tryAttempts: 0 };
    expect(house.registry.registered).toEqual([
      [{ participant: 'stock', instanceId: 's-1', address: '10.0.0.7:9000', actions: [action] }, 15_000],
    ]);
    expect(stream.written).toEqual([
      {
        welcome: {
          coordinatorId: 'c-1',
          coordinators: ['10.0.0.1:8480'],
          maxFrameEntries: FRAME_ENTRIES,
          maxFrameBytes: 65_536,
        },
      },
    ]);
    void make('now');
    await settle();
    expect(stream.gids).toEqual(['now']);
  });

  test('with faults ends the stream with all of them', async () => {
    const stream = await attached({ participant: '', actions: [] });
    expect(stream.failure).toMatchObject({
      status: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'hello.participant' }, { field: 'hello.actions' }],
    });
    expect(house.registry.registered).toEqual([]);
  });

  test('said twice ends the stream, and its calls are unknown at once', async () => {
    const stream = await attached();
    const outcome = make('a');
    await settle();
    stream.hello();
    await settle();
    expect(stream.failure).toMatchObject({ status: 'INVALID_ARGUMENT', message: 'a stream says hello once' });
    expect(await outcome).toMatchObject(lost);
    expect(house.clock.pending).toBe(0);
  });

  test('said twice before the first is answered ends the stream too', async () => {
    const release = house.registry.hold();
    const stream = house.open();
    stream.hello();
    stream.hello();
    release();
    await settle();
    expect(stream.failure).toMatchObject({ message: 'a stream says hello once' });
    expect(stream.written).toEqual([]);
    expect(make('a')).toBeUndefined();
  });

  test('while the database is away ends the stream as one that may come again', async () => {
    house.registry.error = new TccError('JOURNAL_UNAVAILABLE', 'away');
    const stream = await attached();
    expect(stream.failure).toMatchObject({ status: 'UNAVAILABLE', reason: 'JOURNAL_UNAVAILABLE' });
    expect(make('a')).toBeUndefined();
  });

  test('of an instance that is gone before it is registered attaches nobody', async () => {
    const release = house.registry.hold();
    const stream = house.open();
    stream.hello();
    await settle();
    stream.emit('cancelled');
    release();
    await settle();
    expect(make('a')).toBeUndefined();
    expect(stream.written).toEqual([]);
    expect(house.clock.pending).toBe(0);
  });

  test('that does not come in time ends the stream', async () => {
    const stream = house.open();
    await house.clock.advance(HELLO_MS - 1);
    expect(stream.isOver).toBe(false);
    await house.clock.advance(1);
    expect(stream.failure).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(stream.failure?.message).toBe(`no hello came within ${HELLO_MS} ms`);
    expect(house.clock.pending).toBe(0);
  });

  test('that came in time may take longer to be registered', async () => {
    const release = house.registry.hold();
    const stream = house.open();
    stream.hello();
    await house.clock.advance(HELLO_MS * 2);
    expect(stream.isOver).toBe(false);
    release();
    await settle();
    expect(stream.written).toHaveLength(1);
  });

  test('asks for flow control, and gets it', async () => {
    const stream = await attached({ maxCallsInFlight: 2 });
    for (const gid of ['a', 'b', 'c']) void make(gid);
    await settle();
    expect(stream.gids).toEqual(['a', 'b']);
    stream.answerAll();
    await settle();
    expect(stream.gids).toEqual(['a', 'b', 'c']);
  });
});

describe('a message out of place', () => {
  test.each([
    ['replies before hello', { replies: { entries: [] } }, 'replies came before the hello was answered'],
    ['nothing', {}, 'a message of the stream has none of hello, replies and goodbye'],
  ])('%s ends the stream', (_, message, text) => {
    const stream = house.open();
    stream.say(message);
    expect(stream.failure).toMatchObject({ status: 'INVALID_ARGUMENT', message: text });
  });

  test('replies before the welcome end the stream', async () => {
    const release = house.registry.hold();
    const stream = house.open();
    stream.hello();
    stream.say({ replies: { entries: [{ id: 1 }] } });
    expect(stream.failure).toMatchObject({ message: 'replies came before the hello was answered' });
    release();
    await settle();
    expect(make('a')).toBeUndefined();
  });

  test('a frame with one reply too many ends the stream, and says how many are allowed', async () => {
    const stream = await attached();
    stream.say({ replies: { entries: Array.from({ length: FRAME_ENTRIES }, () => ({ id: 1 })) } });
    expect(stream.failure).toBeUndefined();
    stream.say({ replies: { entries: Array.from({ length: FRAME_ENTRIES + 1 }, () => ({ id: 1 })) } });
    expect(stream.failure).toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: 'a frame has 1025 replies; at most 1024 are allowed (max_frame_entries)',
    });
  });

  test('after the end of the stream nothing that is said does anything', async () => {
    const stream = house.open();
    stream.say({});
    stream.hello();
    stream.say({ replies: { entries: [] } });
    stream.say({ goodbye: {} });
    await settle();
    expect(house.registry.registered).toEqual([]);
    expect(stream.written).toEqual([]);
    expect(stream.failure).toMatchObject({ message: 'a message of the stream has none of hello, replies and goodbye' });
  });
});

describe('a stream that stands', () => {
  test('renews the registration at a third of its lifetime, whether or not the database is there', async () => {
    await attached();
    await house.clock.advance(5_000);
    expect(house.registry.registered).toHaveLength(2);
    house.registry.error = new TccError('JOURNAL_UNAVAILABLE', 'away');
    await house.clock.advance(10_000);
    expect(house.registry.registered).toHaveLength(4);
    const outcome = make('a');
    expect(outcome).toBeDefined();
  });

  test('passes on that it is full, and that it takes more', async () => {
    const stream = await attached();
    stream.full = true;
    void make('a');
    await settle();
    void make('b');
    await settle();
    expect(stream.gids).toEqual(['a']);
    stream.full = false;
    stream.emit('drain');
    await settle();
    expect(stream.gids).toEqual(['a', 'b']);
  });

  test('sends no frame above half of what a message may hold', async () => {
    const stream = await attached();
    const payload = { data: Buffer.alloc(10_000), contentType: '' };
    for (let index = 0; index < 8; index += 1) void callBy(house.attachments, call({ payload }));
    await settle();
    const frames = stream.written.flatMap(({ calls }) => (calls ? [calls.entries.length] : []));
    expect(frames).toEqual([3, 3, 2]);
  });
});

describe('a stream that ends', () => {
  test.each(['cancelled', 'end', 'error'])(
    'by %s makes its calls unknown at once, and nothing is left',
    async (event) => {
      const stream = await attached();
      const outcome = make('a');
      await settle();
      stream.emit(event, new Error('gone'));
      expect(await outcome).toMatchObject(lost);
      expect(make('b')).toBeUndefined();
      expect(house.clock.pending).toBe(0);
      stream.emit('cancelled');
      stream.answerAll();
      expect(house.registry.deregistered).toEqual([]);
    },
  );

  test('a goodbye ends it when the calls that are out are answered; no new one is sent', async () => {
    const stream = await attached();
    const outcome = make('a');
    await settle();
    stream.say({ goodbye: {} });
    await settle();
    expect(house.registry.deregistered).toEqual(['stock/s-1']);
    expect(make('b')).toBeUndefined();
    expect(stream.isOver).toBe(false);
    stream.answerAll();
    await settle();
    expect(await outcome).toMatchObject({ kind: 'done' });
    expect(stream.ends).toBe(1);
    expect(stream.failure).toBeUndefined();
    expect(house.clock.pending).toBe(0);
  });

  test('after a goodbye it ends at the latest when the time of the calls is over', async () => {
    const stream = await attached();
    const outcome = make('a');
    await settle();
    stream.say({ goodbye: {} });
    await house.clock.advance(3_000);
    expect(await outcome).toMatchObject({ kind: 'unknown', code: 'DEADLINE_EXCEEDED' });
    expect(stream.ends).toBe(1);
  });

  test('a goodbye that cannot be written down is no fault of the instance', async () => {
    const stream = await attached();
    house.registry.error = new TccError('JOURNAL_UNAVAILABLE', 'away');
    stream.say({ goodbye: {} });
    await settle();
    expect(stream.ends).toBe(1);
    expect(stream.failure).toBeUndefined();
  });

  test('a goodbye before hello ends it in good order', () => {
    const stream = house.open();
    stream.say({ goodbye: {} });
    expect(stream.ends).toBe(1);
    expect(house.registry.deregistered).toEqual([]);
  });

  test('after a goodbye the registration is not renewed', async () => {
    const stream = await attached();
    void callBy(house.attachments, call({ timeoutMs: 60_000 }));
    await settle();
    stream.say({ goodbye: {} });
    await house.clock.advance(30_000);
    expect(house.registry.registered).toHaveLength(1);
    expect((await peek(house.service.stop(0))).pending).toBe(true);
    await house.clock.advance(0);
    expect(house.clock.pending).toBe(0);
  });
});
