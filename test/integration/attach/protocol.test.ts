import type { RawCallEntry } from '../../../src/wire/attach';
import { FRAME_ENTRIES } from '../../../src/wire/framer';
import { eventually } from '../../support/eventually';
import { type Coordinator, House } from './coordinators';
import { type RawInstance, yes } from './raw-instance';

const house = new House();
let coordinator: Coordinator;
beforeAll(async () => {
  // Longer than anything here takes: a call is asked again only because of what the test is about.
  coordinator = await new House().coordinator(house.newUrl(), '--calls-timeout-ms', '30000');
});
afterEach(() => house.clear());
afterAll(async () => {
  await coordinator.stop();
  house.remove();
});

let gids = 0;
const gid = () => `p-${(gids += 1)}`;
const confirmed = 'TRANSACTION_STATUS_CONFIRMED';
const cancelled = 'TRANSACTION_STATUS_CANCELLED';

const willing = (changes: Parameters<RawInstance['hello']>[0] = {}) => house.willing(coordinator.address, changes);

describe('hello', () => {
  test('is answered by who the coordinator is, where all of them are, and what a frame may hold', async () => {
    const instance = await house.instance(coordinator.address);
    expect(instance.heard).toMatchObject([
      {
        welcome: {
          coordinatorId: expect.stringMatching(/^test-/) as string,
          coordinators: [coordinator.address],
          maxFrameEntries: FRAME_ENTRIES,
          maxFrameBytes: 4_194_304,
        },
      },
    ]);
    expect(await coordinator.instances()).toMatchObject([{ instanceId: 's-1', address: '', live: true }]);
  });

  test('with faults is refused with a violation for each field', async () => {
    const instance = house.stranger(coordinator.address);
    const actions = [{ name: 'a b' }, { name: 'x', methods: { try: '/a.B/C', confirm: '/a.B/C', cancel: '/a.B/C' } }];
    instance.say({
      hello: {
        participant: '',
        instanceId: 'i/1',
        actions,
        maxCallsInFlight: 100_001,
        maxBytesInFlight: 1,
        address: 'nowhere',
      },
    });
    const report = await instance.ended;
    expect(report).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(report?.violations.map(({ field }) => field)).toEqual([
      'hello.participant',
      'hello.instance_id',
      'hello.address',
      'hello.max_calls_in_flight',
      'hello.max_bytes_in_flight',
      'hello.actions[0].name',
      'hello.actions[1].methods',
    ]);
  });

  test('is said once', async () => {
    const instance = await house.instance(coordinator.address);
    await instance.hello();
    expect(await instance.ended).toMatchObject({ status: 'INVALID_ARGUMENT', message: 'a stream says hello once' });
  });

  test('comes first: replies before it are refused', async () => {
    const instance = house.stranger(coordinator.address);
    instance.reply({ id: 1, reply: {} });
    expect(await instance.ended).toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: 'replies came before the hello was answered',
    });
  });
});

describe('a message', () => {
  test('without any field is refused', async () => {
    const instance = await house.instance(coordinator.address);
    instance.say({});
    expect(await instance.ended).toMatchObject({
      message: expect.stringContaining('none of hello, replies') as string,
    });
  });

  test('with one reply too many is refused, and says how many are allowed', async () => {
    const instance = await house.instance(coordinator.address);
    instance.reply(...Array.from({ length: FRAME_ENTRIES + 1 }, (_, id) => ({ id, reply: {} })));
    expect(await instance.ended).toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: `a frame has ${FRAME_ENTRIES + 1} replies; at most ${FRAME_ENTRIES} are allowed (max_frame_entries)`,
    });
  });

  test('larger than messages may be ends the stream with RESOURCE_EXHAUSTED, and its calls go elsewhere', async () => {
    const large = await house.instance(coordinator.address, { instanceId: 's-large' });
    const id = gid();
    const outcome = coordinator.statusOf(id);
    await eventually(() => large.calls.length === 1, { everyMs: 2 });
    const other = await willing({ instanceId: 's-2' });
    large.reply({ id: 1, reply: { payload: { data: Buffer.alloc(4_194_304), contentType: '' } } });
    expect(await large.ended).toMatchObject({ status: 'RESOURCE_EXHAUSTED' });
    expect(await outcome).toBe(confirmed);
    expect(other.gids).toEqual([id, id]);
  });

  test('that is no message at all ends the stream, and nothing else', async () => {
    const instance = house.stranger(coordinator.address);
    // A length that goes beyond the end.
    instance.say(Buffer.of(0x0a, 0x7f, 0x01));
    expect(await instance.ended).toMatchObject({ status: 'INVALID_ARGUMENT' });
    await willing();
    expect(await coordinator.statusOf(gid())).toBe(confirmed);
  });
});

