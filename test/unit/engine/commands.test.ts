import { consider, decide, take, takeNew } from '../../../src/engine/decide';
import type { Command } from '../../../src/engine/driven';
import { change } from '../../../src/engine/driven';
import type { BranchStatus } from '../../../src/engine/model';

import {
  answer,
  applied,
  branch,
  callsOf,
  context,
  DEADLINE,
  effectsOf,
  ok,
  reason,
  states,
  stepOf,
  transaction,
} from './builders';

const c = context();
const commit: Command = { kind: 'commit' };
const rollback: Command = { kind: 'cancel', reason, failed: undefined };
const tried = [branch('a', 'TRIED'), branch('b', 'TRIED')];
const interactive = (change_: Parameters<typeof transaction>[0] = {}) =>
  transaction({ mode: 'interactive', branches: tried, ...change_ });

describe('commit', () => {
  test('confirms when every branch is known tried, within the deadline, with no branch registered meanwhile (I3, I5, I6)', () => {
    expect(stepOf(consider(interactive(), commit, c), 'decide')).toMatchObject({
      to: 'CONFIRMING',
      branchCount: 2,
      deadline: 'open',
      epoch: undefined,
    });
  });

  test('confirms a transaction without branches', () => {
    expect(stepOf(consider(interactive({ branches: [] }), commit, c), 'decide').branchCount).toBe(0);
  });

  test.each<BranchStatus>(['REGISTERED', 'UNKNOWN', 'REFUSED'])('is refused while a branch is %s (I3)', (status) => {
    const decision = consider(interactive({ branches: [branch('a', 'TRIED'), branch('b', status)] }), commit, c);
    expect(decision).toMatchObject({
      kind: 'refuse',
      refusal: { code: 'BRANCH_NOT_TRIED', metadata: { gid: 'g', branchId: 'b', branchStatus: status } },
    });
  });

  test.each<BranchStatus>(['REGISTERED', 'UNKNOWN'])(
    'is the word for a %s branch that the application tries itself (I3)',
    (status) => {
      const branches = [branch('a', 'TRIED'), branch('b', status, { triedBy: 'application' })];
      expect(stepOf(consider(interactive({ branches }), commit, c), 'decide').to).toBe('CONFIRMING');
    },
  );

  test('after the deadline cancels as TIMED_OUT instead (I6)', () => {
    expect(stepOf(consider(interactive(), commit, context({ now: DEADLINE })), 'decide')).toMatchObject({
      to: 'CANCELLING',
      deadline: 'expired',
      reason: { code: 'TIMED_OUT' },
    });
  });

  test('of an Execute is refused in every state', () => {
    for (const state of Object.values(states)) {
      expect(consider(transaction({ state }), commit, c)).toMatchObject({
        kind: 'refuse',
        refusal: { code: 'WRONG_STATE', metadata: { status: state.status } },
      });
    }
  });

  test.each(['CONFIRMING', 'CONFIRMED'] as const)('repeated on a %s transaction changes nothing', (status) => {
    const standing = interactive({ state: states[status] });
    const decision = consider(standing, commit, c);
    expect(effectsOf(decision)).toEqual([]);
    expect(decision.driven.transaction).toBe(standing);
  });

  test.each(['CANCELLING', 'CANCELLED'] as const)('of a %s transaction is refused with the reason', (status) => {
    expect(consider(interactive({ state: states[status] }), commit, c)).toMatchObject({
      kind: 'refuse',
      refusal: {
        code: 'WRONG_STATE',
        metadata: { status, cancelCode: 'ROLLED_BACK', cancelMessage: 'changed my mind' },
      },
    });
  });
});

