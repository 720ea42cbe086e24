import type { OpenJournal } from '../../../src/journal/open';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { openTestJournal } from './open-test-journal';
import { begin, beginInteractive, cancel, confirm, finish, past, read, register } from './steps';

/** Two coordinators on one database: every step is a compare-and-set, so each race has one winner that both see. */
describe.each(sqlDatabases())('two journals on one $name', ({ create }) => {
  let database: TestDatabase;
  let left: OpenJournal;
  let right: OpenJournal;

  beforeAll(async () => {
    database = await create();
    // Both migrate: two starters at once.
    [left, right] = await Promise.all([openTestJournal(database.url), openTestJournal(database.url)]);
  });

  afterAll(async () => {
    await Promise.all([left.stop(), right.stop()]);
    await database.drop();
  });

  test('of two decisions exactly one wins, and both see the same (I1, I6)', async () => {
    const gids = Array.from({ length: 60 }, (_unused, index) => `race-${index}`);
    await Promise.all(gids.map((gid) => left.journal.append(begin(gid))));
    const results = await Promise.all(
      gids.map((gid) =>
        Promise.all([
          left.journal.append(confirm(gid, { worker: 'left' })),
          right.journal.append(cancel(gid, { worker: 'right' })),
        ]),
      ),
    );
    const [seenLeft, seenRight] = await Promise.all([left.journal.load(gids), right.journal.load(gids)]);
    for (const [index, gid] of gids.entries()) {
      const [confirmed, cancelled] = results[index] ?? [];
      expect([confirmed?.kind, cancelled?.kind].sort()).toEqual(['applied', 'stands']);
      const status = confirmed?.kind === 'applied' ? 'CONFIRMING' : 'CANCELLING';
      expect(seenLeft.get(gid)?.state.status).toBe(status);
      expect(seenRight.get(gid)).toEqual(seenLeft.get(gid));
      const loser = confirmed?.kind === 'applied' ? cancelled : confirmed;
      expect(loser).toMatchObject({ current: { state: { status } } });
    }
  });

  test('of two begins exactly one wins', async () => {
    const gids = Array.from({ length: 60 }, (_unused, index) => `begin-${index}`);
    const all = await Promise.all(
      [left, right].map(({ journal }) => Promise.all(gids.map((gid) => journal.append(begin(gid))))),
    );
    for (const index of gids.keys()) {
      expect(all.map((results) => results[index]?.kind).sort()).toEqual(['applied', 'stands']);
    }
  });

  test('a branch is registered before the decision or refused, never orphaned (I5)', async () => {
    const gids = Array.from({ length: 60 }, (_unused, index) => `orphan-${index}`);
    await Promise.all(gids.map((gid) => left.journal.append(beginInteractive(gid))));
    const outcomes = await Promise.all(
      gids.map((gid) =>
        Promise.all([
          left.journal.append(register(gid, 'left')),
          right.journal.append(register(gid, 'right')),
          left.journal.append(confirm(gid, { branchCount: 1 })),
          right.journal.append(cancel(gid, { branchCount: 2 })),
        ]),
      ),
    );
    for (const [index, gid] of gids.entries()) {
      const [one, two, confirmed, cancelled] = outcomes[index] ?? [];
      const transaction = await read(left.journal, gid);
      const registered = [one, two].filter((result) => result?.kind === 'applied').length;
      expect(transaction.branches).toHaveLength(registered);
      expect(transaction.branches.map((branch) => branch.branchId)).toEqual(
        expect.arrayContaining(one?.kind === 'applied' ? ['left'] : []),
      );
      // Whoever decided knew every branch that there is now.
      if (confirmed?.kind === 'applied') expect(registered).toBe(1);
      if (cancelled?.kind === 'applied') expect(registered).toBe(2);
      expect(transaction.state.status === 'TRYING').toBe(confirmed?.kind === 'stands' && cancelled?.kind === 'stands');
    }
  });

  test('claims of two scanners take each transaction once', async () => {
    const gids = Array.from({ length: 100 }, (_unused, index) => `claim-${index}`);
    await Promise.all(gids.map((gid) => left.journal.append(begin(gid, {}, { dueInMs: 0 }))));
    await past(left.journal, await left.journal.now());
    const taken = await Promise.all(
      [left, right].map(({ journal }, index) => journal.claim(gids, { worker: `w${index}`, leaseMs: 60_000 }, 'due')),
    );
    expect(
      taken
        .flat()
        .map(({ gid }) => gid)
        .sort(),
    ).toEqual([...gids].sort());
  });

  test('batches that want the same rows from both sides all come to an end', async () => {
    const gids = Array.from({ length: 100 }, (_unused, index) => `storm-${index}`);
    await Promise.all(gids.map((gid) => left.journal.append(begin(gid))));
    const drive = async ({ journal }: OpenJournal, order: readonly string[]) => {
      await Promise.all(order.map((gid) => journal.append(confirm(gid))));
      await Promise.all(order.map((gid) => journal.append(finish(gid))));
    };
    await Promise.all([drive(left, gids), drive(right, [...gids].reverse())]);
    for (const { state } of (await left.journal.load(gids)).values()) expect(state.status).toBe('CONFIRMED');
  });
});
