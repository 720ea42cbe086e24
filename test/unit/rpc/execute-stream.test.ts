import { status } from '@grpc/grpc-js';

import type { TransactionApi } from '../../../src/coordinator/api';
import { TccError } from '../../../src/lib/errors';
import { STREAM_ENTRIES } from '../../../src/rpc/execute-session';
import { executeStreamMethod, MOST_FRAME_ENTRIES } from '../../../src/wire/execute-stream';
import { FRAME_ENTRIES } from '../../../src/wire/framer';
import { decodeDetails } from '../../../src/wire/error-details';
import type { ExecuteStreamReply__Output } from '../../../src/wire/generated/tcc/v1/ExecuteStreamReply';
import { eventually } from '../../support/eventually';
import { branchRequest, executeRequest } from './requests';
import { StreamHouse } from './stream-house';
import { branch, reason, states, transaction } from './transactions';

const confirmed = (gid: string) => transaction({ status: 'CONFIRMED', decidedAt: 1_200, finishedAt: 1_300 }, { gid });

/** Answers at once. */
const atOnce: Partial<TransactionApi> = {
  execute: ({ gid }) => Promise.resolve(confirmed(gid)),
  begin: ({ gid }) => Promise.resolve(transaction({ status: 'TRYING' }, { gid, branches: [] })),
};

/** Answers when the test says so, and gives up when its signal says so, as the coordinator does. */
function onDemand() {
  const waits = new Map<string, { answer: () => void; gaveUp: boolean }>();
  const api: Partial<TransactionApi> = {
    execute: ({ gid }, _, signal) =>
      new Promise((resolve, reject) => {
        const wait = { answer: () => resolve(confirmed(gid)), gaveUp: false };
        waits.set(gid, wait);
        signal.addEventListener('abort', () => {
          wait.gaveUp = true;
          reject(new TccError('WAIT_ABANDONED', 'given up'));
        });
      }),
  };
  const answer = (gid: string) => waits.get(gid)?.answer();
  const gaveUp = (gid: string) => waits.get(gid)?.gaveUp;
  return { api, waits, answer, gaveUp };
}

const execute = (id: number, gid = `order-${id}`, timeoutMs = 0) => ({
  id,
  timeoutMs,
  execute: executeRequest({ gid }),
});

const byId = (house: StreamHouse) => new Map(house.replies.map((reply) => [reply.id, reply]));
const reasonOf = (reply: ExecuteStreamReply__Output | undefined) =>
  decodeDetails(reply?.failure?.details ?? Buffer.alloc(0)).reason;

/** Waits until so many entries are answered. */
async function answered(house: StreamHouse, count: number): Promise<void> {
  await eventually(() => expect(house.replies).toHaveLength(count));
}

