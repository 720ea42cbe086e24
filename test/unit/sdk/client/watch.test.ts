import { createClient, type TccClient, type TransactionView } from '../../../../src/sdk/client/index';
import { failure, FakeCoordinator, silence, transaction } from './fake-coordinator';

const at = (status: 'TRYING' | 'CONFIRMING' | 'CONFIRMED') => ({
  transaction: transaction({ status: `TRANSACTION_STATUS_${status}` }),
});

describe('watch', () => {
  let first: FakeCoordinator;
  let second: FakeCoordinator;
  let tcc: TccClient;

  beforeEach(async () => {
    first = await new FakeCoordinator().start();
    second = await new FakeCoordinator().start();
    tcc = createClient({ addresses: [first.address, second.address] });
  });

  afterEach(async () => {
    await tcc.close();
    first.stop();
    second.stop();
  });

  const statuses = async (views: AsyncIterable<TransactionView>) => {
    const seen = [];
    for await (const { status } of views) seen.push(status);
    return seen;
  };

  it('shows each state until the transaction is terminal', async () => {
    first.on('Watch', () => [at('TRYING'), at('CONFIRMING'), at('CONFIRMED')]);
    expect(await statuses(tcc.watch('order-1'))).toEqual(['TRYING', 'CONFIRMING', 'CONFIRMED']);
    expect(first.seen('Watch')).toEqual([{ gid: 'order-1' }]);
  });

  it('goes on at the next coordinator when the first dies, and repeats nothing', async () => {
    first.on('Watch', () => [at('TRYING'), at('CONFIRMING'), silence]);
    second.on('Watch', () => [at('CONFIRMING'), at('CONFIRMED')]);
    const seen: string[] = [];
    for await (const { status } of tcc.watch('order-1')) {
      seen.push(status);
      if (status === 'CONFIRMING') first.stop();
    }
    expect(seen).toEqual(['TRYING', 'CONFIRMING', 'CONFIRMED']);
  });

  it('opens the stream again when it ends early', async () => {
    first.on('Watch', (_, { count }) => (count === 1 ? [at('TRYING')] : [at('CONFIRMED')]));
    expect(await statuses(tcc.watch('order-1'))).toEqual(['TRYING', 'CONFIRMED']);
  });

  it('fails for an unknown gid', async () => {
    first.on('Watch', () => [failure('TRANSACTION_NOT_FOUND')]);
    await expect(statuses(tcc.watch('x'))).rejects.toMatchObject({ code: 'TRANSACTION_NOT_FOUND' });
  });

  it('an abort ends it with the reason of its signal', async () => {
    first.on('Watch', () => [at('TRYING'), silence]);
    const controller = new AbortController();
    const watching = (async () => {
      for await (const view of tcc.watch('order-1', { signal: controller.signal })) {
        expect(view.status).toBe('TRYING');
        controller.abort(new Error('seen enough'));
      }
    })();
    await expect(watching).rejects.toThrow('seen enough');
  });

  it('leaving the loop ends the call', async () => {
    first.on('Watch', () => [at('TRYING'), silence]);
    for await (const { status } of tcc.watch('order-1')) {
      expect(status).toBe('TRYING');
      break;
    }
  });
});
