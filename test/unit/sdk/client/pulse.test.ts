import { status } from '@grpc/grpc-js';

import { createClient, type TccClient } from '../../../../src/sdk/client/index';
import { Pulse, type Vitals } from '../../../../src/sdk/client/pulse';
import { startTcpProxy, type TcpProxy } from '../../../support/tcp-proxy';
import { VirtualClock } from '../../../support/virtual-clock';
import { bareStatus, FakeCoordinator, silence, transaction } from './fake-coordinator';

/** A carrier whose pings end when the test says so. */
class ScriptedVitals implements Vitals {
  readonly dropped: string[] = [];
  answer: 'yes' | 'never' | Error = 'yes';
  pings = 0;
  cancelled = 0;

  ping: Vitals['ping'] = (_address, { signal }) => {
    this.pings += 1;
    const { answer } = this;
    if (answer === 'yes') return Promise.resolve();
    if (answer instanceof Error) return Promise.reject(answer);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        this.cancelled += 1;
        reject(bareStatus(status.CANCELLED, 'Cancelled on client'));
      });
    });
  };

  drop: Vitals['drop'] = (address) => void this.dropped.push(address);
}

describe('the pulse of a coordinator', () => {
  let clock: VirtualClock;
  let vitals: ScriptedVitals;
  let pulse: Pulse;

  beforeEach(() => {
    clock = new VirtualClock();
    vitals = new ScriptedVitals();
    pulse = new Pulse('there:1', { clock, vitals, lost: () => undefined });
  });

  it('is not felt while answers come within a second of each other', async () => {
    pulse.asked();
    for (let answers = 0; answers < 20; answers += 1) {
      pulse.asked();
      await clock.advance(900);
      pulse.settled(true);
    }
    expect(vitals.pings).toBe(0);
  });

  it('is felt once a second while a call takes long, and the call is left in peace', async () => {
    pulse.asked();
    await clock.advance(10_000);
    expect(vitals.pings).toBe(10);
    expect(vitals.dropped).toEqual([]);
  });

  it('that does not come within a second and a half ends what waits there', async () => {
    vitals.answer = 'never';
    pulse.asked();
    await clock.advance(2_540);
    expect(vitals.dropped).toEqual([]);
    await clock.advance(20);
    expect(vitals.dropped).toEqual(['there:1']);
    expect(vitals.cancelled).toBe(1);
  });

  it('may come as an answer to the call itself', async () => {
    vitals.answer = 'never';
    pulse.asked();
    pulse.asked();
    await clock.advance(2_000);
    pulse.settled(true);
    await clock.advance(900);
    expect(vitals.dropped).toEqual([]);
  });

  it('may be an error: somebody is there', async () => {
    vitals.answer = bareStatus(status.UNIMPLEMENTED, 'unknown service grpc.health.v1.Health');
    pulse.asked();
    await clock.advance(5_000);
    expect(vitals.dropped).toEqual([]);
  });

  it('leaves no timer and no question when nothing waits any more (I13)', async () => {
    vitals.answer = 'never';
    pulse.asked();
    await clock.advance(1_500);
    pulse.settled(true);
    expect(clock.pending).toBe(0);
    expect(vitals.cancelled).toBe(1);
  });
});

describe.each(['stream', 'unary'] as const)('a coordinator that hangs with its connection standing (%s)', (carrier) => {
  let first: FakeCoordinator;
  let second: FakeCoordinator;
  let proxy: TcpProxy;
  let tcc: TccClient;
  const branches = [{ participant: 'inventory', action: 'deduct' }];

  beforeEach(async () => {
    first = await new FakeCoordinator().start();
    second = await new FakeCoordinator().start();
    proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(first.address.split(':')[1]) });
    for (const fake of [first, second]) {
      fake.on('Execute', ({ gid }) => ({ transaction: transaction({ gid: String(gid) }) }));
    }
    tcc = createClient({ addresses: [`127.0.0.1:${proxy.port}`, second.address], carrier });
  });

  afterEach(async () => {
    await tcc.close();
    first.stop();
    second.stop();
    await proxy.stop();
  });

  it('is left for the next one, with the same gid, in less than an attempt takes', async () => {
    await tcc.execute({ gid: 'before', branches });
    proxy.pause();
    const startedMs = performance.now();
    expect((await tcc.execute({ gid: 'hangs', branches })).status).toBe('CONFIRMED');
    expect(performance.now() - startedMs).toBeLessThan(8_000);
    expect(second.seen('Execute').map(({ gid }) => gid)).toEqual(['hangs']);
  });

  it('is used again on a new connection once it is back', async () => {
    await tcc.execute({ gid: 'before', branches });
    proxy.pause();
    await tcc.execute({ gid: 'hangs', branches });
    proxy.resume();
    second.stop();
    expect((await tcc.execute({ gid: 'after', branches })).status).toBe('CONFIRMED');
    expect(first.seen('Execute').map(({ gid }) => gid)).toContain('after');
  });

  it('is not confused with one whose transaction takes long', async () => {
    first.on('Execute', () => silence);
    const given = new AbortController();
    const running = tcc.execute({ gid: 'takes-long', branches, signal: given.signal });
    const reason = new Error('enough');
    setTimeout(() => given.abort(reason), 3_500);
    await expect(running).rejects.toBe(reason);
    expect(second.seen('Execute')).toEqual([]);
  });
});
