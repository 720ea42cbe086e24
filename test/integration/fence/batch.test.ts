import {
  createFence,
  FenceResult,
  Refused,
  type Fence,
  type FenceCall,
  type FencedAnswer,
  type FenceExecutor,
  type FenceOutcome,
  type Phase,
} from '../../../src/sdk/fence';
import { systemClock, type Clock } from '../../../src/lib/clock';
import type { TestDatabase } from '../../support/databases';
import { prepare, targets, type OpenTarget } from './targets';

/** The business code of each phase: freezes pieces, sells them, gives them back. */
const statements: Record<Phase, string> = {
  try: "UPDATE stock SET available = available - ?, frozen = frozen + ? WHERE sku = 'A'",
  confirm: "UPDATE stock SET frozen = frozen - ?, available = available - ? * 0 WHERE sku = 'A'",
  cancel: "UPDATE stock SET available = available + ?, frozen = frozen - ? WHERE sku = 'A'",
};

interface Served {
  readonly call: FenceCall;
  readonly outcome: FenceOutcome | undefined;
}

describe.each(targets)('a batch behind the fence on $name', (target) => {
  let database: TestDatabase;
  let open: OpenTarget;
  let fence: Fence;
  let round = 0;
  let served: Served[] = [];

  beforeAll(async () => {
    database = await target.create();
    open = target.open(database.url);
    fence = await prepare(target, open.direct);
  });

  beforeEach(async () => {
    round += 1;
    served = [];
    await open.direct.execute("UPDATE stock SET available = 10, frozen = 0 WHERE sku = 'A'", []);
  });

  afterAll(async () => {
    await open.close();
    await database.drop();
  });

  const call = (phase: Phase, gid: string, extra: Partial<FenceCall> = {}): FenceCall => ({
    gid: `${gid}-${round}`,
    branchId: 'stock',
    phase,
    ...extra,
  });
  const many = (phase: Phase, ...gids: string[]) => gids.map((gid) => call(phase, gid));

  interface Options {
    /** The answer to each fresh call; an Error refuses it. */
    readonly reply?: (call: FenceCall) => unknown;
    readonly by?: Fence;
    readonly cancelWithoutTry?: boolean;
    readonly afterwards?: () => void;
  }

  const business = async (executor: FenceExecutor, phase: Phase, pieces: number) => {
    if (pieces > 0) await executor.execute(statements[phase], [pieces, pieces]);
  };

  const run = (calls: readonly FenceCall[], { reply, by = fence, cancelWithoutTry, afterwards }: Options = {}) =>
    open.begin((executor) =>
      by.runBatch(
        executor,
        calls,
        async (fresh, outcomes) => {
          for (const [index, one] of fresh.entries()) served.push({ call: one, outcome: outcomes[index] });
          const answers = fresh.map((one) => reply?.(one));
          const pieces = answers.filter((answer) => !(answer instanceof Error)).length;
          await business(executor, fresh[0]?.phase ?? 'try', pieces);
          afterwards?.();
          return answers;
        },
        cancelWithoutTry === undefined ? {} : { cancelWithoutTry },
      ),
    );

  const words = (answers: readonly FencedAnswer[]) =>
    answers.map((answer) => {
      if (answer instanceof FenceResult) return answer.fence;
      return answer instanceof Refused ? `${answer.status} ${answer.fence ?? ''}`.trim() : answer.name;
    });

  const stock = async () => {
    const { rows } = await open.direct.execute('SELECT available, frozen FROM stock', []);
    return rows.map(({ available, frozen }) => [available, frozen])[0];
  };

  const row = async (gid: string) => {
    const { rows } = await open.direct.execute('SELECT status FROM tcc_fence WHERE gid = ?', [`${gid}-${round}`]);
    return rows[0]?.['status'];
  };

  test('Try, Confirm: each takes effect once for every branch, and repeats answer REPEAT', async () => {
    const gids = ['c', 'a', 'b'];
    expect(words(await run(many('try', ...gids)))).toEqual(['FRESH', 'FRESH', 'FRESH']);
    expect(served.map(({ call: { gid } }) => gid)).toEqual(gids.map((gid) => `${gid}-${round}`));
    expect(words(await run(many('try', ...gids, 'd')))).toEqual(['REPEAT', 'REPEAT', 'REPEAT', 'FRESH']);
    expect(await stock()).toEqual([6, 4]);
    expect(words(await run(many('confirm', 'a', 'c')))).toEqual(['FRESH', 'FRESH']);
    expect(words(await run(many('confirm', 'b', 'c', 'd', 'a')))).toEqual(['FRESH', 'REPEAT', 'FRESH', 'REPEAT']);
    expect(words(await run(many('confirm', ...gids)))).toEqual(['REPEAT', 'REPEAT', 'REPEAT']);
    expect(words(await run(many('try', ...gids)))).toEqual(['REPEAT', 'REPEAT', 'REPEAT']);
    expect(await stock()).toEqual([6, 0]);
    expect(await row('a')).toBe('CONFIRMED');
  });

  test('Try, Cancel: each takes effect once for every branch', async () => {
    await run(many('try', 'a', 'b'));
    expect(words(await run(many('cancel', 'b', 'a')))).toEqual(['FRESH', 'FRESH']);
    expect(words(await run(many('cancel', 'a', 'b')))).toEqual(['REPEAT', 'REPEAT']);
    expect(await stock()).toEqual([10, 0]);
    expect([await row('a'), await row('b')]).toEqual(['CANCELLED', 'CANCELLED']);
  });

  test('a refused, a repeated, a hanging and a malformed entry at once, among fresh ones', async () => {
    await run(many('try', 'repeated'), { reply: () => ({ price: 42 }) });
    await run(many('cancel', 'hanging'));
    const answers = await run(
      [...many('try', 'first', 'refused', 'repeated', 'hanging'), call('try', 'a b'), ...many('try', 'last')],
      { reply: ({ gid }) => (gid.startsWith('refused') ? new Refused('no stock') : { price: 1 }) },
    );
    expect(words(answers)).toEqual([
      'FRESH',
      'ABORTED',
      'REPEAT',
      'ABORTED HANGING_REFUSED',
      'INVALID_ARGUMENT',
      'FRESH',
    ]);
    expect(answers[1]).toMatchObject({ message: 'no stock' });
    expect(answers[2]).toMatchObject({ reply: { price: 42 } });
    expect(await stock()).toEqual([7, 3]);
    expect(await Promise.all(['first', 'refused', 'repeated', 'hanging', 'last'].map(row))).toEqual([
      'TRIED',
      undefined,
      'TRIED',
      'CANCELLED',
      'TRIED',
    ]);
  });

  test('a batch of Cancels with a fresh, a repeated, a confirmed and an empty-rollback entry at once', async () => {
    await run(many('try', 'fresh', 'repeated', 'confirmed'));
    await run(many('cancel', 'repeated'));
    await run(many('confirm', 'confirmed'));
    served = [];
    expect(words(await run(many('cancel', 'empty', 'fresh', 'repeated', 'confirmed')))).toEqual([
      'EMPTY_ROLLBACK',
      'FRESH',
      'REPEAT',
      'FAILED_PRECONDITION',
    ]);
    expect(served).toHaveLength(1);
    expect(await stock()).toEqual([9, 0]);
    expect(await Promise.all(['empty', 'fresh', 'repeated', 'confirmed'].map(row))).toEqual([
      'CANCELLED',
      'CANCELLED',
      'CANCELLED',
      'CONFIRMED',
    ]);
  });

  test('a batch of Confirms with a fresh, a repeated, a cancelled and a missing entry at once', async () => {
    await run(many('try', 'fresh', 'repeated', 'cancelled'));
    await run(many('confirm', 'repeated'));
    await run(many('cancel', 'cancelled'));
    expect(words(await run(many('confirm', 'missing', 'cancelled', 'repeated', 'fresh')))).toEqual([
      'FAILED_PRECONDITION',
      'FAILED_PRECONDITION',
      'REPEAT',
      'FRESH',
    ]);
    expect(await stock()).toEqual([8, 0]);
    expect(await row('missing')).toBeUndefined();
  });

  test('a refused Try can come again, and its Cancel is an empty rollback', async () => {
    const refuse = { reply: () => new Refused('no stock') };
    expect(words(await run(many('try', 'a', 'b'), refuse))).toEqual(['ABORTED', 'ABORTED']);
    expect(words(await run(many('try', 'a')))).toEqual(['FRESH']);
    expect(words(await run(many('cancel', 'a', 'b')))).toEqual(['FRESH', 'EMPTY_ROLLBACK']);
    expect(await stock()).toEqual([10, 0]);
  });

  test.each<Phase>(['confirm', 'cancel'])('a %s that fails for one entry leaves that one as it was', async (phase) => {
    await run(many('try', 'a', 'b'));
    const fail = ({ gid }: FenceCall) => (gid.startsWith('a') ? new Error('later') : undefined);
    expect(words(await run(many(phase, 'a', 'b'), { reply: fail }))).toEqual(['Error', 'FRESH']);
    expect(await row('a')).toBe('TRIED');
    expect(words(await run(many(phase, 'a', 'b')))).toEqual(['FRESH', 'REPEAT']);
    expect((await stock())?.[1]).toBe(0);
  });

  test('two calls about one branch: the second is a repeat of the first', async () => {
    const answers = await run(many('try', 'a', 'b', 'a'), { reply: ({ gid }) => ({ for: gid }) });
    expect(words(answers)).toEqual(['FRESH', 'FRESH', 'REPEAT']);
    expect(answers[2]).toMatchObject({ reply: { for: `a-${round}` } });
    expect(words(await run(many('confirm', 'a', 'a', 'b')))).toEqual(['FRESH', 'REPEAT', 'FRESH']);
    expect(words(await run(many('cancel', 'x', 'x')))).toEqual(['EMPTY_ROLLBACK', 'REPEAT']);
    expect(words(await run(many('try', 'r', 'r'), { reply: () => new Refused('no') }))).toEqual(['ABORTED', 'ABORTED']);
    expect(await stock()).toEqual([8, 0]);
  });

  test('repeats answer the very bytes of the first answers: JSON, raw, empty, none', async () => {
    const replies: Record<string, unknown> = {
      json: { price: 42, note: '库存 🎉 \'"\\' },
      raw: { bytes: Uint8Array.from({ length: 256 }, (_, index) => index), contentType: "application/x-o'clock" },
      empty: { bytes: new Uint8Array(), contentType: 'text/plain' },
      none: undefined,
    };
    const calls = many('try', ...Object.keys(replies));
    const first = await run(calls, { reply: ({ gid }) => replies[gid.split('-')[0] ?? ''] });
    const second = await run(calls);
    const payloads = (answers: readonly FencedAnswer[]) =>
      answers.map((answer) => {
        if (!(answer instanceof FenceResult)) throw answer;
        const { payload } = answer;
        return payload && [Buffer.from(payload.bytes).toString('hex'), payload.contentType];
      });
    expect(payloads(second)).toEqual(payloads(first));
    const one = await open.begin((executor) =>
      fence.run(executor, call('try', 'json'), () => Promise.reject(new Error('not fresh'))),
    );
    expect(one).toMatchObject({ fence: 'REPEAT', reply: replies['json'] });
  });

  test('replies of the largest size are stored in several statements, and one larger rolls all back', async () => {
    const gids = Array.from({ length: 20 }, (_, index) => `g${index}`);
    const large = (size: number) => ({ bytes: new Uint8Array(size).fill(7), contentType: 'a/b' });
    const tooLarge = ({ gid }: FenceCall) => large(gid.startsWith('g7') ? 65_537 : 65_536);
    await expect(run(many('try', ...gids), { reply: tooLarge })).rejects.toThrow('65537 bytes');
    expect(await row('g0')).toBeUndefined();
    await run(many('try', ...gids), { reply: () => large(65_536) });
    const repeats = await run(many('try', ...gids));
    expect(repeats.map((answer) => answer instanceof FenceResult && answer.payload?.bytes.length)).toEqual(
      gids.map(() => 65_536),
    );
  });

  test('with cancelWithoutTry the business Cancel runs for an empty rollback, once, and again when it failed', async () => {
    await run(many('try', 'a'));
    served = [];
    const fail = ({ gid }: FenceCall) => (gid.startsWith('y') ? new Error('later') : undefined);
    const cancel = () => run(many('cancel', 'a', 'x', 'y'), { cancelWithoutTry: true, reply: fail });
    expect(words(await cancel())).toEqual(['FRESH', 'EMPTY_ROLLBACK', 'Error']);
    expect(served.map(({ outcome }) => outcome)).toEqual(['FRESH', 'EMPTY_ROLLBACK', 'EMPTY_ROLLBACK']);
    expect(await row('y')).toBeUndefined();
    expect(words(await cancel())).toEqual(['REPEAT', 'REPEAT', 'Error']);
  });

  test.each<Phase>(['try', 'confirm', 'cancel'])('a failed business %s rolls every entry back', async (phase) => {
    if (phase !== 'try') await run(many('try', 'a', 'b'));
    const before = [await row('a'), await row('b'), await stock()];
    const fail = () => {
      throw new Error('lost');
    };
    await expect(run(many(phase, 'a', 'b'), { afterwards: fail })).rejects.toThrow('lost');
    expect([await row('a'), await row('b'), await stock()]).toEqual(before);
    expect(words(await run(many(phase, 'a', 'b')))).toEqual(['FRESH', 'FRESH']);
  });

  test('a wrong number of answers rolls every entry back', async () => {
    const wrong = open.begin((executor) =>
      fence.runBatch(executor, many('try', 'a', 'b'), () => Promise.resolve([undefined])),
    );
    await expect(wrong).rejects.toThrow('1 answers to 2 calls');
    expect(await row('a')).toBeUndefined();
  });

  test('a Try whose time is over before the business code is left out, and leaves nothing', async () => {
    const late = call('try', 'late', { remainingMs: 0 });
    const answers = await run([...many('try', 'a'), late, ...many('try', 'b')]);
    expect(words(answers)).toEqual(['FRESH', 'CallExpired', 'FRESH']);
    expect(served).toHaveLength(2);
    expect([await row('late'), await stock()]).toEqual([undefined, [8, 2]]);
    expect(words(await run(many('cancel', 'late')))).toEqual(['EMPTY_ROLLBACK']);
  });

  test('a repeated Try answers however late it is, and so do Confirm and Cancel', async () => {
    await run(many('try', 'a', 'b'));
    const late = (phase: Phase, gid: string) => call(phase, gid, { remainingMs: 0 });
    expect(words(await run([late('try', 'a')]))).toEqual(['REPEAT']);
    expect(words(await run([late('confirm', 'a')]))).toEqual(['FRESH']);
    expect(words(await run([late('cancel', 'b')]))).toEqual(['FRESH']);
  });

  test('a Try whose time runs out after the business code rolls the batch back', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const by = createFence({ dialect: target.dialect, clock });
    const calls = [...many('try', 'a'), call('try', 'short', { remainingMs: 100 })];
    await expect(run(calls, { by, afterwards: () => (nowMs += 100) })).rejects.toMatchObject({ name: 'CallExpired' });
    expect([await row('a'), await row('short'), await stock()]).toEqual([undefined, undefined, [10, 0]]);
  });

  test('keys differ in case and by branch, and sort byte by byte', async () => {
    const gid = call('try', 'order').gid;
    const keys = ['Stock', 'stock', '_', 'a-b', 'a.b', 'a:b', 'B', '9'];
    const calls = keys.map((branchId): FenceCall => ({ gid, branchId, phase: 'try' }));
    expect(words(await run(calls))).toEqual(keys.map(() => 'FRESH'));
    expect(words(await run([...calls].reverse()))).toEqual(keys.map(() => 'REPEAT'));
  });

  test('1,024 calls go at once, 1,025 do not, and none is nothing', async () => {
    const calls = Array.from({ length: 1_025 }, (_, index) => call('try', `n${index}`));
    await expect(run(calls)).rejects.toThrow('at most 1024');
    expect(words(await run(calls.slice(1))).every((word) => word === 'FRESH')).toBe(true);
    expect(words(await run(calls.slice(1))).every((word) => word === 'REPEAT')).toBe(true);
    expect(await run([])).toEqual([]);
  });

  test('calls of two phases are no batch', async () => {
    await expect(run([...many('try', 'a'), ...many('cancel', 'b')])).rejects.toThrow(TypeError);
  });
});
