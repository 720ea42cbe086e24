import fc from 'fast-check';

import { afterStep } from '../../../src/engine/applied';
import { change } from '../../../src/engine/driven';
import type { Branch, BranchStatus, Transaction } from '../../../src/engine/model';
import type { DecideStep, FinishStep, PostponeStep } from '../../../src/engine/step';
import { applyStep } from '../../support/memory-rows';

import { branch, NOW, reason, states, transaction } from './builders';

const decideTo = (to: DecideStep['to'], more: Partial<DecideStep> = {}): DecideStep => ({
  kind: 'decide',
  gid: 'g',
  to,
  reason: to === 'CANCELLING' ? reason : undefined,
  branchCount: 2,
  epoch: undefined,
  deadline: 'any',
  dueInMs: 5_000,
  worker: 'other',
  branches: [],
  attempts: [],
  ...more,
});

const postpone = (more: Partial<PostponeStep>): PostponeStep => ({
  kind: 'postpone',
  gid: 'g',
  from: 'CONFIRMING',
  due: { inMs: 100 },
  rounds: 1,
  afterRounds: undefined,
  branches: [],
  attempts: [],
  ...more,
});

test('a decision to confirm makes every branch tried', () => {
  const branches = [branch('a', 'UNKNOWN'), branch('b', 'REGISTERED', { triedBy: 'application' })];
  const after = afterStep(transaction({ branches }), decideTo('CONFIRMING'), NOW + 7);
  expect(after).toMatchObject({
    state: { status: 'CONFIRMING', decidedAt: NOW + 7, parked: false },
    dueAt: NOW + 5_007,
    worker: 'other',
    branches: [
      { status: 'TRIED', triedAt: NOW + 7 },
      // Nobody told when the application's own Try was done.
      { status: 'TRIED', triedAt: undefined },
    ],
  });
});

test('a decision to cancel keeps its reason, changes the branches it names and counts attempts anew', () => {
  const branches = [branch('a', 'UNKNOWN', { attempts: 3 }), branch('b', 'REGISTERED')];
  const changes = [change('a', 'REFUSED', { lastError: 'ABORTED: no' }), change('b', 'CANCELLED')];
  const step = decideTo('CANCELLING', { branches: changes });
  expect(afterStep(transaction({ branches }), step, NOW + 7)).toMatchObject({
    state: { status: 'CANCELLING', decidedAt: NOW + 7, reason },
    branches: [
      { status: 'REFUSED', attempts: 0, lastError: 'ABORTED: no', finishedAt: undefined },
      { status: 'CANCELLED', finishedAt: NOW + 7 },
    ],
  });
});

test('a postponement keeps the progress, counts the round and says when to go on', () => {
  const changes = [change('a', 'CONFIRMED'), change('b', undefined, { attempts: 3, refusals: 1, lastError: 'X' })];
  const from = transaction({
    state: states.CONFIRMING,
    rounds: 4,
    branches: [branch('a', 'TRIED'), branch('b', 'TRIED')],
  });
  expect(afterStep(from, postpone({ branches: changes }), NOW + 7)).toMatchObject({
    rounds: 5,
    dueAt: NOW + 107,
    branches: [
      { status: 'CONFIRMED', finishedAt: NOW + 7 },
      { status: 'TRIED', attempts: 3, refusals: 1, lastError: 'X' },
    ],
  });
});

test('parking is a flag on the decided state, and takes the due time away', () => {
  const parked = afterStep(transaction({ state: states.CANCELLING }), postpone({ due: 'parked' }), NOW);
  expect(parked).toMatchObject({ state: { status: 'CANCELLING', parked: true }, dueAt: undefined });
  expect(afterStep(parked, postpone({}), NOW)).toMatchObject({ state: { parked: false }, dueAt: NOW + 100 });
});

test('an undecided transaction is put off to its deadline, and nothing else changes', () => {
  const from = transaction({ mode: 'interactive' });
  const step = postpone({ from: 'TRYING', due: 'deadline', rounds: 0 });
  expect(afterStep(from, step, NOW)).toEqual({ ...from, dueAt: from.deadlineAt });
});

test.each(['CONFIRMED', 'CANCELLED'] as const)('the end makes every branch %s, keeping earlier times', (to) => {
  const state = to === 'CONFIRMED' ? states.CONFIRMING : states.CANCELLING;
  const branches = [branch('a', to, { finishedAt: NOW + 1 }), branch('b', 'TRIED')];
  const step: FinishStep = { kind: 'finish', gid: 'g', to, attempts: [] };
  expect(afterStep(transaction({ state, branches }), step, NOW + 9)).toMatchObject({
    state: { status: to, decidedAt: NOW, finishedAt: NOW + 9 },
    dueAt: undefined,
    branches: [
      { status: to, finishedAt: NOW + 1 },
      { status: to, finishedAt: NOW + 9 },
    ],
  });
});

describe('what a coordinator makes of its own step is what a reader of the row sees', () => {
  const statuses: BranchStatus[] = ['REGISTERED', 'TRIED', 'REFUSED', 'UNKNOWN'];
  const someBranch = (id: string) =>
    fc
      .record({
        status: fc.constantFrom(...statuses),
        attempts: fc.nat(5),
        triedBy: fc.constantFrom('coordinator' as const, 'application' as const),
      })
      .map((some): Branch => branch(id, some.status, some));
  const someChange = (id: string, ...to: BranchStatus[]) =>
    fc
      .record({
        status: fc.constantFrom(undefined, ...to),
        attempts: fc.option(fc.nat(5), { nil: undefined }),
        refusals: fc.option(fc.nat(5), { nil: undefined }),
        lastError: fc.constantFrom(undefined, '', 'UNAVAILABLE: gone'),
      })
      .map((some) => change(id, some.status, some));

  const seenByReader = (from: Transaction, step: DecideStep | PostponeStep | FinishStep, now: number) => {
    const rows = new Map([['g', { transaction: from, attempts: [], purgeableAt: undefined }]]);
    expect(applyStep(rows, step, now, 1_000).kind).toBe('applied');
    return rows.get('g')?.transaction;
  };

  test('for decisions to cancel', () => {
    const changes = fc.tuple(someChange('a', 'REFUSED', 'UNKNOWN', 'CANCELLED'), someChange('b', 'TRIED'));
    fc.assert(
      fc.property(fc.tuple(someBranch('a'), someBranch('b')), changes, (branches, changed) => {
        const from = transaction({ branches });
        const step = decideTo('CANCELLING', { branches: changed });
        expect(afterStep(from, step, NOW + 5)).toEqual(seenByReader(from, step, NOW + 5));
      }),
    );
  });

  test('for postponements and ends', () => {
    const changes = fc.tuple(someChange('a', 'CONFIRMED'), someChange('b'));
    const due = fc.constantFrom<PostponeStep['due']>({ inMs: 77 }, 'parked');
    fc.assert(
      fc.property(fc.tuple(someBranch('a'), someBranch('b')), changes, due, (branches, changed, later) => {
        const from = transaction({ state: states.CONFIRMING, branches });
        const step = postpone({ due: later, branches: changed });
        const after = afterStep(from, step, NOW + 5);
        expect(after).toEqual(seenByReader(from, step, NOW + 5));
        const finish: FinishStep = { kind: 'finish', gid: 'g', to: 'CONFIRMED', attempts: [] };
        expect(afterStep(after, finish, NOW + 6)).toEqual(seenByReader(after, finish, NOW + 6));
      }),
    );
  });
});
