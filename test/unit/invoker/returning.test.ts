import { RETURN_MS, WAITING_PER_PARTICIPANT } from '../../../src/invoker/attachments';
import { peek, settle } from '../../support/virtual-clock';
import { type Attached, eachWithAttachments, gidsSentTo, returnTo, sized } from './attached';

const house = eachWithAttachments();
const { add, sure } = house;
const gids = gidsSentTo;
const done = { kind: 'done' };

describe('a participant without a stream', () => {
  const absent = { kind: 'unknown', code: 'UNAVAILABLE', message: 'no live instance of stock' };
  const onReturn = (gid: string, more = {}) =>
    returnTo(house.attachments, sized(gid, 0, { timeoutMs: 10_000, ...more })) ??
    Promise.reject(new Error('nobody is expected'));
  const go = ({ attachment }: Attached) => {
    attachment.broken();
    house.attachments.remove(attachment);
  };

  test('is waited for from the start on: its calls go when it attaches, with the time that is left to them', async () => {
    const waiting = onReturn('a');
    await house.clock.advance(300);
    const one = add('s-1');
    await settle();
    expect(one.sent().map((entry) => entry.call?.remainingMs)).toEqual([9_700]);
    one.answer();
    expect(await waiting).toMatchObject(done);
  });

  test('is waited for as long after its last stream, and then no more: its calls are unknown, further ones at once', async () => {
    await house.clock.advance(RETURN_MS * 10);
    expect(returnTo(house.attachments, sized('never here', 0))).toBeUndefined();
    go(add('s-1'));
    const first = onReturn('a');
    await house.clock.advance(RETURN_MS - 1);
    const last = onReturn('b');
    expect((await peek(first)).pending).toBe(true);
    await house.clock.advance(1);
    expect(await Promise.all([first, last])).toMatchObject([absent, absent]);
    expect(returnTo(house.attachments, sized('c', 0))).toBeUndefined();
    expect(house.clock.pending).toBe(0);
  });

  test('that is away again is waited for anew', async () => {
    for (let round = 0; round < 3; round += 1) {
      go(add('s-1'));
      const waiting = onReturn(`g-${round}`);
      await house.clock.advance(RETURN_MS - 1);
      const again = add('s-1');
      await settle();
      again.answer();
      expect(await waiting).toMatchObject(done);
      go(again);
      await house.clock.advance(RETURN_MS);
    }
  });

  test('keeps no call for longer than its own time', async () => {
    go(add('s-1'));
    const short = onReturn('a', { timeoutMs: 50 });
    const long = onReturn('b');
    await house.clock.advance(50);
    expect(await short).toMatchObject(absent);
    expect((await peek(long)).pending).toBe(true);
  });

  test('is waited for by the calls that waited for room, in their order', async () => {
    const one = add('s-1', { maxCalls: 1 });
    const out = sure('a');
    const waiting = [sure('b'), sure('c')];
    go(one);
    waiting.push(onReturn('d'));
    expect(await out).toMatchObject({ kind: 'unknown' });
    const again = add('s-1');
    await settle();
    expect(gids(again)).toEqual(['b', 'c', 'd']);
    again.answer();
    expect(await Promise.all(waiting)).toMatchObject([done, done, done]);
  });

  test('is waited for from its goodbye on, while it answers its last calls', async () => {
    const one = add('s-1');
    const out = sure('a');
    await settle();
    void one.attachment.refuseNew();
    await house.clock.advance(RETURN_MS - 1);
    const waiting = onReturn('b');
    one.answer('a');
    house.attachments.remove(one.attachment);
    expect(await out).toMatchObject(done);
    await house.clock.advance(1);
    expect(await waiting).toMatchObject(absent);
  });

  test('takes at most so many waiting calls: one more is unknown at once', async () => {
    const waiting = Array.from({ length: WAITING_PER_PARTICIPANT }, (_, index) => onReturn(`w-${index}`));
    expect(await onReturn('too-many')).toMatchObject({ kind: 'unknown', code: 'OVERLOADED' });
    await house.clock.advance(RETURN_MS);
    expect((await Promise.all(waiting)).length).toBe(WAITING_PER_PARTICIPANT);
    expect(house.clock.pending).toBe(0);
  });

  test('is not waited for by an action that its attached instances do not serve', async () => {
    const waiting = onReturn('a');
    add('s-1', { actions: new Set(['add']) });
    expect(await waiting).toMatchObject(absent);
    expect(returnTo(house.attachments, sized('b', 0))).toBeUndefined();
  });

  test('is not waited for any more once everything stops, and no timer is left (I13)', async () => {
    const waiting = onReturn('a');
    await house.attachments.stop();
    expect(await waiting).toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
    expect(returnTo(house.attachments, sized('b', 0))).toBeUndefined();
    expect(house.clock.pending).toBe(0);
  });
});