describe('rollback', () => {
  test('cancels whatever the deadline says', () => {
    for (const now of [DEADLINE - 1, DEADLINE + 1]) {
      expect(stepOf(consider(interactive(), rollback, context({ now })), 'decide')).toMatchObject({
        to: 'CANCELLING',
        reason,
        deadline: 'any',
        branchCount: 2,
      });
    }
  });

  test('of an interactive transaction leaves its branches as they stand, to be cancelled one and all (I4)', () => {
    const branches = [branch('a', 'TRIED'), branch('b', 'REGISTERED')];
    const decision = consider(interactive({ branches }), rollback, c);
    const step = stepOf(decision, 'decide');
    expect(step).toMatchObject({ branches: [], epoch: undefined });
    expect(callsOf(decide(decision.driven, applied(step), c))).toEqual(['cancel a#1+0', 'cancel b#1+0']);
  });

  test('of an Execute that somebody else may drive takes every branch as sent (T2, I4)', () => {
    const step = stepOf(consider(transaction(), rollback, c), 'decide');
    expect(step.epoch).toBeUndefined();
    expect(step.branches.map(({ status }) => status)).toEqual(['UNKNOWN', 'UNKNOWN']);
  });

  test('of a sequential Execute in hand skips what it never sent, if the epoch stands still (T2)', () => {
    const { driven } = takeNew(transaction({ tryOrder: 'sequential' }), c);
    const step = stepOf(decide(driven, rollback, c), 'decide');
    expect(step.epoch).toBe(0);
    expect(step.branches.map(({ status }) => status)).toEqual(['UNKNOWN', 'CANCELLED']);
  });

  test.each(['CANCELLING', 'CANCELLED'] as const)('repeated on a %s transaction changes nothing', (status) => {
    const branches = [branch('a', 'TRIED'), branch('b', 'REGISTERED')];
    const standing = interactive({ state: states[status], branches });
    const decision = consider(standing, rollback, c);
    expect(effectsOf(decision)).toEqual([]);
    // What comes back is the row as it stands: a branch whose Try nobody sent is not called UNKNOWN.
    expect(decision.driven.transaction).toEqual(standing);
  });

  test.each(['CONFIRMING', 'CONFIRMED'] as const)('of a %s transaction is refused (I1)', (status) => {
    expect(consider(interactive({ state: states[status] }), rollback, c)).toMatchObject({
      kind: 'refuse',
      refusal: { code: 'WRONG_STATE', metadata: { status } },
    });
  });

  test('for a failed Try carries its branch and its calls into the decision', () => {
    const record = { branchId: 'b', phase: 'try', attempt: 1, code: 'ABORTED', message: 'no' } as const;
    const failed = { change: change('b', 'REFUSED', { lastError: 'ABORTED: no' }), records: [record] };
    const step = stepOf(consider(interactive(), { kind: 'cancel', reason, failed }, c), 'decide');
    expect(step.branches).toEqual([failed.change]);
    expect(step.attempts).toEqual([record]);
  });

  test('for a failed Try says one thing about its branch, not two', () => {
    const { driven } = takeNew(transaction(), c);
    const failed = { change: change('b', 'REFUSED'), records: [] };
    const step = stepOf(decide(driven, { kind: 'cancel', reason, failed }, c), 'decide');
    expect(step.branches.map(({ branchId, status }) => [branchId, status])).toEqual([
      ['a', 'UNKNOWN'],
      ['b', 'REFUSED'],
    ]);
  });
});

describe('events after the decision (E3)', () => {
  const statuses = ['CONFIRMING', 'CONFIRMED', 'CANCELLING', 'CANCELLED'] as const;
  const events = [{ kind: 'deadline' }, answer('a', 'try', ok), commit, rollback] as const;
  test.each(statuses.flatMap((status) => events.map((event) => [status, event.kind, event] as const)))(
    'a %s transaction is not decided again by %s (I1)',
    (status, _, event) => {
      const { driven } = take(interactive({ state: states[status] }), c);
      const decision = decide(driven, event, context({ now: DEADLINE + 1 }));
      expect(decision.kind).not.toBe('step');
      expect(decision.driven.transaction.state).toEqual(states[status]);
    },
  );
});

test('steps that others take on a transaction in hand lead nowhere', () => {
  const { driven } = takeNew(transaction(), c);
  expect(decide(driven, applied({ kind: 'retry', gid: 'g' }), c)).toEqual({ kind: 'go', driven, effects: [] });
});
