import { fenceNumbers, type RawReplyEntry } from '../../../src/wire/attach';
import { peek, settle, VirtualClock } from '../../support/virtual-clock';
import { attach, callOn, sized } from './attached';
import { call } from './real-participant';

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

const unknown = (code: string) => ({ kind: 'unknown', code });

describe('a call', () => {
  test('leaves with everything that the unary request has, and ends by its reply', async () => {
    const { attachment, frames } = attach(clock);
    const outcome = callOn(attachment, call({ attempt: 2, timeoutMs: 3_000 }), 3_000);
    expect(attachment.inFlight).toBe(1);
    await settle();
    expect(frames).toEqual([
      [
        {
          id: 1,
          phase: 1,
          call: {
            gid: 'order-1',
            branchId: 'stock-deduct',
            action: 'deduct',
            attempt: 2,
            remainingMs: 3_000,
            payload: { data: Buffer.from('{"sku":"A"}'), contentType: 'application/json' },
          },
        },
      ],
    ]);
    const payload = { data: Buffer.from('7'), contentType: 'application/json' };
    attachment.answered([{ id: 1, reply: { payload, fence: fenceNumbers.REPEAT } }]);
    expect(await outcome).toEqual({ kind: 'done', reply: payload, fence: 'REPEAT' });
    expect(attachment.inFlight).toBe(0);
  });

  test('each phase has its number, and only a Try has a reply', async () => {
    const { attachment, frames } = attach(clock);
    const outcomes = (['try', 'confirm', 'cancel'] as const).map((phase) => callOn(attachment, call({ phase }), 100));
    await settle();
    expect(frames[0]?.map(({ phase }) => phase)).toEqual([1, 2, 3]);
    const reply = { payload: { data: Buffer.from('x'), contentType: '' }, fence: 0 };
    attachment.answered([1, 2, 3].map((id) => ({ id, reply })));
    expect(
      (await Promise.all(outcomes)).map((outcome) => 'reply' in outcome && outcome.reply?.data.toString()),
    ).toEqual(['x', undefined, undefined]);
  });

  test.each<[string, Omit<RawReplyEntry, 'id'>, object]>([
    ['neither a reply nor a failure', {}, { kind: 'done', reply: undefined, fence: undefined }],
    ['an empty reply', { reply: {} }, { kind: 'done', reply: undefined }],
    ['a fence outcome that is not known here', { reply: { fence: 99 } }, { kind: 'done', fence: undefined }],
    [
      'a refusal',
      { failure: { code: 10, message: 'no stock' } },
      { kind: 'refused', code: 'ABORTED', message: 'no stock' },
    ],
    [
      'a refusal by the fence',
      { failure: { code: 10, message: '', fence: 4 } },
      { kind: 'refused', fence: 'HANGING_REFUSED' },
    ],
    ['a failure that says OK', { failure: { code: 0, message: 'x' } }, unknown('UNKNOWN')],
    ['a failure with a number that is no status', { failure: { code: 4_000, message: 'x' } }, unknown('UNKNOWN')],
    ['a failure that will last', { failure: { code: 12, message: 'x' } }, { kind: 'never', code: 'UNIMPLEMENTED' }],
    [
      'a reply above the bound',
      { reply: { payload: { data: Buffer.alloc(101), contentType: '' } } },
      { kind: 'never', code: 'REPLY_TOO_LARGE' },
    ],
    [
      'a content type that cannot be stored',
      { reply: { payload: { data: Buffer.alloc(1), contentType: 'é' } } },
      { kind: 'never', code: 'MALFORMED_REPLY' },
    ],
  ])('%s means what it means in a unary answer', async (_, reply, expected) => {
    const { attachment } = attach(clock);
    const outcome = callOn(attachment, call(), 100);
    await settle();
    attachment.answered([{ id: 1, ...reply }]);
    expect(await outcome).toMatchObject(expected);
  });

  test('a small reply does not keep the frame that it came in', async () => {
    const { attachment } = attach(clock);
    const outcome = callOn(attachment, call(), 100);
    await settle();
    const frame = Buffer.alloc(1_000_000, 7);
    attachment.answered([{ id: 1, reply: { payload: { data: frame.subarray(10, 20), contentType: '' } } }]);
    const result = await outcome;
    const data = result.kind === 'done' ? result.reply?.data : undefined;
    expect(data).toEqual(Buffer.alloc(10, 7));
    expect(data?.buffer.byteLength).toBeLessThan(100_000);
  });

  test('ends when its time is over, and a reply after that is dropped', async () => {
    const { attachment } = attach(clock);
    const slow = callOn(attachment, call({ timeoutMs: 50 }), 50);
    const other = callOn(attachment, call({ timeoutMs: 80 }), 80);
    await clock.advance(49);
    expect((await peek(slow)).pending).toBe(true);
    await clock.advance(1);
    expect(await slow).toMatchObject({ ...unknown('DEADLINE_EXCEEDED'), message: 'no answer in 50 ms' });
    expect(attachment.inFlight).toBe(1);
    attachment.answered([{ id: 1, reply: {} }]);
    expect(attachment.inFlight).toBe(1);
    attachment.answered([{ id: 2, reply: {} }]);
    expect(await other).toMatchObject({ kind: 'done' });
  });

  test('a second reply, and one to an id that was never given, are dropped', async () => {
    const { attachment } = attach(clock);
    const outcome = callOn(attachment, call(), 100);
    await settle();
    attachment.answered([
      { id: 77, reply: {} },
      { id: 1, failure: { code: 10, message: 'first' } },
      { id: 1, reply: {} },
    ]);
    expect(await outcome).toMatchObject({ kind: 'refused', message: 'first' });
    expect(attachment.hasRoom(1_000)).toBe(true);
  });

  test('is unknown at once when the stream breaks, whether it has left or not', async () => {
    const { attachment, frames } = attach(clock);
    const left = callOn(attachment, call(), 100);
    await settle();
    const waiting = callOn(attachment, call(), 100);
    attachment.broken();
    expect(await Promise.all([left, waiting])).toMatchObject([unknown('UNAVAILABLE'), unknown('UNAVAILABLE')]);
    expect(clock.pending).toBe(0);
    await settle();
    expect(frames).toHaveLength(1);
    expect(attachment.serves('deduct')).toBe(false);
    expect(attachment.hasRoom(0)).toBe(false);
    attachment.answered([{ id: 1, reply: {} }]);
    attachment.broken();
  });

  test('of thousands each ends once, whatever ends them', async () => {
    const count = 3_000;
    const { attachment, sent } = attach(clock, { maxCalls: count, maxBytes: 1e9 });
    const ends = new Map<number, number>();
    const kinds: Record<string, number> = {};
    const outcomes = Array.from({ length: count }, (_, index) =>
      callOn(attachment, call({ gid: `g-${index}` }), 10 + (index % 7)).then((outcome) => {
        ends.set(index, (ends.get(index) ?? 0) + 1);
        const kind = outcome.kind === 'done' ? 'done' : outcome.code;
        kinds[kind] = (kinds[kind] ?? 0) + 1;
      }),
    );
    await settle();
    const thirds = sent().filter(({ id }) => id % 3 === 0);
    attachment.answered(thirds.map(({ id }) => ({ id, reply: {} })));
    await clock.advance(12);
    attachment.answered(
      sent()
        .map(({ id }) => ({ id, reply: {} }))
        .slice(0, 2_000),
    );
    attachment.broken();
    await Promise.all(outcomes);
    expect(new Set(ends.values())).toEqual(new Set([1]));
    expect(ends.size).toBe(count);
    expect(Object.keys(kinds).sort()).toEqual(['DEADLINE_EXCEEDED', 'UNAVAILABLE', 'done']);
    expect(attachment.inFlight).toBe(0);
    expect(clock.pending).toBe(0);
  });
});

