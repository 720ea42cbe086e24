import { Refused, type FenceCall, type Phase } from '../../../src/sdk/fence';
import { FencedBatches, words } from './fenced-batches';
import { targets } from './targets';

describe.each(targets)('a batch behind the fence on $name', (target) => {
  let batches: FencedBatches;

  beforeAll(async () => {
    batches = await FencedBatches.on(target);
  });

  beforeEach(() => batches.begin());

  afterAll(() => batches.close());

  test('Try, Confirm: each takes effect once for every branch, and repeats answer REPEAT', async () => {
    const gids = ['c', 'a', 'b'];
    expect(words(await batches.run(batches.many('try', ...gids)))).toEqual(['FRESH', 'FRESH', 'FRESH']);
    expect(batches.served.map(({ call: { gid } }) => gid)).toEqual(gids.map((gid) => batches.gid(gid)));
    expect(words(await batches.run(batches.many('try', ...gids, 'd')))).toEqual([
      'REPEAT',
      'REPEAT',
      'REPEAT',
      'FRESH',
    ]);
    expect(await batches.stock()).toEqual([6, 4]);
    expect(words(await batches.run(batches.many('confirm', 'a', 'c')))).toEqual(['FRESH', 'FRESH']);
    expect(words(await batches.run(batches.many('confirm', 'b', 'c', 'd', 'a')))).toEqual([
      'FRESH',
      'REPEAT',
      'FRESH',
      'REPEAT',
    ]);
    expect(words(await batches.run(batches.many('confirm', ...gids)))).toEqual(['REPEAT', 'REPEAT', 'REPEAT']);
    expect(words(await batches.run(batches.many('try', ...gids)))).toEqual(['REPEAT', 'REPEAT', 'REPEAT']);
    expect(await batches.stock()).toEqual([6, 0]);
    expect(await batches.row('a')).toBe('CONFIRMED');
  });

  test('Try, Cancel: each takes effect once for every branch', async () => {
    await batches.run(batches.many('try', 'a', 'b'));
    expect(words(await batches.run(batches.many('cancel', 'b', 'a')))).toEqual(['FRESH', 'FRESH']);
    expect(words(await batches.run(batches.many('cancel', 'a', 'b')))).toEqual(['REPEAT', 'REPEAT']);
    expect(await batches.stock()).toEqual([10, 0]);
    expect([await batches.row('a'), await batches.row('b')]).toEqual(['CANCELLED', 'CANCELLED']);
  });

  test('a refused, a repeated, a hanging and a malformed entry at once, among fresh ones', async () => {
    await batches.run(batches.many('try', 'repeated'), { reply: () => ({ price: 42 }) });
    await batches.run(batches.many('cancel', 'hanging'));
    const answers = await batches.run(
      [
        ...batches.many('try', 'first', 'refused', 'repeated', 'hanging'),
        batches.call('try', 'a b'),
        ...batches.many('try', 'last'),
      ],
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
    expect(await batches.stock()).toEqual([7, 3]);
    expect(
      await Promise.all(['first', 'refused', 'repeated', 'hanging', 'last'].map((name) => batches.row(name))),
    ).toEqual(['TRIED', undefined, 'TRIED', 'CANCELLED', 'TRIED']);
  });

  test('a batch of Cancels with a fresh, a repeated, a confirmed and an empty-rollback entry at once', async () => {
    await batches.run(batches.many('try', 'fresh', 'repeated', 'confirmed'));
    await batches.run(batches.many('cancel', 'repeated'));
    await batches.run(batches.many('confirm', 'confirmed'));
    batches.served = [];
    expect(words(await batches.run(batches.many('cancel', 'empty', 'fresh', 'repeated', 'confirmed')))).toEqual([
      'EMPTY_ROLLBACK',
      'FRESH',
      'REPEAT',
      'FAILED_PRECONDITION',
    ]);
    expect(batches.served).toHaveLength(1);
    expect(await batches.stock()).toEqual([9, 0]);
    expect(await Promise.all(['empty', 'fresh', 'repeated', 'confirmed'].map((name) => batches.row(name)))).toEqual([
      'CANCELLED',
      'CANCELLED',
      'CANCELLED',
      'CONFIRMED',
    ]);
  });

  test('a batch of Confirms with a fresh, a repeated, a cancelled and a missing entry at once', async () => {
    await batches.run(batches.many('try', 'fresh', 'repeated', 'cancelled'));
    await batches.run(batches.many('confirm', 'repeated'));
    await batches.run(batches.many('cancel', 'cancelled'));
    expect(words(await batches.run(batches.many('confirm', 'missing', 'cancelled', 'repeated', 'fresh')))).toEqual([
      'FAILED_PRECONDITION',
      'FAILED_PRECONDITION',
      'REPEAT',
      'FRESH',
    ]);
    expect(await batches.stock()).toEqual([8, 0]);
    expect(await batches.row('missing')).toBeUndefined();
  });

  test('a refused Try can come again, and its Cancel is an empty rollback', async () => {
    const refuse = { reply: () => new Refused('no stock') };
    expect(words(await batches.run(batches.many('try', 'a', 'b'), refuse))).toEqual(['ABORTED', 'ABORTED']);
    expect(words(await batches.run(batches.many('try', 'a')))).toEqual(['FRESH']);
    expect(words(await batches.run(batches.many('cancel', 'a', 'b')))).toEqual(['FRESH', 'EMPTY_ROLLBACK']);
    expect(await batches.stock()).toEqual([10, 0]);
  });

  test.each<Phase>(['confirm', 'cancel'])('a %s that fails for one entry leaves that one as it was', async (phase) => {
    await batches.run(batches.many('try', 'a', 'b'));
    const fail = ({ gid }: FenceCall) => (gid.startsWith('a') ? new Error('later') : undefined);
    expect(words(await batches.run(batches.many(phase, 'a', 'b'), { reply: fail }))).toEqual(['Error', 'FRESH']);
    expect(await batches.row('a')).toBe('TRIED');
    expect(words(await batches.run(batches.many(phase, 'a', 'b')))).toEqual(['FRESH', 'REPEAT']);
    expect((await batches.stock())?.[1]).toBe(0);
  });

  test('two calls about one branch: the second is a repeat of the first', async () => {
    const answers = await batches.run(batches.many('try', 'a', 'b', 'a'), { reply: ({ gid }) => ({ for: gid }) });
    expect(words(answers)).toEqual(['FRESH', 'FRESH', 'REPEAT']);
    expect(answers[2]).toMatchObject({ reply: { for: batches.gid('a') } });
    expect(words(await batches.run(batches.many('confirm', 'a', 'a', 'b')))).toEqual(['FRESH', 'REPEAT', 'FRESH']);
    expect(words(await batches.run(batches.many('cancel', 'x', 'x')))).toEqual(['EMPTY_ROLLBACK', 'REPEAT']);
    expect(words(await batches.run(batches.many('try', 'r', 'r'), { reply: () => new Refused('no') }))).toEqual([
      'ABORTED',
      'ABORTED',
    ]);
    expect(await batches.stock()).toEqual([8, 0]);
  });
  test('keys differ in case and by branch, and sort byte by byte', async () => {
    const gid = batches.call('try', 'order').gid;
    const keys = ['Stock', 'stock', '_', 'a-b', 'a.b', 'a:b', 'B', '9'];
    const calls = keys.map((branchId): FenceCall => ({ gid, branchId, phase: 'try' }));
    expect(words(await batches.run(calls))).toEqual(keys.map(() => 'FRESH'));
    expect(words(await batches.run([...calls].reverse()))).toEqual(keys.map(() => 'REPEAT'));
  });

  test('1,024 calls go at once, 1,025 do not, and none is nothing', async () => {
    const calls = Array.from({ length: 1_025 }, (_, index) => batches.call('try', `n${index}`));
    await expect(batches.run(calls)).rejects.toThrow('at most 1024');
    expect(words(await batches.run(calls.slice(1))).every((word) => word === 'FRESH')).toBe(true);
    expect(words(await batches.run(calls.slice(1))).every((word) => word === 'REPEAT')).toBe(true);
    expect(await batches.run([])).toEqual([]);
  });

  test('calls of two phases are no batch', async () => {
    await expect(batches.run([...batches.many('try', 'a'), ...batches.many('cancel', 'b')])).rejects.toThrow(TypeError);
  });
});
