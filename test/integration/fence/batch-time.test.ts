import { createFence, type Phase } from '../../../src/sdk/fence';
import { systemClock, type Clock } from '../../../src/lib/clock';
import { FencedBatches, words } from './fenced-batches';
import { targets } from './targets';

describe.each(targets)('the time of a batch behind the fence on $name', (target) => {
  let batches: FencedBatches;

  beforeAll(async () => {
    batches = await FencedBatches.on(target);
  });

  beforeEach(() => batches.begin());

  afterAll(() => batches.close());

  test('a Try whose time is over before the business code is left out, and leaves nothing', async () => {
    const late = batches.call('try', 'late', { remainingMs: 0 });
    const answers = await batches.run([...batches.many('try', 'a'), late, ...batches.many('try', 'b')]);
    expect(words(answers)).toEqual(['FRESH', 'CallExpired', 'FRESH']);
    expect(batches.served).toHaveLength(2);
    expect([await batches.row('late'), await batches.stock()]).toEqual([undefined, [8, 2]]);
    expect(words(await batches.run(batches.many('cancel', 'late')))).toEqual(['EMPTY_ROLLBACK']);
  });

  test('a repeated Try answers however late it is, and so do Confirm and Cancel', async () => {
    await batches.run(batches.many('try', 'a', 'b'));
    const late = (phase: Phase, gid: string) => batches.call(phase, gid, { remainingMs: 0 });
    expect(words(await batches.run([late('try', 'a')]))).toEqual(['REPEAT']);
    expect(words(await batches.run([late('confirm', 'a')]))).toEqual(['FRESH']);
    expect(words(await batches.run([late('cancel', 'b')]))).toEqual(['FRESH']);
  });

  test('a Try whose time runs out after the business code rolls the batch back', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const by = createFence({ dialect: target.dialect, clock });
    const calls = [...batches.many('try', 'a'), batches.call('try', 'short', { remainingMs: 100 })];
    await expect(batches.run(calls, { by, afterwards: () => (nowMs += 100) })).rejects.toMatchObject({
      name: 'CallExpired',
    });
    expect([await batches.row('a'), await batches.row('short'), await batches.stock()]).toEqual([
      undefined,
      undefined,
      [10, 0],
    ]);
  });
});