describe('refuseNew', () => {
  test('takes no call any more, and resolves when the last one that is out has ended', async () => {
    const attached = attach(clock);
    const { attachment } = attached;
    const outcomes = [callOn(attachment, sized('a', 0), 100), callOn(attachment, sized('b', 0), 100)];
    const idle = attachment.refuseNew();
    expect(attachment.serves('deduct')).toBe(false);
    expect(attachment.hasRoom(0)).toBe(false);
    await settle();
    expect(attached.sent()).toHaveLength(2);
    attached.answer('a');
    expect((await peek(idle)).pending).toBe(true);
    attached.answer('b');
    await idle;
    expect(await Promise.all(outcomes)).toMatchObject([{ kind: 'done' }, { kind: 'done' }]);
  });

  test('resolves at once when nothing is out, and by expiry or the end of the stream otherwise', async () => {
    await attach(clock).attachment.refuseNew();
    const slow = attach(clock).attachment;
    void callOn(slow, call(), 50);
    const both = [slow.refuseNew(), slow.refuseNew()];
    await clock.advance(50);
    await Promise.all(both);
    const broken = attach(clock).attachment;
    void callOn(broken, call(), 5_000);
    const idle = broken.refuseNew();
    broken.broken();
    await idle;
  });
});

test('it serves the actions that it named', () => {
  const { attachment } = attach(clock, { actions: new Set(['deduct', 'add']) });
  expect(['deduct', 'add', 'toString', ''].map((action) => attachment.serves(action))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('ids begin again after the largest, and pass over those that are still out', async () => {
  const attached = attach(clock);
  const { attachment, sent } = attached;
  const oldest = callOn(attachment, sized('oldest', 0), 10_000);
  // Four thousand million calls would take too long.
  (attachment as unknown as { out: { last: number } }).out.last = 2 ** 32 - 3;
  const later = ['a', 'b', 'c', 'd'].map((gid) => callOn(attachment, sized(gid, 0), 10_000));
  await settle();
  expect(sent().map(({ id }) => id)).toEqual([1, 2 ** 32 - 2, 2 ** 32 - 1, 2, 3]);
  attached.answer();
  expect((await Promise.all([oldest, ...later])).every(({ kind }) => kind === 'done')).toBe(true);
});
