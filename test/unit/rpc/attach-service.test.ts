import { MOST_STREAMS } from '../../../src/rpc/attach-service';
import { peek, settle } from '../../support/virtual-clock';
import { callBy } from '../invoker/attached';
import { call } from '../invoker/real-participant';
import { attachHouse, type FakeCall } from './attach-house';

let house: ReturnType<typeof attachHouse>;
beforeEach(() => {
  house = attachHouse();
});

async function attached(instanceId: string): Promise<FakeCall> {
  const stream = house.open();
  stream.hello({ instanceId });
  await settle();
  return stream;
}

const make = (gid: string) => callBy(house.attachments, call({ gid }));

describe('a second stream of the same instance', () => {
  test('replaces the first, whose calls are unknown at once', async () => {
    const first = await attached('s-1');
    const other = await attached('s-2');
    const outcomes = [make('a'), make('b')];
    await settle();
    const second = await attached('s-1');
    expect(first.failure).toMatchObject({
      status: 'FAILED_PRECONDITION',
      message: 'the same instance has attached again; this stream is replaced',
    });
    expect(await outcomes[0]).toMatchObject({ kind: 'unknown' });
    expect(other.isOver).toBe(false);
    other.answerAll();
    expect(await outcomes[1]).toMatchObject({ kind: 'done' });
    for (const gid of ['c', 'd']) void make(gid);
    await settle();
    expect([...second.gids, ...other.gids].sort()).toEqual(['b', 'c', 'd']);
    expect(first.gids).toEqual(['a']);
  });

  test('replaces it only once it is accepted: one that is refused leaves the first alone', async () => {
    const first = await attached('s-1');
    const malformed = house.open();
    malformed.hello({ actions: [] });
    house.registry.error = new Error('the database is away');
    const refused = await attached('s-1');
    expect([malformed.isOver, refused.isOver, first.isOver]).toEqual([true, true, false]);
    void make('a');
    await settle();
    expect(first.gids).toEqual(['a']);
  });

  test('replaces one that is not accepted yet', async () => {
    const release = house.registry.hold();
    const first = house.open();
    first.hello();
    const second = house.open();
    second.hello();
    await settle();
    release(1);
    await settle();
    expect(second.written).toHaveLength(1);
    expect(first.failure).toMatchObject({ status: 'FAILED_PRECONDITION' });
    release();
    await settle();
    expect(first.written).toEqual([]);
    expect(second.isOver).toBe(false);
    void make('a');
    await settle();
    expect(second.gids).toEqual(['a']);
  });

  test('is not replaced by an older one that is accepted later', async () => {
    const release = house.registry.hold();
    const older = house.open();
    older.hello();
    const newer = house.open();
    newer.hello();
    await settle();
    release(0);
    await settle();
    expect(newer.isOver).toBe(false);
    release();
    await settle();
    expect([older.isOver, newer.isOver]).toEqual([true, false]);
  });
});

describe('bounds', () => {
  test('one stream too many is refused with a status that says so, and room is given back', () => {
    const streams = Array.from({ length: MOST_STREAMS }, () => house.open());
    const refused = house.open();
    expect(refused.failure).toMatchObject({
      status: 'RESOURCE_EXHAUSTED',
      reason: 'TOO_MANY_INSTANCES',
      metadata: { limit: 'attachedStreams', most: String(MOST_STREAMS) },
      message: `this coordinator has ${MOST_STREAMS} attached streams, as many as it may`,
    });
    expect(streams.some(({ isOver }) => isOver)).toBe(false);
    streams[0]?.emit('cancelled');
    expect(house.open().isOver).toBe(false);
  });
});

describe('the coordinators', () => {
  test('are told to every attached instance when they change', async () => {
    const streams = [await attached('s-1'), await attached('s-2')];
    const silent = house.open();
    house.coordinators.push('10.0.0.2:8480');
    house.service.announceCoordinators();
    for (const stream of streams) {
      expect(stream.written.at(-1)?.update).toMatchObject({
        coordinatorId: 'c-1',
        coordinators: ['10.0.0.1:8480', '10.0.0.2:8480'],
      });
    }
    expect(silent.written).toEqual([]);
    streams[0]?.emit('cancelled');
    house.service.announceCoordinators();
    expect(streams[0]?.written).toHaveLength(2);
  });
});

describe('stop', () => {
  test('says goodbye, waits for the calls that are out, and ends the streams', async () => {
    const [idle, busy] = [await attached('s-1'), await attached('s-2')];
    void make('x');
    const outcome = make('a');
    await settle();
    idle.answerAll();
    const stopped = house.service.stop(1_000);
    await settle();
    for (const stream of [idle, busy]) expect(stream.written.at(-1)).toEqual({ goodbye: {} });
    expect([idle.ends, busy.ends]).toEqual([1, 0]);
    expect((await peek(stopped)).pending).toBe(true);
    expect(make('late')).toBeUndefined();
    busy.answerAll();
    await stopped;
    expect(await outcome).toMatchObject({ kind: 'done' });
    expect(busy.ends).toBe(1);
    expect(house.clock.pending).toBe(0);
  });

  test('waits no longer than it may; what is out then is unknown', async () => {
    const stream = await attached('s-1');
    const outcome = make('a');
    await settle();
    const stopped = house.service.stop(200);
    await house.clock.advance(199);
    expect(stream.ends).toBe(0);
    await house.clock.advance(1);
    await stopped;
    expect(await outcome).toMatchObject({ kind: 'unknown', code: 'UNAVAILABLE' });
    expect(stream.ends).toBe(1);
    expect(house.clock.pending).toBe(0);
  });

  test('ends streams that have said nothing yet, and those that are being registered', async () => {
    const release = house.registry.hold();
    const [silent, registering] = [house.open(), house.open()];
    registering.hello();
    await house.service.stop(1_000);
    release();
    await settle();
    silent.hello();
    await settle();
    expect([silent.ends, registering.ends]).toEqual([1, 1]);
    expect(house.registry.registered).toHaveLength(1);
    expect(make('a')).toBeUndefined();
    expect(house.clock.pending).toBe(0);
  });

  test('refuses new streams as one that another coordinator takes', async () => {
    await house.service.stop(0);
    expect(house.open().failure).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING' });
  });
});
