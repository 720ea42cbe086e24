import type { Journal } from '../../../src/journal/journal';
import { begin, cancel, confirm, everything, finish, newBranch, past, postpone, read } from './steps';

/** What every journal does besides steps: what is due, claims, lists, purges. Each call gets a fresh journal. */
export function readingConformance(open: (retentionMs: number) => Promise<Journal>): void {
  const lease = { worker: 'worker-2', leaseMs: 60_000 };

  test('what is due comes in the order in which it became due, and tells when to look again', async () => {
    const journal = await open(60_000);
    expect(await journal.due(10)).toEqual({ gids: [], nextInMs: undefined });
    await journal.append(begin('later', {}, { dueInMs: 50_000 }));
    const idle = await journal.due(10);
    expect(idle.gids).toEqual([]);
    expect(idle.nextInMs).toBeGreaterThan(40_000);
    expect(idle.nextInMs).toBeLessThanOrEqual(50_000);
    for (const gid of ['z-first', 'm-second', 'a-third']) {
      await journal.append(begin(gid, {}, { dueInMs: 0 }));
      await past(journal, (await read(journal, gid)).createdAt);
    }
    const due = await journal.due(10);
    expect(due.gids).toEqual(['z-first', 'm-second', 'a-third']);
    expect(due.nextInMs).toBeGreaterThan(40_000);
    expect(await journal.due(2)).toEqual({ gids: ['z-first', 'm-second'], nextInMs: 0 });
  });

  test('a claim takes what is due, with branches, and nobody takes it twice', async () => {
    const journal = await open(60_000);
    await Promise.all(['a', 'b'].map((gid) => journal.append(begin(gid, {}, { dueInMs: 0 }))));
    await Promise.all(['c', 'done'].map((gid) => journal.append(begin(gid))));
    await journal.append(confirm('done'));
    await journal.append(finish('done'));
    const taken = await journal.claim(['b', 'a', 'c', 'done', 'none'], lease, 'due');
    expect(taken.map(({ gid, epoch, worker, branches }) => [gid, epoch, worker, branches.length])).toEqual([
      ['a', 1, 'worker-2', 2],
      ['b', 1, 'worker-2', 2],
    ]);
    expect(taken[0]?.dueAt).toBeGreaterThan((await journal.now()) + 50_000);
    expect(await journal.claim(['a', 'b'], lease, 'due')).toEqual([]);
    expect(await journal.claim([], lease, 'due')).toEqual([]);
  });

  test('a claim of what is held takes it from its holder, unless it is finished', async () => {
    const journal = await open(60_000);
    await Promise.all(['a', 'done'].map((gid) => journal.append(begin(gid))));
    await journal.append(cancel('done'));
    await journal.append(finish('done', 'CANCELLED'));
    const taken = await journal.claim(['a', 'done'], lease, 'held');
    expect(taken).toMatchObject([{ gid: 'a', epoch: 1, worker: 'worker-2' }]);
  });

  test('sixteen claimers at once take each transaction once', async () => {
    const journal = await open(60_000);
    const gids = Array.from({ length: 200 }, (_unused, index) => `race-${index}`);
    await Promise.all(gids.map((gid) => journal.append(begin(gid, {}, { dueInMs: 0 }))));
    await past(journal, await journal.now());
    const taken = await Promise.all(
      // Half of them share a name, as two claims of one coordinator do.
      Array.from({ length: 16 }, (_unused, index) =>
        journal.claim(gids, { worker: `worker-${index % 8}`, leaseMs: 60_000 }, 'due'),
      ),
    );
    expect(
      taken
        .flat()
        .map(({ gid }) => gid)
        .sort(),
    ).toEqual([...gids].sort());
    for (const { epoch } of (await journal.load(gids)).values()) expect(epoch).toBe(1);
  });

  test('a lease is renewed by its holder only', async () => {
    const journal = await open(60_000);
    await Promise.all(
      ['mine', 'parked'].map((gid) => journal.append(begin(gid, {}, { worker: 'worker-2', dueInMs: 0 }))),
    );
    await journal.append(begin('other', {}, { worker: 'worker-3', dueInMs: 0 }));
    await journal.append(confirm('parked', { worker: 'worker-2' }));
    await journal.append(postpone('parked', { due: 'parked' }));
    await journal.renew(['mine', 'other', 'parked', 'none'], lease);
    const nowMs = await journal.now();
    expect((await read(journal, 'mine')).dueAt).toBeGreaterThan(nowMs + 50_000);
    expect((await read(journal, 'other')).dueAt).toBeLessThanOrEqual(nowMs);
    expect((await read(journal, 'parked')).dueAt).toBeUndefined();
    await journal.renew([], lease);
  });

  test('a purge removes terminal transactions whose retention is over, and nothing else', async () => {
    const journal = await open(0);
    const over = Array.from({ length: 5 }, (_unused, index) => `over-${index}`);
    await Promise.all([...over, 'open'].map((gid) => journal.append(begin(gid, {}, { dueInMs: 0 }))));
    await Promise.all(over.map((gid) => journal.append(confirm(gid))));
    await Promise.all(over.map((gid) => journal.append(finish(gid))));
    await past(journal, await journal.now());
    expect(await journal.purge(2)).toBe(2);
    expect(await journal.purge(100)).toBe(3);
    expect(await journal.purge(100)).toBe(0);
    expect([...(await journal.load([...over, 'open'])).keys()]).toEqual(['open']);
  });

  test('a purged gid may be begun again, and finds nothing of the one before', async () => {
    const journal = await open(0);
    await journal.append(begin('again'));
    await journal.append(
      cancel('again', { attempts: [{ branchId: 'b1', phase: 'try', attempt: 1, code: 'X', message: '' }] }),
    );
    await journal.append(finish('again', 'CANCELLED'));
    await past(journal, await journal.now());
    expect(await journal.purge(10)).toBe(1);
    expect(await journal.append(begin('again', { branches: [newBranch('new')] }))).toMatchObject({ kind: 'applied' });
    expect((await read(journal, 'again')).branches.map((branch) => branch.branchId)).toEqual(['new']);
    expect(await journal.attempts('again')).toEqual([]);
  });

  test('what is kept is not purged', async () => {
    const journal = await open(60_000);
    await journal.append(begin('kept'));
    await journal.append(confirm('kept'));
    await journal.append(finish('kept'));
    expect(await journal.purge(10)).toBe(0);
  });

  describe('list', () => {
    let journal: Journal;
    const gids = async (filter: Partial<typeof everything>) =>
      (await journal.list({ ...everything, ...filter })).map(({ gid }) => gid);

    beforeAll(async () => {
      journal = await open(60_000);
      const points = [newBranch('b1', { participant: 'points' }), newBranch('b2')];
      await journal.append(begin('a-1', { name: 'refund' }));
      await journal.append(begin('a-2', { branches: points }));
      await journal.append(begin('a_3'));
      await journal.append(begin('b-1'));
      await journal.append(begin('b-2'));
      await journal.append(confirm('a-2'));
      await journal.append(postpone('a-2', { due: 'parked' }));
      await journal.append(cancel('b-1'));
      await journal.append(finish('b-1', 'CANCELLED'));
    });

    test('pages descend by gid and end where they end', async () => {
      expect(await gids({ limit: 2 })).toEqual(['b-2', 'b-1']);
      expect(await gids({ limit: 2, beforeGid: 'b-1' })).toEqual(['a_3', 'a-2']);
      expect(await gids({ limit: 2, beforeGid: 'a-2' })).toEqual(['a-1']);
      expect(await gids({ beforeGid: 'a-1' })).toEqual([]);
    });

    test('each filter holds by itself and together with others', async () => {
      expect(await gids({ statuses: ['CONFIRMING', 'CANCELLED'] })).toEqual(['b-1', 'a-2']);
      expect(await gids({ name: 'refund' })).toEqual(['a-1']);
      expect(await gids({ participant: 'points' })).toEqual(['a-2']);
      expect(await gids({ parkedOnly: true })).toEqual(['a-2']);
      expect(await gids({ minRounds: 1 })).toEqual(['a-2']);
      expect(await gids({ gidPrefix: 'a_' })).toEqual(['a_3']);
      expect(await gids({ gidPrefix: 'a' })).toEqual(['a_3', 'a-2', 'a-1']);
      expect(await gids({ olderThanMs: 60_000 })).toEqual([]);
      expect(await gids({ olderThanMs: 0, gidPrefix: 'b', statuses: ['TRYING'] })).toEqual(['b-2']);
      expect(await gids({ name: "' OR 1=1 --" })).toEqual([]);
    });

    test('it comes without branches', async () => {
      expect((await journal.list({ ...everything, limit: 1 }))[0]).toMatchObject({ gid: 'b-2', branches: [] });
    });
  });

  test('loading nothing, and what does not exist, gives nothing', async () => {
    const journal = await open(60_000);
    expect((await journal.load([])).size).toBe(0);
    expect((await journal.load(['none'])).size).toBe(0);
    expect(await journal.attempts('none')).toEqual([]);
  });
}
