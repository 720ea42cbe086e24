import { FenceResult, type FenceCall, type FencedAnswer, type Phase } from '../../../src/sdk/fence';
import { FencedBatches, words } from './fenced-batches';
import { targets } from './targets';

describe.each(targets)('what a batch answers, and what fails it, on $name', (target) => {
  let batches: FencedBatches;

  beforeAll(async () => {
    batches = await FencedBatches.on(target);
  });

  beforeEach(() => batches.begin());

  afterAll(() => batches.close());

  test('repeats answer the very bytes of the first answers: JSON, raw, empty, none', async () => {
    const replies: Record<string, unknown> = {
      json: { price: 42, note: '库存 🎉 \'"\\' },
      raw: { bytes: Uint8Array.from({ length: 256 }, (_, index) => index), contentType: "application/x-o'clock" },
      empty: { bytes: new Uint8Array(), contentType: 'text/plain' },
      none: undefined,
    };
    const calls = batches.many('try', ...Object.keys(replies));
    const first = await batches.run(calls, { reply: ({ gid }) => replies[gid.split('-')[0] ?? ''] });
    const second = await batches.run(calls);
    const payloads = (answers: readonly FencedAnswer[]) =>
      answers.map((answer) => {
        if (!(answer instanceof FenceResult)) throw answer;
        const { payload } = answer;
        return payload && [Buffer.from(payload.bytes).toString('hex'), payload.contentType];
      });
    expect(payloads(second)).toEqual(payloads(first));
    const one = await batches.open.begin((executor) =>
      batches.fence.run(executor, batches.call('try', 'json'), () => Promise.reject(new Error('not fresh'))),
    );
    expect(one).toMatchObject({ fence: 'REPEAT', reply: replies['json'] });
  });

  test('replies of the largest size are stored in several statements, and one larger rolls all back', async () => {
    const gids = Array.from({ length: 20 }, (_, index) => `g${index}`);
    const large = (size: number) => ({ bytes: new Uint8Array(size).fill(7), contentType: 'a/b' });
    const tooLarge = ({ gid }: FenceCall) => large(gid.startsWith('g7') ? 65_537 : 65_536);
    await expect(batches.run(batches.many('try', ...gids), { reply: tooLarge })).rejects.toThrow('65537 bytes');
    expect(await batches.row('g0')).toBeUndefined();
    await batches.run(batches.many('try', ...gids), { reply: () => large(65_536) });
    const repeats = await batches.run(batches.many('try', ...gids));
    expect(repeats.map((answer) => answer instanceof FenceResult && answer.payload?.bytes.length)).toEqual(
      gids.map(() => 65_536),
    );
  });

  test('with cancelWithoutTry the business Cancel runs for an empty rollback, once, and again when it failed', async () => {
    await batches.run(batches.many('try', 'a'));
    batches.served = [];
    const fail = ({ gid }: FenceCall) => (gid.startsWith('y') ? new Error('later') : undefined);
    const cancel = () => batches.run(batches.many('cancel', 'a', 'x', 'y'), { cancelWithoutTry: true, reply: fail });
    expect(words(await cancel())).toEqual(['FRESH', 'EMPTY_ROLLBACK', 'Error']);
    expect(batches.served.map(({ outcome }) => outcome)).toEqual(['FRESH', 'EMPTY_ROLLBACK', 'EMPTY_ROLLBACK']);
    expect(await batches.row('y')).toBeUndefined();
    expect(words(await cancel())).toEqual(['REPEAT', 'REPEAT', 'Error']);
  });

  test.each<Phase>(['try', 'confirm', 'cancel'])('a failed business %s rolls every entry back', async (phase) => {
    if (phase !== 'try') await batches.run(batches.many('try', 'a', 'b'));
    const before = [await batches.row('a'), await batches.row('b'), await batches.stock()];
    const fail = () => {
      throw new Error('lost');
    };
    await expect(batches.run(batches.many(phase, 'a', 'b'), { afterwards: fail })).rejects.toThrow('lost');
    expect([await batches.row('a'), await batches.row('b'), await batches.stock()]).toEqual(before);
    expect(words(await batches.run(batches.many(phase, 'a', 'b')))).toEqual(['FRESH', 'FRESH']);
  });

  test('a wrong number of answers rolls every entry back', async () => {
    const wrong = batches.open.begin((executor) =>
      batches.fence.runBatch(executor, batches.many('try', 'a', 'b'), () => Promise.resolve([undefined])),
    );
    await expect(wrong).rejects.toThrow('1 answers to 2 calls');
    expect(await batches.row('a')).toBeUndefined();
  });
});
