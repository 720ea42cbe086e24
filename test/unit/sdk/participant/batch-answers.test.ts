import { FenceResult, Refused } from '../../../../src/sdk/fence';
import { CallExpired, MalformedPayload, type BatchHandler, type BranchCall } from '../../../../src/sdk/participant';
import { BatchHouse, Held, turn, words } from './batch-house';

let house: BatchHouse;
beforeEach(() => {
  house = new BatchHouse();
});

describe('what a batch answers', () => {
  test('each call gets the answer in its place, as a single handler would have given it', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const answers = house.calls('abcdefgh');
    await turn();
    held.end(0, [
      { price: 1 },
      new Refused('no stock'),
      new FenceResult('REPEAT', 5, { bytes: Buffer.from('5'), contentType: 'application/json' }),
      new Refused('late', { fence: 'HANGING_REFUSED' }),
      new CallExpired('over'),
      new MalformedPayload('not JSON'),
      new Error('password=secret'),
      1n,
    ]);
    const got = await Promise.all(answers);
    expect(words(got)).toEqual([
      'OK',
      'ABORTED: no stock',
      'REPEAT',
      'ABORTED: late',
      'DEADLINE_EXCEEDED: over',
      'INVALID_ARGUMENT: not JSON',
      'UNKNOWN: handler failed',
      'UNKNOWN: handler failed',
    ]);
    expect(got[0]).toMatchObject({ payload: { data: Buffer.from('{"price":1}') } });
    expect(got[2]).toMatchObject({ payload: { data: Buffer.from('5') } });
    expect(got[3]).toMatchObject({ fence: 'HANGING_REFUSED' });
  });

  const failing =
    (seen: string[], answer: (call: BranchCall) => unknown = () => undefined): BatchHandler =>
    (batch) => {
      seen.push(batch.map(({ gid }) => gid).join(''));
      if (batch.length > 1) return Promise.reject(new Error('deadlock'));
      return Promise.resolve().then(() => batch.map(answer));
    };

  test('a batch that fails is run call by call, each with its own outcome', async () => {
    const seen: string[] = [];
    const answer = ({ gid }: BranchCall) => {
      if (gid === 'b') throw new Refused('no stock');
      if (gid === 'c') throw new Error('broken');
      return gid;
    };
    house.serve({ tryBatch: failing(seen, answer) });
    expect(words(await Promise.all(house.calls('abcd')))).toEqual([
      'OK',
      'ABORTED: no stock',
      'UNKNOWN: handler failed',
      'OK',
    ]);
    expect(seen).toEqual(['abcd', 'a', 'b', 'c', 'd']);
    expect(house.logged).toEqual(['a batch failed; its calls run one by one', 'a handler failed']);
  });

  test('the single handler, where there is one, runs the calls of a batch that failed', async () => {
    const seen: string[] = [];
    const alone: string[] = [];
    house.serve({ tryBatch: failing(seen), try: ({ gid }) => alone.push(gid) });
    await Promise.all(house.calls('abc'));
    expect([seen, alone]).toEqual([['abc'], ['a', 'b', 'c']]);
  });

  test.each([0, 1, 3])('%d answers to two calls are a failed batch', async (count) => {
    const seen: number[] = [];
    house.serve({
      tryBatch: (batch) => {
        seen.push(batch.length);
        return Promise.resolve(batch.length === 2 ? Array<undefined>(count).fill(undefined) : [undefined]);
      },
    });
    expect(words(await Promise.all(house.calls('ab')))).toEqual(['OK', 'OK']);
    expect(seen).toEqual([2, 1, 1]);
  });

  test('a lone call that fails is not run again', async () => {
    const seen: string[] = [];
    const broken: BatchHandler = (batch) => {
      seen.push(batch.map(({ gid }) => gid).join(''));
      throw new Error('broken');
    };
    house.serve({ tryBatch: broken });
    expect(words(await Promise.all(house.calls('a')))).toEqual(['UNKNOWN: handler failed']);
    expect(seen).toEqual(['a']);
  });

  test('of a batch that failed, four calls run at a time', async () => {
    let running = 0;
    let most = 0;
    house.serve({
      tryBatch: async (batch) => {
        if (batch.length > 1) throw new Error('deadlock');
        running += 1;
        most = Math.max(most, running);
        await turn();
        running -= 1;
        return [undefined];
      },
    });
    expect(words(await Promise.all(house.calls('abcdefghij')))).toEqual(Array<string>(10).fill('OK'));
    expect(most).toBe(4);
  });
});
