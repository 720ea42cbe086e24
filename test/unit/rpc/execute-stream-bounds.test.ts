import { status } from '@grpc/grpc-js';

import { STREAM_ENTRIES } from '../../../src/rpc/execute-session';
import { MOST_FRAME_ENTRIES } from '../../../src/wire/execute-stream';
import { FRAME_ENTRIES } from '../../../src/wire/framer';
import { decodeDetails } from '../../../src/wire/error-details';
import { eventually } from '../../support/eventually';
import { answered, atOnce, byId, execute, onDemand, reasonOf } from './stream-calls';
import { StreamHouse } from './stream-house';

describe('bounds', () => {
  it('a frame with too many entries ends the stream with a sentence, and gives up what was open', async () => {
    const { api, gaveUp } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1, 'first'));
    const entries = Array.from({ length: MOST_FRAME_ENTRIES + 1 }, (_, index) => ({ id: index + 2, begin: {} }));
    house.receive(...entries);
    expect(house.ends).toMatchObject([
      {
        code: status.INVALID_ARGUMENT,
        details: `a frame has more than the ${MOST_FRAME_ENTRIES} entries that it may have`,
      },
    ]);
    expect(gaveUp('first')).toBe(true);
    await house.calls.idle();
  });

  it('entries beyond those that one stream may have open fail alone', async () => {
    const { api, answer } = onDemand();
    const house = new StreamHouse(api, { callsInFlight: STREAM_ENTRIES * 2 });
    for (let from = 1; from <= STREAM_ENTRIES; from += FRAME_ENTRIES) {
      const count = Math.min(FRAME_ENTRIES, STREAM_ENTRIES - from + 1);
      house.receive(...Array.from({ length: count }, (_, index) => execute(from + index)));
    }
    house.receive(execute(STREAM_ENTRIES + 1));
    await answered(house, 1);
    expect(house.replies[0]?.failure).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(reasonOf(house.replies[0])).toBe('TOO_MANY_OPEN_TRANSACTIONS');
    answer('order-1');
    await answered(house, 2);
    house.receive(execute(STREAM_ENTRIES + 2));
    await eventually(() => (answer(`order-${STREAM_ENTRIES + 2}`), house.replies.length === 3));
    expect(house.replies[2]?.failure).toBeUndefined();
  });

  it('entries count among the calls in flight, and give their place back', async () => {
    const { api, answer } = onDemand();
    const house = new StreamHouse(api, { callsInFlight: 2 });
    house.receive(execute(1), execute(2), execute(3));
    await answered(house, 1);
    const details = decodeDetails(house.replies[0]?.failure?.details ?? Buffer.alloc(0));
    expect(details).toMatchObject({ metadata: { limit: 'callsInFlight' }, retryAfterMs: 500 });
    answer('order-1');
    await answered(house, 2);
    house.receive(execute(4));
    await eventually(() => (answer('order-4'), house.replies.length === 3));
  });

  it('while the client reads nothing, nothing more is read from it', async () => {
    const house = new StreamHouse(atOnce);
    house.takesMore = false;
    house.receive(execute(1));
    await answered(house, 1);
    expect(house.paused).toBe(true);
    house.receive(execute(2), execute(3));
    await house.clock.advance(0);
    expect(house.frames).toHaveLength(1);
    house.takesMore = true;
    house.session.drained();
    expect(house.paused).toBe(false);
    await answered(house, 3);
    expect(house.frames).toHaveLength(2);
  });

  it('a frame of replies stays well below the largest message', async () => {
    const house = new StreamHouse(atOnce, { messageBytes: 2_000 });
    house.receive(...Array.from({ length: 40 }, (_, index) => execute(index + 1)));
    await answered(house, 40);
    expect(house.frames.length).toBeGreaterThan(1);
  });
});

describe('the end', () => {
  it('of the requests lets the open entries finish', async () => {
    const { api, answer } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1), execute(2));
    house.session.halfClosed();
    answer('order-1');
    await answered(house, 1);
    expect(house.ends).toEqual([]);
    answer('order-2');
    await eventually(() => expect(house.ends).toEqual([undefined]));
    expect(house.replies).toHaveLength(2);
    await house.calls.idle();
  });

  it('of a stream without entries comes at once', () => {
    const house = new StreamHouse(atOnce);
    house.session.halfClosed();
    expect(house.ends).toEqual([undefined]);
  });

  it('while draining comes after what is in flight; new entries are told to go elsewhere', async () => {
    const { api, answer } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1));
    house.calls.startDraining();
    house.receive(execute(2));
    await answered(house, 1);
    expect(house.replies[0]).toMatchObject({ id: 2, failure: { code: status.UNAVAILABLE } });
    expect(reasonOf(house.replies[0])).toBe('DRAINING');
    expect(house.ends).toEqual([]);
    answer('order-1');
    await eventually(() => expect(house.ends).toMatchObject([{ code: status.UNAVAILABLE }]));
    expect(byId(house).get(1)).toMatchObject({ execute: { transaction: { gid: 'order-1' } } });
    await house.calls.idle();
  });

  it('is not waited for for ever: a dismissed entry is answered DRAINING', async () => {
    const { api, gaveUp } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1));
    house.calls.startDraining();
    house.calls.dismiss();
    await house.calls.idle();
    expect(reasonOf(house.replies[0])).toBe('DRAINING');
    expect(gaveUp('order-1')).toBe(true);
    expect(house.ends).toMatchObject([{ code: status.UNAVAILABLE }]);
  });

  it('of a stream that opens while draining comes at once', () => {
    const house = new StreamHouse(atOnce);
    house.calls.startDraining();
    expect(() => house.calls.open({ abort: () => undefined })).toThrow('shutting down');
    expect(house.ends).toHaveLength(1);
  });
});
