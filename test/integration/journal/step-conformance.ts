import type { Journal } from '../../../src/journal/journal';
import { journalUnderTest } from './journal-under-test';
import {
  answer,
  appliedAt,
  attempt,
  begin,
  beginInteractive,
  branchOf,
  cancel,
  change,
  confirm,
  finish,
  newBranch,
  past,
  postpone,
  read,
  register,
  standing,
} from './steps';

/** What every journal does with the decision and the steps after it, applied and lost, and with a batch of all kinds. */
export function stepConformance(subject: () => Journal): void {
  const journal = journalUnderTest(subject);

  describe('decide', () => {
    test('to confirm implies that every branch is tried', async () => {
      const branches = [newBranch('b1'), newBranch('b2', { triedBy: 'application' })];
      await journal.append(begin('decide-confirm', { branches }));
      const result = await journal.append(confirm('decide-confirm', { worker: 'worker-2', dueInMs: 4_000 }));
      const atMs = appliedAt(result);
      const transaction = await read(journal, 'decide-confirm');
      expect(transaction.state).toEqual({ status: 'CONFIRMING', decidedAt: atMs, parked: false });
      expect(transaction).toMatchObject({ dueAt: atMs + 4_000, worker: 'worker-2', epoch: 0 });
      expect(branchOf(transaction, 'b1')).toMatchObject({ status: 'TRIED', triedAt: atMs });
      expect(branchOf(transaction, 'b2')).toMatchObject({ status: 'TRIED', triedAt: undefined });
    });

    test('to cancel records the reason, the branches and the attempts', async () => {
      await journal.append(begin('decide-cancel'));
      const branches = [
        change('b1', { status: 'REFUSED', attempts: 1, lastError: 'ABORTED: no stock' }),
        change('b2', { status: 'TRIED' }),
      ];
      const attempts = [attempt('b1', 1, { code: 'ABORTED', message: 'no stock' })];
      const atMs = appliedAt(await journal.append(cancel('decide-cancel', { branches, attempts })));
      const transaction = await read(journal, 'decide-cancel');
      expect(transaction.state).toEqual({
        status: 'CANCELLING',
        decidedAt: atMs,
        parked: false,
        reason: { code: 'REFUSED', branchId: 'b1', message: 'no stock' },
      });
      // Attempts are counted per phase, and the cancel phase has none yet.
      expect(branchOf(transaction, 'b1')).toMatchObject({
        status: 'REFUSED',
        attempts: 0,
        lastError: 'ABORTED: no stock',
      });
      expect(branchOf(transaction, 'b2')).toMatchObject({ status: 'TRIED', triedAt: atMs });
      expect(await journal.attempts('decide-cancel')).toMatchObject([
        { branchId: 'b1', phase: 'try', attempt: 1, code: 'ABORTED' },
      ]);
    });

    test('happens once: whatever comes later loses and changes nothing (I1)', async () => {
      await journal.append(begin('decide-once'));
      await journal.append(confirm('decide-once'));
      const late = cancel('decide-once', {
        branches: [change('b1', { status: 'UNKNOWN' })],
        attempts: [attempt('b1', 1)],
      });
      expect(standing(await journal.append(late)).state.status).toBe('CONFIRMING');
      expect((await journal.append(confirm('decide-once'))).kind).toBe('stands');
      expect(await journal.attempts('decide-once')).toEqual([]);
      expect(await journal.append(confirm('decide-nothing'))).toMatchObject({ kind: 'stands', current: undefined });
    });

    test('loses when it knows fewer branches than there are (I5), or an older epoch', async () => {
      await journal.append(begin('decide-count'));
      expect(standing(await journal.append(confirm('decide-count', { branchCount: 1 }))).state.status).toBe('TRYING');
      await journal.claim(['decide-count'], { worker: 'worker-2', leaseMs: 60_000 }, 'held');
      expect((await journal.append(cancel('decide-count', { epoch: 0 }))).kind).toBe('stands');
      expect((await journal.append(cancel('decide-count', { epoch: 1 }))).kind).toBe('applied');
    });

    test('asks the deadline as it is told to (I6)', async () => {
      await Promise.all([
        journal.append(begin('deadline-open')),
        journal.append(begin('deadline-over', { timeoutMs: 1 })),
        journal.append(begin('deadline-any', { timeoutMs: 1 })),
      ]);
      await past(journal, (await read(journal, 'deadline-over')).deadlineAt);
      await past(journal, (await read(journal, 'deadline-any')).deadlineAt);
      const kinds = async (...steps: Parameters<Journal['append']>[0][]) =>
        (await Promise.all(steps.map((step) => journal.append(step)))).map((result) => result.kind);
      expect(
        await kinds(cancel('deadline-open', { deadline: 'expired' }), confirm('deadline-over', { deadline: 'open' })),
      ).toEqual(['stands', 'stands']);
      expect(
        await kinds(
          confirm('deadline-open', { deadline: 'open' }),
          cancel('deadline-over', { deadline: 'expired' }),
          confirm('deadline-any', { deadline: 'any' }),
        ),
      ).toEqual(['applied', 'applied', 'applied']);
    });

    test('of many in one batch: losers stand, and winners are told as winners', async () => {
      const gids = Array.from({ length: 20 }, (_unused, index) => `decide-many-${index}`);
      await Promise.all(gids.map((gid) => journal.append(begin(gid))));
      await journal.append(cancel('decide-many-3'));
      await journal.append(confirm('decide-many-7', { worker: 'worker-2' }));
      const results = await Promise.all(gids.map((gid) => journal.append(confirm(gid))));
      expect(gids.filter((_gid, index) => results[index]?.kind !== 'applied')).toEqual([
        'decide-many-3',
        'decide-many-7',
      ]);
    });
  });

  describe('postpone', () => {
    test('records the progress of a round and when to go on', async () => {
      await journal.append(begin('postpone-1'));
      await journal.append(confirm('postpone-1'));
      const branches = [
        change('b1', { status: 'CONFIRMED' }),
        change('b2', { attempts: 3, refusals: 1, lastError: 'UNAVAILABLE: gone' }),
      ];
      const attempts = [attempt('b2', 3, { phase: 'confirm' })];
      const atMs = appliedAt(await journal.append(postpone('postpone-1', { branches, attempts })));
      const transaction = await read(journal, 'postpone-1');
      expect(transaction).toMatchObject({
        dueAt: atMs + 5_000,
        rounds: 1,
        state: { status: 'CONFIRMING', parked: false },
      });
      expect(branchOf(transaction, 'b1')).toMatchObject({ status: 'CONFIRMED', finishedAt: atMs });
      expect(branchOf(transaction, 'b2')).toMatchObject({
        status: 'TRIED',
        attempts: 3,
        refusals: 1,
        lastError: 'UNAVAILABLE: gone',
      });
      expect(await journal.attempts('postpone-1')).toMatchObject([{ phase: 'confirm', attempt: 3 }]);

      // What is CONFIRMED stays so.
      appliedAt(
        await journal.append(postpone('postpone-1', { branches: [change('b1', { status: 'UNKNOWN', attempts: 9 })] })),
      );
      const later = await read(journal, 'postpone-1');
      expect(later.rounds).toBe(2);
      expect(branchOf(later, 'b1')).toMatchObject({ status: 'CONFIRMED', attempts: 0, finishedAt: atMs });
    });

    test('parks until an operator retries', async () => {
      await journal.append(begin('postpone-park'));
      await journal.append(cancel('postpone-park'));
      await journal.append(postpone('postpone-park', { from: 'CANCELLING', due: 'parked' }));
      expect(await read(journal, 'postpone-park')).toMatchObject({ dueAt: undefined, state: { parked: true } });
      expect(await journal.claim(['postpone-park'], { worker: 'w', leaseMs: 1 }, 'held')).toEqual([]);
      const atMs = appliedAt(await journal.append({ kind: 'retry', gid: 'postpone-park' }));
      expect(await read(journal, 'postpone-park')).toMatchObject({ dueAt: atMs, state: { parked: false } });
    });

    test('does not park a transaction of which another round has ended meanwhile', async () => {
      await journal.append(begin('postpone-stale'));
      await journal.append(cancel('postpone-stale'));
      await journal.append(postpone('postpone-stale', { from: 'CANCELLING' }));
      const park = postpone('postpone-stale', { from: 'CANCELLING', due: 'parked', afterRounds: 0 });
      expect(await journal.append(park)).toMatchObject({ kind: 'stands', current: { rounds: 1 } });
      appliedAt(await journal.append({ ...park, afterRounds: 1 }));
      expect(await read(journal, 'postpone-stale')).toMatchObject({ rounds: 2, state: { parked: true } });
    });

    test('of a transaction that is TRYING only moves when it is due, as often as it is asked', async () => {
      await journal.append(begin('postpone-trying'));
      for (const due of ['deadline', 'deadline', { inMs: 3_000 }] as const) {
        const result = await journal.append(postpone('postpone-trying', { from: 'TRYING', due, rounds: 0 }));
        const { dueAt, deadlineAt, rounds } = await read(journal, 'postpone-trying');
        expect(dueAt).toBe(due === 'deadline' ? deadlineAt : appliedAt(result) + 3_000);
        expect(rounds).toBe(0);
      }
    });

    test('loses when the status is another', async () => {
      await journal.append(begin('postpone-lost'));
      await journal.append(cancel('postpone-lost'));
      const late = postpone('postpone-lost', {
        branches: [change('b1', { status: 'CONFIRMED' })],
        attempts: [attempt('b1', 1)],
      });
      expect(standing(await journal.append(late))).toMatchObject({ state: { status: 'CANCELLING' }, rounds: 0 });
      expect(branchOf(await read(journal, 'postpone-lost'), 'b1').status).toBe('REGISTERED');
      expect(await journal.attempts('postpone-lost')).toEqual([]);
    });
  });

  describe('finish', () => {
    test.each(['CONFIRMED', 'CANCELLED'] as const)('as %s ends every branch', async (to) => {
      const gid = `finish-${to}`;
      await journal.append(begin(gid));
      const decidedAt = appliedAt(await journal.append(to === 'CONFIRMED' ? confirm(gid) : cancel(gid)));
      const finishedAt = appliedAt(await journal.append(finish(gid, to)));
      const transaction = await read(journal, gid);
      expect(transaction.state).toMatchObject({ status: to, decidedAt, finishedAt });
      expect(transaction.dueAt).toBeUndefined();
      for (const branch of transaction.branches) expect(branch).toMatchObject({ status: to, finishedAt });
    });

    test('loses before the decision, after the other decision, and when it is finished', async () => {
      await Promise.all(['finish-trying', 'finish-other', 'finish-done'].map((gid) => journal.append(begin(gid))));
      await Promise.all([journal.append(cancel('finish-other')), journal.append(confirm('finish-done'))]);
      appliedAt(await journal.append(finish('finish-done')));
      const gids = ['finish-trying', 'finish-other', 'finish-done'];
      const results = await Promise.all(gids.map((gid) => journal.append(finish(gid))));
      expect(results.map((result) => standing(result).state.status)).toEqual(['TRYING', 'CANCELLING', 'CONFIRMED']);
      expect(branchOf(await read(journal, 'finish-other'), 'b1').status).toBe('REGISTERED');
    });

    test('of many in one batch tells winners from losers', async () => {
      const gids = ['finish-a', 'finish-b', 'finish-c'];
      await Promise.all(gids.map((gid) => journal.append(begin(gid))));
      await Promise.all(['finish-a', 'finish-c'].map((gid) => journal.append(confirm(gid))));
      const results = await Promise.all(gids.map((gid) => journal.append(finish(gid))));
      expect(results.map((result) => result.kind)).toEqual(['applied', 'stands', 'applied']);
    });
  });

  describe('retry', () => {
    test('makes an open transaction due at once and loses on a finished one', async () => {
      await Promise.all(['retry-open', 'retry-done'].map((gid) => journal.append(begin(gid))));
      await journal.append(confirm('retry-done'));
      await journal.append(finish('retry-done'));
      const gids = ['retry-open', 'retry-done', 'retry-none'];
      const results = await Promise.all(gids.map((gid) => journal.append({ kind: 'retry', gid })));
      expect(results.map((result) => result.kind)).toEqual(['applied', 'stands', 'stands']);
      expect((await read(journal, 'retry-open')).dueAt).toBeLessThanOrEqual(await journal.now());
    });
  });

  test('a batch of every kind of step is applied as a whole', async () => {
    const gids = ['mix-decide', 'mix-postpone', 'mix-finish', 'mix-retry'];
    await Promise.all(gids.map((gid) => journal.append(begin(gid))));
    await Promise.all([journal.append(confirm('mix-postpone')), journal.append(cancel('mix-finish'))]);
    await Promise.all(['mix-register', 'mix-answer'].map((gid) => journal.append(beginInteractive(gid))));
    await journal.append(register('mix-answer', 'b1'));
    const results = await Promise.all([
      journal.append(begin('mix-begin')),
      journal.append(register('mix-register', 'b1')),
      journal.append(answer('mix-answer', 'b1')),
      journal.append(confirm('mix-decide')),
      journal.append(postpone('mix-postpone')),
      journal.append(finish('mix-finish', 'CANCELLED')),
      journal.append({ kind: 'retry', gid: 'mix-retry' }),
      journal.append(finish('mix-nothing')),
    ]);
    expect(results.map((result) => result.kind)).toEqual([...Array<string>(7).fill('applied'), 'stands']);
  });

  test('attempts are a ring: the last hundred of a branch and phase are kept', async () => {
    await journal.append(begin('ring'));
    await journal.append(confirm('ring'));
    const records = (from: number) =>
      Array.from({ length: 70 }, (_unused, index) => attempt('b1', from + index, { phase: 'confirm' }));
    await journal.append(postpone('ring', { attempts: records(1) }));
    await journal.append(postpone('ring', { attempts: records(71) }));
    const kept = (await journal.attempts('ring')).map((each) => each.attempt).sort((left, right) => left - right);
    expect(kept).toHaveLength(100);
    expect([kept[0], kept.at(-1)]).toEqual([41, 140]);
  });
}
