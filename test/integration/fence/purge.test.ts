import { createFence, type Fence, type FenceCall, type Phase } from '../../../src/sdk/fence';
import type { TestDatabase } from '../../support/databases';
import { prepare, targets, type OpenTarget } from './targets';

const DAY_MS = 86_400_000;

describe.each(targets)('purging the fence on $name', (target) => {
  let database: TestDatabase;
  let open: OpenTarget;
  let fence: Fence;

  beforeAll(async () => {
    database = await target.create();
    open = target.open(database.url);
    await prepare(target, open.direct);
  });

  beforeEach(async () => {
    fence = createFence({ dialect: target.dialect });
    await open.direct.execute('DELETE FROM tcc_fence', []);
  });

  afterAll(async () => {
    await open.close();
    await database.drop();
  });

  const run = (phase: Phase, gid: string) => {
    const call: FenceCall = { gid, branchId: 'stock', phase };
    return open.begin((executor) => fence.run(executor, call, () => Promise.resolve()));
  };

  const age = (gid: string, days: number) =>
    open.direct.execute('UPDATE tcc_fence SET last_call_at_ms = last_call_at_ms - ? WHERE gid = ?', [
      days * DAY_MS,
      gid,
    ]);

  const gids = async () => {
    const { rows } = await open.direct.execute('SELECT gid FROM tcc_fence ORDER BY gid', []);
    return rows.map(({ gid }) => gid);
  };

  test('deletes finished rows that are old enough, and nothing else', async () => {
    for (const gid of ['a-tried', 'b-young', 'c-confirmed', 'd-cancelled']) await run('try', gid);
    for (const gid of ['b-young', 'c-confirmed']) await run('confirm', gid);
    await run('cancel', 'd-cancelled');
    await run('cancel', 'e-empty');
    for (const gid of ['a-tried', 'c-confirmed', 'd-cancelled', 'e-empty']) await age(gid, 31);
    await age('b-young', 29);
    const report = await open.begin((executor) => fence.purge(executor));
    expect(report).toEqual({ examined: 5, deleted: 3, endReached: true });
    expect(await gids()).toEqual(['a-tried', 'b-young']);
  });

  test('a repeated call keeps a row', async () => {
    await run('try', 'a');
    await run('confirm', 'a');
    await age('a', 31);
    await run('confirm', 'a');
    expect(await fence.purge(open.direct)).toMatchObject({ deleted: 0 });
  });

  test('goes on where it stopped, and starts again at the end', async () => {
    for (const gid of ['a', 'b', 'c', 'd', 'e']) {
      await run('cancel', gid);
      if (gid !== 'a') await age(gid, 3);
    }
    const options = { olderThanMs: 2 * DAY_MS, limit: 2 };
    expect(await fence.purge(open.direct, options)).toEqual({ examined: 2, deleted: 1, endReached: false });
    expect(await gids()).toEqual(['a', 'c', 'd', 'e']);
    expect(await fence.purge(open.direct, options)).toEqual({ examined: 2, deleted: 2, endReached: false });
    expect(await fence.purge(open.direct, options)).toEqual({ examined: 1, deleted: 1, endReached: true });
    expect(await gids()).toEqual(['a']);
    await age('a', 3);
    expect(await fence.purge(open.direct, options)).toEqual({ examined: 1, deleted: 1, endReached: true });
  });

  test.each([{ olderThanMs: DAY_MS - 1 }, { olderThanMs: Number.NaN }, { limit: 0 }, { limit: 10_001 }])(
    'refuses %j',
    async (options) => {
      await expect(fence.purge(open.direct, options)).rejects.toThrow(RangeError);
    },
  );
});