describe('replies', () => {
  test('to ids that are not out are ignored, beside those that count', async () => {
    const instance = await house.instance(coordinator.address);
    instance.answer = ({ id }) => {
      instance.reply({ id: 0, reply: {} }, { id: 4_000_000_000, failure: { code: 10, message: 'x' } });
      return { id, reply: { payload: { data: Buffer.from('"held"'), contentType: 'application/json' } } };
    };
    const { status, branches } = await coordinator.execute(gid());
    expect(status).toBe(confirmed);
    expect(branches[0]?.tryReply?.data.toString()).toBe('"held"');
    expect(instance.isOver).toBe(false);
  });

  test('that refuse cancel the transaction with the words of the participant', async () => {
    const instance = await house.instance(coordinator.address);
    instance.answer = ({ id, phase }) =>
      phase === 1 ? { id, failure: { code: 10, message: 'no stock' } } : yes({ id } as never);
    expect(await coordinator.execute(gid())).toMatchObject({
      status: cancelled,
      cancelReason: { code: 'CANCEL_CODE_REFUSED', message: 'no stock' },
    });
    expect(instance.calls.map(({ phase }) => phase)).toEqual([1, 3]);
  });

  test('that say nothing are empty ones', async () => {
    const instance = await house.instance(coordinator.address);
    instance.answer = ({ id }) => ({ id });
    expect(await coordinator.statusOf(gid())).toBe(confirmed);
  });

  test('that come too late are dropped; the call was asked again', async () => {
    // The answers to the other calls must not be late as well, on a busy machine.
    const actions = [{ name: 'deduct', callTimeoutMs: 2_000 }];
    const instance = await house.instance(coordinator.address, { actions });
    let asked = 0;
    instance.answer = (entry) => ((asked += 1) === 1 ? undefined : yes(entry));
    const id = gid();
    expect(await coordinator.statusOf(id)).toBe(confirmed);
    instance.reply({ id: 1, failure: { code: 10, message: 'too late' } });
    expect(instance.calls.map(({ phase, call }) => [phase, call?.attempt])).toEqual([
      [1, 1],
      [1, 2],
      [2, 1],
    ]);
    expect(await coordinator.statusOf(gid())).toBe(confirmed);
  });
});

describe('streams of one instance', () => {
  test('a second one replaces the first, and its calls are asked again there', async () => {
    const first = await house.instance(coordinator.address);
    const outcome = coordinator.statusOf(gid());
    await eventually(() => first.calls.length === 1, { everyMs: 2 });
    const second = await willing();
    expect(await first.ended).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'WRONG_STATE',
      message: 'the same instance has attached again; this stream is replaced',
    });
    expect(await outcome).toBe(confirmed);
    expect(second.calls.map(({ phase, call }) => [phase, call?.attempt])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    const instances = await coordinator.instances();
    expect(instances.filter(({ instanceId }) => instanceId === 's-1')).toMatchObject([{ live: true }]);
  });

  test('a malformed second one leaves the first alone', async () => {
    const first = await willing();
    const second = await house.instance(coordinator.address, { actions: [] });
    expect(await second.ended).toMatchObject({ status: 'INVALID_ARGUMENT' });
    expect(await coordinator.statusOf(gid())).toBe(confirmed);
    expect(first.isOver).toBe(false);
  });
});

