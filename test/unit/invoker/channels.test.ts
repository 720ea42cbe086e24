import { connectivityState, credentials, type Client } from '@grpc/grpc-js';

import { CHANNEL_KEPT_MS, Channels } from '../../../src/invoker/channels';
import { FakeClock } from './fake-clock';

describe('Channels', () => {
  let clock: FakeClock;
  let channels: Channels;

  beforeEach(() => {
    clock = new FakeClock();
    channels = new Channels({ messageBytes: 1_000, credentials: credentials.createInsecure() }, clock);
  });

  afterEach(() => {
    channels.close();
    expect(clock.waiting).toBe(0);
  });

  const clientOf = (address: string) => channels.use(address, (client) => Promise.resolve(client));
  const isClosed = (client: Client) => client.getChannel().getConnectivityState(false) === connectivityState.SHUTDOWN;

  it('the calls to one address share a channel', async () => {
    const one = await clientOf('127.0.0.1:1');
    expect(await clientOf('127.0.0.1:1')).toBe(one);
    expect(await clientOf('127.0.0.1:2')).not.toBe(one);
  });

  it('a channel that is not used any more is closed, and one that is used is not', async () => {
    const quiet = await clientOf('127.0.0.1:1');
    const busy = await clientOf('127.0.0.1:2');
    let end: () => void = () => undefined;
    const running = channels.use('127.0.0.1:2', () => new Promise<void>((resolve) => (end = resolve)));
    await clock.pass(CHANNEL_KEPT_MS - 1);
    expect(isClosed(quiet)).toBe(false);
    await clock.pass(60_000);
    expect([quiet, busy].map(isClosed)).toEqual([true, false]);
    end();
    await running;
    expect(await clientOf('127.0.0.1:1')).not.toBe(quiet);
    await clock.pass(2 * CHANNEL_KEPT_MS);
    expect(isClosed(busy)).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  it('close closes all of them', async () => {
    const client = await clientOf('127.0.0.1:1');
    channels.close();
    expect(isClosed(client)).toBe(true);
  });
});
