import { sameBranch, sameTransaction } from '../../../src/engine/content';
import type { NewBranch, NewTransaction } from '../../../src/engine/model';

import { branch, newBranch, newTransaction, transaction } from './builders';

const standing = transaction();
const payload = (data: string, contentType = 'application/json') => ({ data: Buffer.from(data), contentType });

describe('a repeated transaction', () => {
  test('is the same with another timeout, and whatever has become of it', () => {
    expect(sameTransaction(newTransaction({ timeoutMs: 1 }), standing)).toBe(true);
    const later = { ...standing, rounds: 3, branches: standing.branches.map((each) => ({ ...each, attempts: 9 })) };
    expect(sameTransaction(newTransaction(), later)).toBe(true);
  });

  test.each<[string, Partial<NewTransaction>]>([
    ['name', { name: 'other' }],
    ['mode', { mode: 'interactive', branches: [] }],
    ['order of Try', { tryOrder: 'sequential' }],
    ['number of branches', { branches: [newBranch('a')] }],
    ['order of branches', { branches: [newBranch('b'), newBranch('a')] }],
    ['payload', { branches: [newBranch('a'), newBranch('b', { payload: payload('{"x":1}') })] }],
  ])('is another one with another %s', (_, change) => {
    expect(sameTransaction(newTransaction(change), standing)).toBe(false);
  });

  test('is the same when interactive, whatever branches were added', () => {
    const asked = newTransaction({ mode: 'interactive', branches: [] });
    expect(sameTransaction(asked, transaction({ mode: 'interactive' }))).toBe(true);
  });
});

describe('a repeated branch', () => {
  test('is the same whatever has become of it', () => {
    expect(sameBranch(newBranch('a'), branch('a', 'CONFIRMED', { attempts: 5 }))).toBe(true);
  });

  test('is compared by the bytes of its payload, whatever holds them', () => {
    const bytes = { data: new Uint8Array([0x7b, 0x7d]), contentType: 'application/json' };
    expect(sameBranch(newBranch('a', { payload: bytes }), branch('a', 'TRIED'))).toBe(true);
  });

  test.each<[string, Partial<NewBranch>]>([
    ['branch_id', { branchId: 'z' }],
    ['participant', { participant: 'z' }],
    ['action', { action: 'z' }],
    ['caller of its Try', { triedBy: 'application' }],
    ['payload', { payload: payload('[]') }],
    ['content type', { payload: payload('{}', 'text/plain') }],
  ])('is another one with another %s', (_, change) => {
    expect(sameBranch(newBranch('a', change), branch('a', 'TRIED'))).toBe(false);
  });

  test('is another one than none', () => {
    expect(sameBranch(newBranch('a'), undefined)).toBe(false);
  });
});
