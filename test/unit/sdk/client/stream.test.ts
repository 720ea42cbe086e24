import { status } from '@grpc/grpc-js';

import { systemClock } from '../../../../src/lib/clock';
import { silentLogger } from '../../../../src/lib/logger';
import { AdminClient } from '../../../../src/sdk/client/admin';
import { createClient, type TccClient } from '../../../../src/sdk/client/index';
import { eventually } from '../../../support/eventually';
import { bareStatus, failure, FakeCoordinator, silence, transaction } from './fake-coordinator';

const branches = [{ participant: 'inventory', action: 'deduct', payload: { sku: 'A' } }];
const confirmed = (request: Record<string, unknown>) => ({ transaction: transaction({ gid: String(request['gid']) }) });
const refusal = () => bareStatus(status.UNIMPLEMENTED, 'unknown method ExecuteStream');

describe('calls on a stream', () => {
  let first: FakeCoordinator;
  let second: FakeCoordinator;
  let tcc: TccClient;

  beforeEach(async () => {
    first = await new FakeCoordinator().start();
    second = await new FakeCoordinator().start();
    for (const fake of [first, second]) fake.on('Execute', confirmed).on('Commit', confirmed);
    tcc = createClient({ addresses: [first.address, second.address] });
  });

  afterEach(async () => {
    await tcc.close();
    first.stop();
    second.stop();
  });

  const gids = (fake: FakeCoordinator) => fake.seen('Execute').map(({ gid }) => gid);

  it('that are made together arrive in one frame', async () => {
    const wanted = Array.from({ length: 100 }, (_, index) => `order-${index}`);
    const views = await Promise.all(wanted.map((gid) => tcc.execute({ gid, branches })));
    expect(views.map(({ gid }) => gid)).toEqual(wanted);
    expect(first.frames).toEqual([100]);
    expect(first.streams.opened).toBe(1);
  });

  it('share it with the other calls of a transaction, and reads go beside it', async () => {
    first
      .on('Begin', (request) => ({
        transaction: transaction({ gid: String(request['gid']), status: 'TRANSACTION_STATUS_TRYING' }),
      }))
      .on('Try', () => ({ branch: { status: 'BRANCH_STATUS_TRIED' }, transactionStatus: 'TRANSACTION_STATUS_TRYING' }))
      .on('RegisterBranch', () => ({ branch: {} }))
      .on('Get', confirmed);
    const { gid } = await tcc.run({}, async (tx) => {
      await tx.try('inventory', 'deduct', {});
      await tx.registerBranch('points', 'add');
    });
    await tcc.get(gid);
    expect(first.requests.map(({ method }) => method)).toEqual(['Begin', 'Try', 'RegisterBranch', 'Commit', 'Get']);
    expect(first.frames).toEqual([1, 1, 1, 1]);
  });

  it('that are open when it breaks are sent again elsewhere, with the same gid', async () => {
    first.on('Execute', () => silence);
    const running = Promise.all(['a', 'b', 'c'].map((gid) => tcc.execute({ gid, branches })));
    await eventually(() => first.seen('Execute').length === 3);
    first.endStreams(bareStatus(status.INTERNAL, 'broken'));
    expect((await running).map(({ status: now }) => now)).toEqual(['CONFIRMED', 'CONFIRMED', 'CONFIRMED']);
    expect(gids(second).sort()).toEqual(['a', 'b', 'c']);
  });

  it('go on a new one at once after it broke', async () => {
    const only = createClient({ addresses: [first.address] });
    await only.execute({ branches });
    first.endStreams(failure('DRAINING'));
    await eventually(() => first.streams.ended === 1);
    await only.execute({ branches });
    expect(first.streams.opened).toBe(2);
    await only.close();
  });

  it('that are aborted are abandoned, and the others go on', async () => {
    const controller = new AbortController();
    first.on('Execute', (request) => (request['gid'] === 'a' ? silence : confirmed(request)));
    const aborted = tcc.execute({ gid: 'a', branches, signal: controller.signal });
    await eventually(() => first.seen('Execute').length === 1);
    controller.abort(new Error('changed my mind'));
    await expect(aborted).rejects.toThrow('changed my mind');
    await tcc.execute({ gid: 'b', branches });
    expect(first.abandoned).toEqual([1]);
    expect(first.streams).toEqual({ opened: 1, ended: 0 });
  });

  it('with a bad request fail by themselves', async () => {
    first.on('Execute', (request) => (request['gid'] === 'bad' ? failure('GID_TAKEN') : confirmed(request)));
    const outcomes = await Promise.allSettled(['good', 'bad'].map((gid) => tcc.execute({ gid, branches })));
    expect(outcomes).toMatchObject([{ status: 'fulfilled' }, { status: 'rejected', reason: { code: 'GID_TAKEN' } }]);
    expect(first.frames).toEqual([2]);
  });

  it('that are too large for a frame go by unary calls', async () => {
    const payload = { bytes: Buffer.alloc(1_100_000), contentType: 'application/x-own' };
    await tcc.execute({ gid: 'large', branches: [{ participant: 'a', action: 'b', payload }] });
    expect(gids(first)).toEqual(['large']);
    expect(first.frames).toEqual([]);
  });

  it('with a gid that is no string go by unary calls, which convert it', async () => {
    await tcc.execute({ gid: 42 as unknown as string, branches });
    expect(gids(first)).toEqual(['42']);
  });
});

