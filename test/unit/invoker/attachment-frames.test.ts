import { FRAME_ENTRIES } from '../../../src/wire/framer';
import { settle, VirtualClock } from '../../support/virtual-clock';
import { attach, callOn, sized } from './attached';
import { call } from './real-participant';

let clock: VirtualClock;
beforeEach(() => {
  clock = new VirtualClock();
});

const unknown = (code: string) => ({ kind: 'unknown', code });

describe('frames', () => {
  test('the calls of one turn share a frame, up to the bounds', async () => {
    const { attachment, frames } = attach(clock, { maxCalls: 5_000, maxBytes: 1e9, frameBytes: 1_000 });
    for (let index = 0; index < FRAME_ENTRIES + 1; index += 1) void callOn(attachment, sized('g', 0), 100);
    await settle();
    expect(frames[0]?.length).toBeGreaterThan(1);
    expect(frames.map(({ length }) => length).reduce((sum, length) => sum + length)).toBe(FRAME_ENTRIES + 1);
    const before = frames.length;
    void callOn(attachment, sized('a', 600), 100);
    void callOn(attachment, sized('b', 600), 100);
    void callOn(attachment, sized('c', 5_000), 100);
    await settle();
    expect(frames.slice(before).map((frame) => frame.map(({ call: sent }) => sent?.gid))).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
  });

  test('while the stream is full calls gather, and leave with the time that they then have', async () => {
    const attached = attach(clock);
    const { attachment, frames } = attached;
    attached.full = true;
    void callOn(attachment, call({ gid: 'first' }), 1_000);
    await settle();
    void callOn(attachment, call({ gid: 'second' }), 1_000);
    void callOn(attachment, call({ gid: 'third' }), 1_500);
    await clock.advance(400);
    expect(frames).toHaveLength(1);
    attached.full = false;
    attachment.drained();
    await settle();
    expect(frames[1]?.map((entry) => [entry.call?.gid, entry.call?.remainingMs])).toEqual([
      ['second', 600],
      ['third', 1_100],
    ]);
  });

  test('a call whose time is over before it could leave does not leave any more', async () => {
    const attached = attach(clock);
    const { attachment, frames } = attached;
    attached.full = true;
    void callOn(attachment, call({ gid: 'first' }), 10_000);
    await settle();
    const late = callOn(attachment, call({ gid: 'late', timeoutMs: 50 }), 50);
    const other = callOn(attachment, call({ gid: 'other' }), 10_000);
    await clock.advance(50);
    expect(await late).toMatchObject(unknown('DEADLINE_EXCEEDED'));
    attached.full = false;
    attachment.drained();
    await settle();
    expect(frames[1]?.map((entry) => entry.call?.gid)).toEqual(['other']);
    attached.answer();
    expect(await other).toMatchObject({ kind: 'done' });
  });

  test('nothing gathers for an instance that does not read, however long calls keep coming', async () => {
    const attached = attach(clock, { maxCalls: 10 });
    const { attachment, sent } = attached;
    attached.full = true;
    for (let round = 0; round < 50; round += 1) {
      while (attachment.hasRoom(0))
        void callOn(attachment, sized(`round-${round}`, 0, { timeoutMs: 20 }), clock.monotonicMs() + 20);
      await clock.advance(20);
    }
    while (attachment.hasRoom(0)) void callOn(attachment, sized('last', 0), clock.monotonicMs() + 1_000);
    attached.full = false;
    attachment.drained();
    await settle();
    const gids = sent().map((entry) => entry.call?.gid);
    expect(gids).toEqual([...Array<string>(10).fill('round-0'), ...Array<string>(10).fill('last')]);
  });
});

describe('flow control', () => {
  test('there is room for as many calls as the instance asked for', async () => {
    const attached = attach(clock, { maxCalls: 2 });
    const { attachment } = attached;
    for (const gid of ['a', 'b']) {
      expect(attachment.hasRoom(0)).toBe(true);
      void callOn(attachment, sized(gid, 0), 100);
    }
    expect(attachment.hasRoom(0)).toBe(false);
    await settle();
    attached.answer('a');
    expect(attachment.hasRoom(0)).toBe(true);
  });

  test('there is room for as many bytes of payload, to the byte', async () => {
    const attached = attach(clock, { maxBytes: 1_000 });
    const { attachment } = attached;
    void callOn(attachment, sized('a', 400), 100);
    expect(attachment.hasRoom(601)).toBe(false);
    expect(attachment.hasRoom(600)).toBe(true);
    void callOn(attachment, sized('b', 600), 100);
    expect(attachment.hasRoom(0)).toBe(true);
    expect(attachment.hasRoom(1)).toBe(false);
    await settle();
    attached.answer('a');
    expect(attachment.hasRoom(400)).toBe(true);
    expect(attachment.hasRoom(401)).toBe(false);
  });

  test('a call that is larger than the whole bound goes when nothing else is out', async () => {
    const attached = attach(clock, { maxBytes: 1_000 });
    const { attachment } = attached;
    void callOn(attachment, sized('small', 1), 100);
    expect(attachment.hasRoom(5_000)).toBe(false);
    await settle();
    attached.answer();
    expect(attachment.hasRoom(5_000)).toBe(true);
    void callOn(attachment, sized('large', 5_000), 100);
    expect(attachment.hasRoom(0)).toBe(false);
    await clock.advance(100);
    expect(attachment.hasRoom(1_000)).toBe(true);
  });

  test('whoever waits is told of room by replies, by expiry and by the end', async () => {
    let told = 0;
    const attached = attach(clock, { maxCalls: 3 }, () => (told += 1));
    for (const gid of ['a', 'b', 'c']) void callOn(attached.attachment, sized(gid, 0), gid === 'b' ? 50 : 100);
    await settle();
    attached.answer('a');
    expect(told).toBe(1);
    await clock.advance(50);
    expect(told).toBe(2);
    attached.attachment.broken();
    expect(told).toBe(3);
  });
});