describe('entries', () => {
  it('are served by the functions of the unary calls, each kind by its own', async () => {
    const house = new StreamHouse({
      ...atOnce,
      try: (_, { branchId }) =>
        Promise.resolve({ branch: branch({ branchId, status: 'REFUSED' }), status: 'CANCELLING', reason }),
      registerBranch: (_, { branchId }) => Promise.resolve(branch({ branchId })),
      commit: (gid, wait) =>
        Promise.resolve(transaction({ status: 'CONFIRMED', decidedAt: 1, finishedAt: 2 }, { gid, name: wait })),
      rollback: (gid, text) =>
        Promise.resolve(transaction(states['CANCELLED'] ?? { status: 'TRYING' }, { gid, name: text })),
    });
    house.receive(
      { id: 1, execute: executeRequest({ gid: 'a', wait: 'WAIT_DECIDED', tryOrder: 'TRY_ORDER_SEQUENTIAL' }) },
      { id: 2, begin: { gid: 'b', name: 'n' } },
      { id: 3, try: { gid: 'b', branch: branchRequest({ branchId: 'x' }) } },
      { id: 4, registerBranch: { gid: 'b', branch: branchRequest({ branchId: 'y' }) } },
      { id: 5, commit: { gid: 'b', wait: 'WAIT_DECIDED' } },
      { id: 6, rollback: { gid: 'c', reason: 'changed-my-mind' } },
    );
    await answered(house, 6);
    const replies = byId(house);
    expect(replies.get(1)).toMatchObject({
      outcome: 'execute',
      execute: { transaction: { gid: 'a', status: 'TRANSACTION_STATUS_CONFIRMED' } },
    });
    expect(replies.get(2)).toMatchObject({ begin: { transaction: { gid: 'b', status: 'TRANSACTION_STATUS_TRYING' } } });
    expect(replies.get(3)).toMatchObject({
      try: {
        branch: { branchId: 'x' },
        transactionStatus: 'TRANSACTION_STATUS_CANCELLING',
        cancelReason: { code: 'CANCEL_CODE_REFUSED' },
      },
    });
    expect(replies.get(4)).toMatchObject({ registerBranch: { branch: { branchId: 'y' } } });
    expect(replies.get(5)).toMatchObject({ commit: { transaction: { gid: 'b', name: 'decided' } } });
    expect(replies.get(6)).toMatchObject({ rollback: { transaction: { gid: 'c', name: 'changed-my-mind' } } });
  });

  it('of one frame that are answered in one turn leave in one frame', async () => {
    const house = new StreamHouse(atOnce);
    house.receive(execute(1), execute(2), execute(3));
    await answered(house, 3);
    expect(house.frames).toHaveLength(1);
  });

  it('that are bad get their own failure, and the others are served', async () => {
    const house = new StreamHouse(atOnce);
    house.receive(
      execute(0),
      { id: 1 },
      { id: 2, execute: executeRequest({ gid: 'a b', branches: [] }) },
      execute(3, 'good'),
      { id: 4, begin: { gid: 'begun', timeoutMs: 3_600_000 } },
    );
    await answered(house, 5);
    const replies = byId(house);
    expect(replies.get(0)?.failure).toMatchObject({ code: status.INVALID_ARGUMENT, message: 'id: must not be 0' });
    expect(replies.get(1)?.failure).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(decodeDetails(replies.get(2)?.failure?.details ?? Buffer.alloc(0))).toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'gid' }, { field: 'branches' }],
    });
    expect(replies.get(3)).toMatchObject({ execute: { transaction: { gid: 'good' } } });
    expect(replies.get(4)?.failure?.message).toMatch(/^timeout_ms: /);
    expect(house.ends).toEqual([]);
  });

  it('with the id of one that is not answered yet are refused, and the first one still gets its answer', async () => {
    const { api, answer } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(7, 'first'), execute(7, 'second'));
    await answered(house, 1);
    expect(house.replies[0]?.failure?.message).toMatch(/^id: is that of another entry \(7\)/);
    answer('first');
    await answered(house, 2);
    expect(house.replies[1]).toMatchObject({ id: 7, execute: { transaction: { gid: 'first' } } });
    house.receive(execute(7, 'third'));
    await eventually(() => (answer('third'), house.replies.length === 3));
  });

  it('of kinds that are not known here fail alone', async () => {
    const house = new StreamHouse(atOnce);
    // Field 15, as a newer client might send it, beside id 9.
    const newer = Buffer.from([0x08, 9, 0x7a, 0]);
    const frame = Buffer.concat([Buffer.from([0x0a, newer.length]), newer]);
    house.session.received(executeStreamMethod.requestDeserialize(frame));
    await answered(house, 1);
    expect(house.replies[0]).toMatchObject({ id: 9, failure: { code: status.INVALID_ARGUMENT } });
  });

  it('fail as the unary call does: code, message and details', async () => {
    const house = new StreamHouse({
      execute: () =>
        Promise.reject(new TccError('GID_TAKEN', 'gid order-1 is taken', { metadata: { gid: 'order-1' } })),
      begin: () => Promise.reject(new Error('a secret')),
    });
    house.receive(execute(1), { id: 2, begin: {} });
    await answered(house, 2);
    const replies = byId(house);
    expect(replies.get(1)?.failure).toMatchObject({ code: status.ALREADY_EXISTS, message: 'gid order-1 is taken' });
    expect(decodeDetails(replies.get(1)?.failure?.details ?? Buffer.alloc(0))).toMatchObject({
      reason: 'GID_TAKEN',
      metadata: { gid: 'order-1' },
    });
    expect(replies.get(2)?.failure).toMatchObject({ code: status.INTERNAL, message: 'internal error' });
  });

  it('keep their payloads without the frame around them', async () => {
    const kept = new Map<string, Uint8Array | undefined>();
    const house = new StreamHouse(
      {
        execute: ({ gid, branches }) => {
          kept.set(gid, branches[0]?.payload.data);
          return Promise.resolve(confirmed(gid));
        },
      },
      { callsInFlight: 4_000 },
    );
    const payload = { data: Buffer.from('{"a":1}'), contentType: 'application/json' };
    const entry = { id: 1, execute: executeRequest({ gid: 'kept', branches: [branchRequest({ payload })] }) };
    house.receive(entry, ...Array.from({ length: 3_000 }, (_, index) => execute(index + 2)));
    await answered(house, 3_001);
    expect(kept.get('kept')).toEqual(payload.data);
    // The frame is larger than the pool that Node makes small buffers from.
    expect(kept.get('kept')?.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
    expect(kept.get('order-2')).toEqual(Buffer.alloc(0));
  });
});

