import { RETURN_MS, WAITING_PER_PARTICIPANT } from '../../../src/invoker/attachments';
import { peek, settle } from '../../support/virtual-clock';
import { attach, callBy, eachWithAttachments, gidsSentTo, sized } from './attached';
import { call } from './real-participant';

const house = eachWithAttachments();
const { add, make, sure } = house;
const gids = gidsSentTo;
const done = { kind: 'done' };

describe('whom a call goes to', () => {
  test('nobody when no attached instance serves it: another carrier may', () => {
    expect(make('a')).toBeUndefined();
    add('s-1');
    expect(make('a', { action: 'add' })).toBeUndefined();
    expect(make('a', { participant: 'points' })).toBeUndefined();
    expect(make('a')).toBeDefined();
  });

  test('the instance with the fewest calls out', async () => {
    const [one, two] = [add('s-1'), add('s-2')];
    for (const gid of ['a', 'b', 'c', 'd']) void make(gid);
    await settle();
    expect([one, two].map((each) => each.attachment.inFlight)).toEqual([2, 2]);
    two.answer();
    for (const gid of ['e', 'f']) void make(gid);
    await settle();
    expect([one, two].map((each) => each.attachment.inFlight)).toEqual([2, 2]);
    expect(gids(two).slice(-2)).toEqual(['e', 'f']);
  });

  test('each in turn where they have equally many out, so that one that fails at once does not get every call', async () => {
    const instances = [add('s-1'), add('s-2'), add('s-3')];
    for (let round = 0; round < 6; round += 1) {
      const outcome = make(`g-${round}`);
      await settle();
      for (const instance of instances) instance.answer();
      expect(await outcome).toMatchObject(done);
    }
    expect(instances.map((each) => gids(each).length)).toEqual([2, 2, 2]);
  });

  test('an instance that does not serve the action is passed over, however little it has to do', async () => {
    const old = add('s-1', { actions: new Set(['add']) });
    const fresh = add('s-2', { actions: new Set(['add', 'deduct']) });
    for (const gid of ['a', 'b', 'c']) void make(gid);
    await settle();
    expect(gids(old)).toEqual([]);
    expect(gids(fresh)).toEqual(['a', 'b', 'c']);
  });

  test('an instance without room is passed over; each participant has its own', async () => {
    const [full, free, other] = [add('s-1', { maxCalls: 1 }), add('s-2'), add('p-1', { participant: 'points' })];
    for (const gid of ['a', 'b', 'c', 'd']) void make(gid);
    void make('e', { participant: 'points' });
    await settle();
    expect(gids(full)).toHaveLength(1);
    expect(gids(free)).toHaveLength(3);
    expect(gids(other)).toEqual(['e']);
  });
});

