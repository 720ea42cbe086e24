import { status } from '@grpc/grpc-js';

import {
  CancelledError,
  createClient,
  RefusedError,
  type TccClient,
  TccClientError,
  TccRequestError,
  TimedOutError,
  UnavailableError,
} from '../../../../src/sdk/client/index';
import { bareStatus, deadAddress, failure, FakeCoordinator, json, silence, transaction } from './fake-coordinator';

const branches = [{ participant: 'inventory', action: 'deduct', payload: { sku: 'A', quantity: 1 } }];
const confirmed = () => ({ transaction: transaction() });

describe.each(['stream', 'unary'] as const)('execute, %s', (carrier) => {
  let first: FakeCoordinator;
  let second: FakeCoordinator;
  let tcc: TccClient;

  beforeEach(async () => {
    first = await new FakeCoordinator().start();
    second = await new FakeCoordinator().start();
    tcc = createClient({ carrier, addresses: [first.address, second.address] });
  });

  afterEach(async () => {
    await tcc.close();
    first.stop();
    second.stop();
  });

  it('sends the whole transaction and resolves with the confirmed one', async () => {
    first.on('Execute', () => ({
      transaction: transaction({
        branches: [{ branchId: 'inventory-deduct', status: 'BRANCH_STATUS_CONFIRMED', tryReply: json({ price: 5 }) }],
      }),
    }));
    const view = await tcc.execute({ gid: 'order-1', name: 'place-order', branches, tryOrder: 'sequential' });
    expect(view).toMatchObject({ gid: 'order-1', status: 'CONFIRMED', branches: [{ reply: { price: 5 } }] });
    expect(view.cancelReason).toBeUndefined();
    expect(first.seen('Execute')).toMatchObject([
      {
        gid: 'order-1',
        name: 'place-order',
        tryOrder: 'TRY_ORDER_SEQUENTIAL',
        wait: 'WAIT_FINISHED',
        timeoutMs: 30_000,
        branches: [
          {
            branchId: 'inventory-deduct',
            participant: 'inventory',
            action: 'deduct',
            payload: { data: Buffer.from('{"sku":"A","quantity":1}'), contentType: 'application/json' },
          },
        ],
      },
    ]);
  });

  it('names repeated branches -2 and -3 and leaves given names alone', async () => {
    first.on('Execute', confirmed);
    const same = { participant: 'points', action: 'add' };
    await tcc.execute({ branches: [same, same, { ...same, branchId: 'points-add-2' }, same] });
    const [request] = first.seen('Execute') as { branches: { branchId: string }[] }[];
    expect(request?.branches.map(({ branchId }) => branchId)).toEqual([
      'points-add',
      'points-add-3',
      'points-add-2',
      'points-add-4',
    ]);
  });

  it('sends raw bytes as they are', async () => {
    first.on('Execute', confirmed);
    const payload = { bytes: Uint8Array.of(1, 2), contentType: 'application/x-own' };
    await tcc.execute({ branches: [{ participant: 'a', action: 'b', payload }] });
    expect(first.seen('Execute')).toMatchObject([
      { branches: [{ payload: { data: Buffer.from([1, 2]), contentType: 'application/x-own' } }] },
    ]);
  });

  it('refuses a payload that is no JSON value, an empty gid and an impossible timeout before anything is sent', async () => {
    const fault = { code: 'INVALID_REQUEST', violations: [{ field: 'branches[0].payload' }] };
    await expect(tcc.execute({ branches: [{ participant: 'a', action: 'b', payload: 1n }] })).rejects.toMatchObject(
      fault,
    );
    await expect(
      tcc.execute({ branches: [{ participant: 'a', action: 'b', payload: () => 1 }] }),
    ).rejects.toMatchObject(fault);
    await expect(tcc.execute({ gid: '', branches })).rejects.toBeInstanceOf(TccRequestError);
    await expect(tcc.execute({ branches, timeoutMs: NaN })).rejects.toBeInstanceOf(TccRequestError);
    expect(first.requests).toEqual([]);
  });

  it('sends the same gid to the next coordinator when the first is draining, and stays there', async () => {
    first.on('Execute', () => failure('DRAINING'));
    second.on('Execute', confirmed);
    await tcc.execute({ branches });
    await tcc.execute({ branches });
    expect(first.seen('Execute')).toHaveLength(1);
    expect(second.seen('Execute')).toHaveLength(2);
    expect(first.seen('Execute')[0]?.['gid']).toMatch(/^[0-9A-Z]{26}$/);
    expect(second.seen('Execute')[0]?.['gid']).toBe(first.seen('Execute')[0]?.['gid']);
  });

  it.each(['JOURNAL_UNAVAILABLE', 'TOO_MANY_OPEN_TRANSACTIONS'] as const)(
    'goes to the next one on %s',
    async (code) => {
      first.on('Execute', () => failure(code));
      second.on('Execute', confirmed);
      await expect(tcc.execute({ branches })).resolves.toMatchObject({ status: 'CONFIRMED' });
    },
  );

  it('goes to the next one when the connection is refused', async () => {
    second.on('Execute', confirmed);
    const client = createClient({ carrier, addresses: [await deadAddress(), second.address] });
    await expect(client.execute({ branches })).resolves.toMatchObject({ status: 'CONFIRMED' });
    await client.close();
  });

  it('resumes with the same gid on the next one when the coordinator dies in the middle of the call', async () => {
    first.on('Execute', () => {
      setImmediate(() => first.stop());
      return silence;
    });
    second.on('Execute', confirmed);
    await expect(tcc.execute({ gid: 'order-1', branches })).resolves.toMatchObject({ status: 'CONFIRMED' });
    expect(second.seen('Execute')[0]?.['gid']).toBe('order-1');
  });

  it('survives the restart of its only coordinator', async () => {
    const client = createClient({ carrier, addresses: [first.address] });
    first.on('Execute', (_, { count }) => {
      if (count > 1) return confirmed();
      setImmediate(() => {
        first.stop();
        void first.start();
      });
      return silence;
    });
    await expect(client.execute({ gid: 'order-1', branches })).resolves.toMatchObject({ status: 'CONFIRMED' });
    expect(first.seen('Execute')).toHaveLength(2);
    await client.close();
  });

  it('counts the timeout from the call, not from the attempt that arrives', async () => {
    first.on('Execute', (_, { count }) => (count < 3 ? failure('JOURNAL_UNAVAILABLE') : confirmed()));
    const client = createClient({ carrier, addresses: [first.address] });
    await client.execute({ branches, timeoutMs: 20_000 });
    const sent = first.seen('Execute').map((request) => Number(request['timeoutMs']));
    expect(sent[0]).toBe(20_000);
    expect(sent[2]).toBeLessThan(19_500);
    await client.close();
  });

  it('asks the same coordinator again while the transaction is CONFIRMING', async () => {
    first.on('Execute', (_, { count }) =>
      count < 3 ? { transaction: transaction({ status: 'TRANSACTION_STATUS_CONFIRMING' }) } : confirmed(),
    );
    await expect(tcc.execute({ gid: 'order-1', branches })).resolves.toMatchObject({ status: 'CONFIRMED' });
    expect(first.seen('Execute').map((request) => request['gid'])).toEqual(['order-1', 'order-1', 'order-1']);
    expect(second.requests).toEqual([]);
  });

  it('stays with a coordinator that says that the wait was abandoned', async () => {
    first.on('Execute', (_, { count }) => (count < 3 ? failure('WAIT_ABANDONED') : confirmed()));
    await expect(tcc.execute({ branches })).resolves.toMatchObject({ status: 'CONFIRMED' });
    expect(second.requests).toEqual([]);
  });

  it('resolves with CONFIRMING when only the decision is waited for', async () => {
    first.on('Execute', () => ({ transaction: transaction({ status: 'TRANSACTION_STATUS_CONFIRMING' }) }));
    await expect(tcc.execute({ branches, wait: 'decided' })).resolves.toMatchObject({ status: 'CONFIRMING' });
  });

  it('resolves with whatever stands when only acceptance is waited for', async () => {
    const reason = { code: 'CANCEL_CODE_REFUSED', message: 'no stock' } as const;
    first.on('Execute', () => ({
      transaction: transaction({ status: 'TRANSACTION_STATUS_CANCELLED', cancelReason: reason }),
    }));
    await expect(tcc.execute({ branches, wait: 'accepted' })).resolves.toMatchObject({
      status: 'CANCELLED',
      cancelReason: { code: 'REFUSED', message: 'no stock' },
    });
  });

  it.each([
    ['CANCEL_CODE_REFUSED', RefusedError, 'REFUSED'],
    ['CANCEL_CODE_TIMED_OUT', TimedOutError, 'TIMED_OUT'],
    ['CANCEL_CODE_UNREACHABLE', CancelledError, 'CANCELLED'],
    ['CANCEL_CODE_ROLLED_BACK', CancelledError, 'CANCELLED'],
  ] as const)('a transaction cancelled with %s throws its typed error', async (cancelCode, type, code) => {
    const cancelReason = { code: cancelCode, branchId: 'stock', message: 'no stock' };
    first.on('Execute', () => ({
      transaction: transaction({ status: 'TRANSACTION_STATUS_CANCELLING', cancelReason }),
    }));
    const error: unknown = await tcc.execute({ gid: 'order-1', branches }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(type);
    expect(error).toBeInstanceOf(CancelledError);
    expect(error).toMatchObject({
      name: type.name,
      code,
      gid: 'order-1',
      branchId: 'stock',
      reason: { code: cancelCode.slice('CANCEL_CODE_'.length), branchId: 'stock', message: 'no stock' },
      transaction: { status: 'CANCELLING' },
    });
    expect(error).toMatchObject({ message: expect.stringContaining('no stock') as string });
  });

  it('throws what the coordinator says is wrong with the request, at once', async () => {
    first.on('Execute', () => failure('GID_TAKEN', 'gid order-1 is taken'));
    await expect(tcc.execute({ gid: 'order-1', branches })).rejects.toMatchObject({
      name: 'TccRequestError',
      code: 'GID_TAKEN',
      gid: 'order-1',
      message: 'gid order-1 is taken',
    });
    expect(second.requests).toEqual([]);
  });

  it('uses the status name where no reason came', async () => {
    first.on('Execute', () => bareStatus(status.PERMISSION_DENIED, 'go away'));
    await expect(tcc.execute({ branches })).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message: 'go away' });
    first.on('Execute', () => bareStatus(status.RESOURCE_EXHAUSTED, 'message too large'));
    await expect(tcc.execute({ branches })).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('gives up on failures without a reason after three attempts, and calls the outcome unknown', async () => {
    first.on('Execute', () => bareStatus(status.INTERNAL, 'internal error'));
    second.on('Execute', () => bareStatus(status.UNKNOWN, 'proxy'));
    const error: unknown = await tcc.execute({ gid: 'order-1', branches }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(first.seen('Execute').length + second.seen('Execute').length).toBe(3);
  });

  it('says what to do when the outcome is unknown', async () => {
    const dead = await deadAddress();
    const client = createClient({ carrier, addresses: [dead], clock: fastClock() });
    const error: unknown = await client.execute({ gid: 'order-1', branches }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', gid: 'order-1', cause: { code: status.UNAVAILABLE } });
    expect((error as Error).message).toMatch(/outcome of transaction order-1 is not known.*40000 ms.*UNAVAILABLE/s);
    expect((error as Error).message).toMatch(/send the same gid again, or ask get\('order-1'\)$/);
    await client.close();
  });

  it('an abort ends the wait with the reason of its signal', async () => {
    const controller = new AbortController();
    first.on('Execute', () => {
      controller.abort(new Error('changed my mind'));
      return silence;
    });
    await expect(tcc.execute({ branches, signal: controller.signal })).rejects.toThrow('changed my mind');
    await expect(tcc.execute({ branches, signal: controller.signal })).rejects.toThrow('changed my mind');
    expect(first.seen('Execute')).toHaveLength(1);
  });

  it('an abort ends the pause between two attempts', async () => {
    const client = createClient({ carrier, addresses: [first.address], random: () => 0 });
    const controller = new AbortController();
    first.on('Execute', (_, { count }) => {
      if (count === 4) setImmediate(() => controller.abort(new Error('enough')));
      return failure('JOURNAL_UNAVAILABLE');
    });
    await expect(client.execute({ branches, signal: controller.signal })).rejects.toThrow('enough');
    await client.close();
  });

  it('close ends calls that are under way, and later ones', async () => {
    first.on('Execute', () => {
      void tcc.close();
      return silence;
    });
    await expect(tcc.execute({ branches })).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(tcc.execute({ branches })).rejects.toBeInstanceOf(TccClientError);
  });
});

it('a client without addresses is refused', () => {
  expect(() => createClient({ addresses: [] })).toThrow(TypeError);
});

/** Time that passes a second per look, and timers that fire at once: patience ends without anybody waiting. */
function fastClock() {
  let nowMs = 0;
  return {
    monotonicMs: () => (nowMs += 1_000),
    wallMs: () => Date.now(),
    startTimer: (_delayMs: number, fire: () => void) => {
      const handle = setImmediate(fire);
      return { stop: () => clearImmediate(handle) };
    },
  };
}