describe('goodbye', () => {
  test('of an instance: it gets no new call, its replies count, and the coordinator ends the stream', async () => {
    const [leaving, staying] = [await house.instance(coordinator.address), await willing({ instanceId: 's-2' })];
    const ids = [gid(), gid(), gid(), gid()];
    const outcomes = ids.map((id) => coordinator.statusOf(id));
    await eventually(() => leaving.calls.length === 2, { everyMs: 2 });
    leaving.say({ goodbye: {} });
    const later = [gid(), gid(), gid()];
    for (const id of later) expect(await coordinator.statusOf(id)).toBe(confirmed);
    expect(leaving.isOver).toBe(false);
    leaving.replyToAll();
    expect(await leaving.ended).toBeUndefined();
    expect(await Promise.all(outcomes)).toEqual(ids.map(() => confirmed));
    // Nothing was asked twice: the two Tries that were out counted, and their Confirms went elsewhere.
    expect(leaving.calls.map(({ phase }) => phase)).toEqual([1, 1]);
    expect(staying.calls.every(({ call }) => call?.attempt === 1)).toBe(true);
    const instances = await coordinator.instances();
    expect(instances.find(({ instanceId }) => instanceId === 's-1')?.live).toBe(false);
  });

  test('of an instance that ends its side when it has answered is the same', async () => {
    const leaving = await house.instance(coordinator.address);
    const outcome = coordinator.statusOf(gid());
    await eventually(() => leaving.calls.length === 1, { everyMs: 2 });
    leaving.say({ goodbye: {} });
    leaving.replyToAll();
    leaving.stream.end();
    expect(await leaving.ended).toBeUndefined();
    await willing({ instanceId: 's-2' });
    expect(await outcome).toBe(confirmed);
  });
});

describe('flow control', () => {
  test('no more calls are out than the instance asked for', async () => {
    const instance = await house.instance(coordinator.address, { maxCallsInFlight: 3 });
    let out = 0;
    let most = 0;
    instance.answer = (entry) => {
      most = Math.max(most, (out += 1));
      setImmediate(() => {
        out -= 1;
        instance.reply(yes(entry));
      });
      return undefined;
    };
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => coordinator.statusOf(gid())));
    expect(new Set(outcomes)).toEqual(new Set([confirmed]));
    expect(most).toBe(3);
  });

  test('no more payload bytes are out than the instance asked for', async () => {
    const instance = await house.instance(coordinator.address, { maxBytesInFlight: 1_048_576 });
    const out = new Map<number, number>();
    let most = 0;
    let held: RawCallEntry[] | undefined = [];
    const finish = (entry: RawCallEntry) =>
      setImmediate(() => {
        out.delete(entry.id);
        instance.reply(yes(entry));
      });
    instance.answer = (entry) => {
      out.set(entry.id, entry.call?.payload?.data.length ?? 0);
      most = Math.max(
        most,
        [...out.values()].reduce((sum, bytes) => sum + bytes),
      );
      // The first one waits for the second: two fit, however slowly the calls come.
      if (held === undefined) {
        finish(entry);
      } else if (held.push(entry) === 2) {
        held.forEach(finish);
        held = undefined;
      }
      return undefined;
    };
    const data = Buffer.alloc(400_000, 'x');
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => coordinator.statusOf(gid(), { data })));
    expect(new Set(outcomes)).toEqual(new Set([confirmed]));
    expect(most).toBe(800_000);
  });

  test('of two instances the one that has less to do gets the next call', async () => {
    const [slow, quick] = [await house.instance(coordinator.address), await willing({ instanceId: 's-2' })];
    const stuck = coordinator.statusOf(gid());
    const first = eventually(() => slow.calls.length === 1, { everyMs: 2 });
    for (let index = 0; index < 10; index += 1) await coordinator.statusOf(gid());
    await first;
    expect(slow.calls).toHaveLength(1);
    expect(quick.calls.length).toBeGreaterThanOrEqual(20);
    slow.answer = yes;
    slow.replyToAll();
    expect(await stuck).toBe(confirmed);
  });
});