describe('time', () => {
  it('of an entry that is over is answered DEADLINE_EXCEEDED, and its transaction goes on', async () => {
    const { api, gaveUp, answer } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1, 'short', 100), execute(2, 'long', 5_000), execute(3, 'endless'));
    await house.clock.advance(99);
    expect(gaveUp('short')).toBe(false);
    await house.clock.advance(1);
    await answered(house, 1);
    expect(house.replies[0]).toMatchObject({ id: 1, failure: { code: status.DEADLINE_EXCEEDED } });
    expect(reasonOf(house.replies[0])).toBe('WAIT_ABANDONED');
    expect([gaveUp('short'), gaveUp('long'), gaveUp('endless')]).toEqual([true, false, false]);
    answer('endless');
    await answered(house, 2);
    await house.clock.advance(5_000);
    await answered(house, 3);
  });

  it('takes one timer for all entries, and none once the stream is over', async () => {
    const { api } = onDemand();
    const house = new StreamHouse(api);
    house.receive(...Array.from({ length: 50 }, (_, index) => execute(index + 1, `order-${index}`, 1_000 + index)));
    expect(house.clock.pending).toBe(1);
    await house.clock.advance(1_020);
    expect(house.clock.pending).toBe(1);
    house.session.gone();
    expect(house.clock.pending).toBe(0);
  });
});

describe('giving up', () => {
  it('one entry ends its wait without an answer, and frees its id', async () => {
    const { api, gaveUp, answer } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1, 'first'), execute(2, 'second'));
    house.receive({ id: 1, abandon: {} }, { id: 99, abandon: {} }, execute(1, 'third'));
    expect(gaveUp('first')).toBe(true);
    answer('second');
    answer('third');
    await answered(house, 2);
    expect([...byId(house).keys()].sort()).toEqual([1, 2]);
    expect(byId(house).get(1)).toMatchObject({ execute: { transaction: { gid: 'third' } } });
  });

  it('the stream ends every wait, and leaves nothing', async () => {
    const { api, gaveUp } = onDemand();
    const house = new StreamHouse(api);
    house.receive(execute(1, 'first', 1_000), execute(2, 'second'));
    house.session.gone();
    expect([gaveUp('first'), gaveUp('second')]).toEqual([true, true]);
    await house.calls.idle();
    expect(house.replies).toEqual([]);
    expect(house.clock.pending).toBe(0);
  });
});

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
