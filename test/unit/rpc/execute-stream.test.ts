import { status } from '@grpc/grpc-js';

import { TccError } from '../../../src/lib/errors';
import { executeStreamMethod } from '../../../src/wire/execute-stream';
import { decodeDetails } from '../../../src/wire/error-details';
import { eventually } from '../../support/eventually';
import { branchRequest, executeRequest } from './requests';
import { answered, atOnce, byId, confirmed, execute, onDemand, reasonOf } from './stream-calls';
import { StreamHouse } from './stream-house';
import { branch, reason, states, transaction } from './transactions';

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