describe('without a stream', () => {
  let fake: FakeCoordinator;
  let laterMs = 0;
  let said: unknown[];
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
  let tcc: TccClient;

  beforeEach(async () => {
    laterMs = 0;
    fake = (await new FakeCoordinator().start()).on('Execute', confirmed);
    said = [];
    const logger = {
      ...silentLogger,
      debug: (fields: object, message: string) => void said.push({ ...fields, message }),
    };
    tcc = createClient({ addresses: [fake.address], clock, logger });
  });

  afterEach(async () => {
    await tcc.close();
    fake.stop();
  });

  it.each([status.UNIMPLEMENTED, status.RESOURCE_EXHAUSTED])(
    'a coordinator that refuses it with status %i is called unary, and asked again after a minute',
    async (code) => {
      fake.refuseStreams = bareStatus(code, 'no');
      await Promise.all([tcc.execute({ branches }), tcc.execute({ branches })]);
      await tcc.execute({ branches });
      expect(fake.seen('Execute')).toHaveLength(3);
      expect(fake.streams.opened).toBe(1);
      const message = 'a stream of calls was refused; calls go by unary calls for now';
      expect(said).toEqual([{ address: fake.address, unaryMs: 60_000, message }]);

      fake.refuseStreams = undefined;
      laterMs += 61_000;
      await tcc.execute({ branches });
      expect(fake.streams.opened).toBe(2);
      expect(fake.frames).toEqual([1]);
    },
  );

  it('one refused coordinator says nothing about another', async () => {
    fake.refuseStreams = refusal();
    fake.on('Execute', () => failure('DRAINING'));
    const other = (await new FakeCoordinator().start()).on('Execute', confirmed);
    const client = createClient({ addresses: [fake.address, other.address], clock });
    await client.execute({ branches });
    expect(fake.seen('Execute')).toHaveLength(1);
    expect(other.frames).toEqual([1]);
    await client.close();
    other.stop();
  });

  it('a client that is not welcome hears so at once', async () => {
    fake.refuseStreams = bareStatus(status.PERMISSION_DENIED, 'go away');
    await expect(tcc.execute({ branches })).rejects.toMatchObject({ code: 'PERMISSION_DENIED', message: 'go away' });
  });

  it('a client with the unary carrier opens none', async () => {
    const client = createClient({ addresses: [fake.address], carrier: 'unary' });
    await client.execute({ branches });
    expect(fake.seen('Execute')).toHaveLength(1);
    expect(fake.streams.opened).toBe(0);
    await client.close();
  });

  it('an operator’s client opens none', async () => {
    fake.on('ListTransactions', () => ({ transactions: [] }));
    const admin = new AdminClient({ addresses: [fake.address], timeoutMs: 5_000 });
    await admin.listTransactions({}, { pageSize: 10, pageToken: '' });
    expect(fake.streams.opened).toBe(0);
    admin.close();
  });
});

describe('the end of a stream', () => {
  it('comes when it is idle; the next call opens another', async () => {
    const fake = (await new FakeCoordinator().start()).on('Execute', confirmed);
    const tcc = createClient({ addresses: [fake.address] });
    await tcc.execute({ branches });
    await eventually(() => fake.streams.ended === 1);
    await tcc.execute({ branches });
    expect(fake.streams).toEqual({ opened: 2, ended: 1 });
    await tcc.close();
    await eventually(() => fake.streams.ended === 2);
    fake.stop();
  });

  it('comes with close, and calls that are open end with it', async () => {
    const fake = (await new FakeCoordinator().start()).on('Execute', () => silence);
    const tcc = createClient({ addresses: [fake.address] });
    const running = tcc.execute({ branches }).catch((error: unknown) => error);
    await eventually(() => fake.seen('Execute').length === 1);
    await tcc.close();
    expect(await running).toMatchObject({ code: 'CLOSED' });
    await eventually(() => fake.streams.ended === 1);
    fake.stop();
  });
});