describe('calls that wait for room', () => {
  test('go in the order of their arrival as room comes', async () => {
    const one = add('s-1', { maxCalls: 1 });
    const outcomes = ['a', 'b', 'c'].map((gid) => sure(gid));
    for (const gid of ['a', 'b', 'c']) {
      await settle();
      expect(gids(one).at(-1)).toBe(gid);
      one.answer(gid);
    }
    expect(await Promise.all(outcomes)).toMatchObject([done, done, done]);
    expect(house.clock.pending).toBeLessThanOrEqual(2);
  });

  test('go to an instance that attaches meanwhile', async () => {
    add('s-1', { maxCalls: 1 });
    for (const gid of ['a', 'b', 'c']) void make(gid);
    const two = add('s-2');
    await settle();
    expect(gids(two)).toEqual(['b', 'c']);
  });

  test('leave with the time that is left to them', async () => {
    const one = add('s-1', { maxCalls: 1 });
    void make('a', { timeoutMs: 1_000 });
    void make('b', { timeoutMs: 1_000 });
    await house.clock.advance(300);
    one.answer('a');
    await settle();
    expect(one.sent().map((entry) => entry.call?.remainingMs)).toEqual([1_000, 700]);
  });

  test('become unknown when their time is over, and are never sent', async () => {
    const one = add('s-1', { maxCalls: 1 });
    const first = sure('a', { timeoutMs: 1_000 });
    const late = make('b', { timeoutMs: 50 });
    const later = sure('c', { timeoutMs: 500 });
    await house.clock.advance(50);
    expect(await late).toMatchObject({
      kind: 'unknown',
      code: 'OVERLOADED',
      message: 'not sent: waited 50 ms for room at stock',
    });
    one.answer('a');
    await settle();
    one.answer('c');
    expect(await Promise.all([first, later])).toMatchObject([done, done]);
    expect(gids(one)).toEqual(['a', 'c']);
  });

  test('are bounded: one more is unknown at once', async () => {
    const one = add('s-1', { maxCalls: 1 });
    void make('first');
    const waiting = Array.from({ length: WAITING_PER_PARTICIPANT }, (_, index) => sure(`w-${index}`));
    const tooMany = make('too-many');
    expect(await tooMany).toMatchObject({ kind: 'unknown', code: 'OVERLOADED' });
    one.attachment.broken();
    house.attachments.remove(one.attachment);
    await house.clock.advance(RETURN_MS);
    const outcomes = await Promise.all(waiting);
    expect(new Set(outcomes.map((outcome) => outcome.kind))).toEqual(new Set(['unknown']));
    expect(house.clock.pending).toBe(0);
  });

  test('of one action do not hold back those of another that another instance serves', async () => {
    const old = add('s-1', { actions: new Set(['add']), maxCalls: 1 });
    for (const gid of ['a', 'b']) void make(gid, { action: 'add' });
    const fresh = add('s-2');
    const outcome = make('c');
    await settle();
    expect(gids(fresh)).toEqual(['c']);
    fresh.answer();
    expect(await outcome).toMatchObject(done);
    expect(gids(old)).toEqual(['a']);
  });

  test('of two actions take turns by their arrival', async () => {
    const one = add('s-1', { actions: new Set(['add', 'deduct']), maxCalls: 1 });
    void make('first');
    for (const [gid, action] of [
      ['a', 'add'],
      ['b', 'deduct'],
      ['c', 'add'],
      ['d', 'deduct'],
    ])
      void make(gid ?? '', { action });
    for (const gid of ['first', 'a', 'b', 'c', 'd']) {
      await settle();
      expect(gids(one).at(-1)).toBe(gid);
      one.answer(gid);
    }
  });

  test('a large one is not passed by smaller ones of its action', async () => {
    const one = add('s-1', { maxBytes: 1_000 });
    void callBy(house.attachments, sized('a', 600));
    void callBy(house.attachments, sized('large', 900));
    void callBy(house.attachments, sized('small', 10));
    await settle();
    expect(gids(one)).toEqual(['a']);
    one.answer('a');
    await settle();
    expect(gids(one)).toEqual(['a', 'large', 'small']);
  });
});

describe('when an instance goes', () => {
  test('its calls are unknown at once, and those that wait go to another that serves them', async () => {
    const one = add('s-1', { maxCalls: 1 });
    const first = make('a');
    const two = add('s-2', { maxCalls: 1 });
    void make('b');
    const waiting = sure('c');
    await settle();
    one.attachment.broken();
    house.attachments.remove(one.attachment);
    expect(await first).toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
    expect((await peek(waiting)).pending).toBe(true);
    two.answer('b');
    await settle();
    expect(gids(two)).toEqual(['b', 'c']);
  });

  test('those that wait and that no other serves are unknown at once, and the next goes to another carrier', async () => {
    const one = add('s-1', { maxCalls: 1 });
    add('s-2', { actions: new Set(['add']) });
    void make('a');
    const waiting = make('b');
    void one.attachment.refuseNew();
    expect(await waiting).toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE', message: 'no live instance of stock' });
    expect(make('c')).toBeUndefined();
    expect(make('d', { action: 'add' })).toBeDefined();
  });

  test('one that refuses new calls gets none, while another does', async () => {
    const [one, two] = [add('s-1'), add('s-2')];
    void one.attachment.refuseNew();
    for (const gid of ['a', 'b']) void make(gid);
    await settle();
    expect(gids(one)).toEqual([]);
    expect(gids(two)).toEqual(['a', 'b']);
  });

  test('the last one leaves nothing behind, and may come back', async () => {
    const one = add('s-1');
    const lost = make('a');
    one.attachment.broken();
    house.attachments.remove(one.attachment);
    house.attachments.remove(one.attachment);
    expect(await lost).toMatchObject({ kind: 'unknown' });
    expect(house.clock.pending).toBe(0);
    expect(make('c')).toBeUndefined();
    const again = add('s-1');
    void make('d');
    await settle();
    expect(gids(again)).toEqual(['d']);
  });
});

test('room at a participant that nobody attached to is no event', () => {
  expect(() => house.attachments.roomChanged('nobody')).not.toThrow();
  expect(() => house.attachments.remove(attach(house.clock).attachment)).not.toThrow();
});

test('a call is given the id, and the time, of the stream that carries it', async () => {
  const [one, two] = [add('s-1'), add('s-2')];
  void callBy(house.attachments, call({ timeoutMs: 10 }));
  void callBy(house.attachments, call({ timeoutMs: 20 }));
  await settle();
  expect([one, two].flatMap(({ sent }) => sent().map(({ id }) => id))).toEqual([1, 1]);
});
