import type { Journal } from '../../../src/journal/journal';
import { journalUnderTest } from './journal-under-test';
import {
  answer,
  appliedAt,
  attempt,
  begin,
  beginInteractive,
  branchOf,
  bytes,
  cancel,
  confirm,
  newBranch,
  past,
  read,
  register,
  standing,
} from './steps';

/** What every journal does with the steps before the decision, applied and lost: begin, register, answer. */
export function beginConformance(subject: () => Journal): void {
  const journal = journalUnderTest(subject);

  describe('begin', () => {
    test('is durable with its branches, its deadline and the lease', async () => {
      const result = await journal.append(begin('begin-1'));
      const atMs = appliedAt(result);
      expect(result).toMatchObject({ kind: 'applied', deadlineAt: atMs + 60_000 });
      const transaction = await read(journal, 'begin-1');
      expect(transaction).toMatchObject({
        gid: 'begin-1',
        name: 'place-order',
        mode: 'execute',
        tryOrder: 'parallel',
        state: { status: 'TRYING' },
        createdAt: atMs,
        deadlineAt: atMs + 60_000,
        dueAt: atMs + 60_000,
        rounds: 0,
        epoch: 0,
        worker: 'worker-1',
      });
      expect(transaction.branches.map((branch) => branch.branchId)).toEqual(['b1', 'b2']);
      expect(branchOf(transaction, 'b1')).toMatchObject({
        participant: 'inventory',
        action: 'deduct',
        status: 'REGISTERED',
        attempts: 0,
        refusals: 0,
        lastError: '',
        registeredAt: atMs,
        triedAt: undefined,
        finishedAt: undefined,
        tryReply: undefined,
        triedBy: 'coordinator',
      });
      expect(Buffer.from(branchOf(transaction, 'b1').payload.data).toString()).toBe('{"for":"b1"}');
      expect(branchOf(transaction, 'b1').payload.contentType).toBe('application/json');
    });

    test('keeps the order of the branches, whatever their ids', async () => {
      const ids = ['z', 'a', 'M', 'm', '0'];
      await journal.append(begin('begin-order', { branches: ids.map((id) => newBranch(id)) }));
      expect((await read(journal, 'begin-order')).branches.map((branch) => branch.branchId)).toEqual(ids);
    });

    test('of an interactive transaction is due at its deadline', async () => {
      const atMs = appliedAt(await journal.append(beginInteractive('begin-interactive', { timeoutMs: 7_000 })));
      expect(await read(journal, 'begin-interactive')).toMatchObject({ mode: 'interactive', dueAt: atMs + 7_000 });
    });

    test('of a gid that exists loses and tells what stands', async () => {
      await journal.append(begin('begin-twice', { name: 'first' }));
      const result = await journal.append(begin('begin-twice', { name: 'second', branches: [newBranch('other')] }));
      expect(standing(result)).toMatchObject({ name: 'first', branches: [{ branchId: 'b1' }, { branchId: 'b2' }] });
      expect((await read(journal, 'begin-twice')).branches).toHaveLength(2);
    });

    test('of the same gid in the same moment: one is applied, the others stand', async () => {
      const results = await Promise.all([1, 2, 3].map(() => journal.append(begin('begin-same'))));
      expect(results.map((result) => result.kind)).toEqual(['applied', 'stands', 'stands']);
    });

    test('of gids that exist fails no neighbour in the batch', async () => {
      await Promise.all(['dup-2', 'dup-4'].map((gid) => journal.append(begin(gid))));
      const gids = ['dup-1', 'dup-2', 'dup-3', 'dup-4', 'dup-5'];
      const results = await Promise.all(gids.map((gid) => journal.append(begin(gid))));
      expect(results.map((result) => result.kind)).toEqual(['applied', 'stands', 'applied', 'stands', 'applied']);
      expect((await journal.load(gids)).size).toBe(5);
    });

    test('tells gids apart that differ in case only', async () => {
      const results = await Promise.all(['Case-A', 'case-a'].map((gid) => journal.append(begin(gid))));
      expect(results.map((result) => result.kind)).toEqual(['applied', 'applied']);
    });

    test('keeps every byte of a payload, and texts of every script', async () => {
      const data = Uint8Array.from({ length: 256 }, (_unused, index) => index);
      const payload = { data, contentType: 'odd/\'type\\;q="1"' };
      await journal.append(begin('begin-bytes', { branches: [newBranch('b1', { payload })] }));
      const { payload: stored } = branchOf(await read(journal, 'begin-bytes'), 'b1');
      expect([...stored.data]).toEqual([...data]);
      expect(stored.contentType).toBe(payload.contentType);
      const message = "库存不足 – it's \\ sold out 🛒";
      await journal.append(
        cancel('begin-bytes', { branchCount: 1, reason: { code: 'REFUSED', branchId: 'b1', message } }),
      );
      expect((await read(journal, 'begin-bytes')).state).toMatchObject({ reason: { message } });
    });

    test('that cannot be stored is rejected alone, and its neighbours are applied', async () => {
      const tooLong = 'x'.repeat(80);
      const gids = ['poison-1', 'poison-2', tooLong, 'poison-3'];
      const settled = await Promise.allSettled(gids.map((gid) => journal.append(begin(gid))));
      expect(settled.map((each) => each.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
      expect(settled[2]).toMatchObject({ reason: { code: 'BROKEN_INVARIANT' } });
      expect((await journal.load(gids)).size).toBe(3);
    });
  });

  describe('register', () => {
    test('adds branches in order and tells the deadline', async () => {
      const began = await journal.append(beginInteractive('register-1'));
      const deadlineAt = appliedAt(began) + 60_000;
      const first = await journal.append(register('register-1', 'z'));
      expect(first).toMatchObject({ kind: 'applied', deadlineAt });
      await journal.append(register('register-1', 'a', { branch: newBranch('a', { triedBy: 'application' }) }));
      const { branches } = await read(journal, 'register-1');
      expect(branches).toMatchObject([
        { branchId: 'z', status: 'REGISTERED', triedBy: 'coordinator', registeredAt: appliedAt(first) },
        { branchId: 'a', status: 'REGISTERED', triedBy: 'application' },
      ]);
    });

    test('loses when the branch_id exists, and changes nothing', async () => {
      await journal.append(beginInteractive('register-twice'));
      await journal.append(register('register-twice', 'b1'));
      const again = register('register-twice', 'b1', { branch: newBranch('b1', { action: 'other' }) });
      expect(standing(await journal.append(again)).branches).toMatchObject([{ branchId: 'b1', action: 'deduct' }]);
      expect(await journal.append(confirm('register-twice', { branchCount: 1 }))).toMatchObject({ kind: 'applied' });
    });

    test('loses beyond the bound, after the decision, after the deadline, on Execute, and without a transaction', async () => {
      await journal.append(beginInteractive('register-full'));
      await journal.append(register('register-full', 'b1'));
      expect(standing(await journal.append(register('register-full', 'b2', { maxBranches: 1 }))).branches).toHaveLength(
        1,
      );

      await journal.append(beginInteractive('register-decided'));
      await journal.append(confirm('register-decided', { branchCount: 0 }));
      expect(standing(await journal.append(register('register-decided', 'b1'))).branches).toEqual([]);

      await journal.append(beginInteractive('register-late', { timeoutMs: 1 }));
      await past(journal, (await read(journal, 'register-late')).deadlineAt);
      expect((await journal.append(register('register-late', 'b1'))).kind).toBe('stands');

      await journal.append(begin('register-execute'));
      expect(standing(await journal.append(register('register-execute', 'b3'))).branches).toHaveLength(2);

      expect(await journal.append(register('register-nothing', 'b1'))).toMatchObject({
        kind: 'stands',
        current: undefined,
      });
    });

    test('of many transactions in one batch: each wins or loses by itself', async () => {
      const gids = Array.from({ length: 6 }, (_unused, index) => `register-many-${index}`);
      await Promise.all(gids.map((gid) => journal.append(beginInteractive(gid))));
      await journal.append(confirm('register-many-2', { branchCount: 0 }));
      await journal.append(register('register-many-4', 'b1'));
      const results = await Promise.all(gids.map((gid) => journal.append(register(gid, 'b1'))));
      expect(results.map((result) => result.kind === 'applied')).toEqual([true, true, false, true, false, true]);
    });
  });

  describe('answer', () => {
    beforeAll(async () => {
      await journal.append(beginInteractive('answer'));
      for (const id of ['b1', 'b2', 'b3']) await journal.append(register('answer', id));
    });

    test('records a Try that is done, with its reply', async () => {
      const reply = { data: bytes('{"price":3}'), contentType: 'application/json' };
      const result = await journal.append(answer('answer', 'b1', { reply }));
      const branch = branchOf(await read(journal, 'answer'), 'b1');
      expect(branch).toMatchObject({ status: 'TRIED', triedAt: appliedAt(result), attempts: 0, lastError: '' });
      expect(Buffer.from(branch.tryReply?.data ?? []).toString()).toBe('{"price":3}');
    });

    test('loses on a branch that is TRIED, and on one that does not exist', async () => {
      expect(branchOf(standing(await journal.append(answer('answer', 'b1'))), 'b1').status).toBe('TRIED');
      expect((await journal.append(answer('answer', 'none'))).kind).toBe('stands');
      expect(await journal.append(answer('no-transaction', 'b1'))).toMatchObject({
        kind: 'stands',
        current: undefined,
      });
    });

    test('the attempts before the one that was answered are recorded with it', async () => {
      const records = [attempt('b2', 1), attempt('b2', 2, { code: 'DEADLINE_EXCEEDED', message: 'too slow' })];
      appliedAt(await journal.append(answer('answer', 'b2', { attempts: records })));
      expect(branchOf(await read(journal, 'answer'), 'b2')).toMatchObject({
        status: 'TRIED',
        attempts: 0,
        lastError: '',
      });
      expect((await journal.attempts('answer')).map((each) => each.code)).toEqual(['UNAVAILABLE', 'DEADLINE_EXCEEDED']);
    });

    test('loses once the transaction is being cancelled, and leaves what was decided of its branch', async () => {
      await journal.append(beginInteractive('late'));
      await journal.append(register('late', 'b1'));
      appliedAt(await journal.append(cancel('late', { branchCount: 1 })));
      expect(branchOf(standing(await journal.append(answer('late', 'b1'))), 'b1').status).toBe('REGISTERED');
    });

    test('loses once the transaction is confirmed', async () => {
      appliedAt(await journal.append(confirm('answer', { branchCount: 3 })));
      expect(branchOf(standing(await journal.append(answer('answer', 'b3'))), 'b3').status).toBe('TRIED');
    });
  });
}
