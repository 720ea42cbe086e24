import { decide, take, takeNew } from '../../../src/engine/decide';
import { backoffMs } from '../../../src/lib/backoff';
import { judgeTry } from '../../../src/engine/trying';

import {
  answer,
  branch,
  callsOf,
  context,
  DEADLINE,
  effectsOf,
  never,
  NOW,
  ok,
  refused,
  rules,
  statusesOf,
  stepOf,
  transaction,
  unknown,
} from './builders';

const c = context();

describe('the Try phase', () => {
  test('a new Execute arms its deadline and calls every Try at once when parallel', () => {
    const decision = takeNew(transaction(), c);
    expect(effectsOf(decision)[0]).toEqual({ kind: 'arm', atMs: DEADLINE });
    expect(callsOf(decision)).toEqual(['try a#1+0', 'try b#1+0']);
    expect(statusesOf(decision.driven)).toEqual(['UNKNOWN', 'UNKNOWN']);
  });

  test('a sequential Execute calls one Try at a time, in order', () => {
    const first = takeNew(transaction({ tryOrder: 'sequential' }), c);
    expect(callsOf(first)).toEqual(['try a#1+0']);
    expect(statusesOf(first.driven)).toEqual(['UNKNOWN', 'REGISTERED']);
    const second = decide(first.driven, answer('a', 'try', ok), c);
    expect(callsOf(second)).toEqual(['try b#1+0']);
    expect(stepOf(decide(second.driven, answer('b', 'try', ok), c), 'decide').to).toBe('CONFIRMING');
  });

  test('a sequential Execute retries the branch at hand before it goes on', () => {
    const first = takeNew(transaction({ tryOrder: 'sequential' }), c);
    const again = decide(first.driven, answer('a', 'try', unknown), c);
    expect(callsOf(again)).toEqual(['try a#2+100']);
    expect(callsOf(decide(again.driven, answer('a', 'try', ok, 2), c))).toEqual(['try b#1+0']);
  });

  test('the last OK decides to confirm: before the deadline only, all branches counted, no epoch asked (I3, I5, I6)', () => {
    const first = decide(takeNew(transaction(), c).driven, answer('a', 'try', ok), c);
    expect(callsOf(first)).toEqual([]);
    const step = stepOf(decide(first.driven, answer('b', 'try', ok), c), 'decide');
    expect(step).toEqual({
      kind: 'decide',
      gid: 'g',
      to: 'CONFIRMING',
      reason: undefined,
      branchCount: 2,
      epoch: undefined,
      deadline: 'open',
      dueInMs: rules.leaseMs,
      worker: 'me',
      branches: [],
      attempts: [],
    });
  });

  test('a transaction without branches is confirmed at once', () => {
    expect(stepOf(takeNew(transaction({ branches: [] }), c), 'decide').to).toBe('CONFIRMING');
  });

  test('an OK keeps its reply', () => {
    const reply = { data: Buffer.from('42'), contentType: 'text/plain' };
    const { driven } = decide(takeNew(transaction(), c).driven, answer('a', 'try', { ...ok, reply }), c);
    expect(driven.transaction.branches[0]).toMatchObject({ status: 'TRIED', tryReply: reply });
  });

  test('a refused Try decides to cancel, with the participant’s message as the reason', () => {
    const step = stepOf(decide(takeNew(transaction(), c).driven, answer('b', 'try', refused), c), 'decide');
    expect(step).toMatchObject({
      to: 'CANCELLING',
      reason: { code: 'REFUSED', branchId: 'b', message: 'no stock' },
      deadline: 'any',
      branchCount: 2,
    });
    // Everything was sent, so everything is cancelled, on whatever epoch (I4).
    expect(step.epoch).toBeUndefined();
    expect(step.branches.map(({ branchId, status }) => [branchId, status])).toEqual([
      ['a', 'UNKNOWN'],
      ['b', 'REFUSED'],
    ]);
    expect(step.attempts).toEqual([{ branchId: 'b', phase: 'try', attempt: 1, code: 'ABORTED', message: 'no stock' }]);
  });

  test('a refused Try of a sequential Execute skips what was never sent, if the epoch stands still (I4)', () => {
    const { driven } = takeNew(transaction({ tryOrder: 'sequential', epoch: 4 }), c);
    const step = stepOf(decide(driven, answer('a', 'try', refused), c), 'decide');
    expect(step.epoch).toBe(4);
    expect(step.branches.map(({ status }) => status)).toEqual(['REFUSED', 'CANCELLED']);
  });

  test('a Try that will never work cancels at once as UNREACHABLE', () => {
    const step = stepOf(decide(takeNew(transaction(), c).driven, answer('a', 'try', never), c), 'decide');
    expect(step.reason).toEqual({ code: 'UNREACHABLE', branchId: 'a', message: 'UNIMPLEMENTED: no such method' });
    expect(step.branches[0]).toMatchObject({ status: 'UNKNOWN', lastError: 'UNIMPLEMENTED: no such method' });
  });

  test('a Try without an answer is called as often as its action says, with growing delays, then cancels', () => {
    let { driven } = takeNew(transaction(), c);
    for (const [attempt, delayMs] of [
      [1, 100],
      [2, 200],
    ] as const) {
      const again = decide(driven, answer('a', 'try', unknown, attempt), c);
      expect(callsOf(again)).toEqual([`try a#${attempt + 1}+${delayMs}`]);
      driven = again.driven;
    }
    const step = stepOf(decide(driven, answer('a', 'try', unknown, 3), c), 'decide');
    expect(step.reason).toEqual({ code: 'UNREACHABLE', branchId: 'a', message: 'UNAVAILABLE: gone' });
    expect(step.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  test('a Try that the deadline leaves no time to repeat is TIMED_OUT, whoever notices first', () => {
    const judge = (now: number, attempt: number) =>
      judgeTry(branch('a', 'UNKNOWN'), attempt, unknown, DEADLINE, context({ now }));
    expect(judge(DEADLINE - 101, 1)).toEqual({ kind: 'again', delayMs: 100 });
    expect(judge(DEADLINE - 100, 1)).toMatchObject({ kind: 'cancel', reason: { code: 'TIMED_OUT', branchId: 'a' } });
    expect(judge(DEADLINE, 3)).toMatchObject({ kind: 'cancel', reason: { code: 'TIMED_OUT' } });
    expect(judge(DEADLINE - 1, 3)).toMatchObject({ kind: 'cancel', reason: { code: 'UNREACHABLE' } });
  });

  test('the deadline decides to cancel only if it has passed for the database too (I6)', () => {
    const { driven } = decide(takeNew(transaction(), c).driven, answer('a', 'try', ok), c);
    const step = stepOf(decide(driven, { kind: 'deadline' }, context({ now: DEADLINE })), 'decide');
    expect(step).toMatchObject({ deadline: 'expired', reason: { code: 'TIMED_OUT', branchId: '' } });
    expect(step.branches.map(({ status }) => status)).toEqual(['TRIED', 'UNKNOWN']);
  });

  test('a fence outcome other than a fresh call is noted in the timeline', () => {
    const first = decide(takeNew(transaction(), c).driven, answer('a', 'try', { ...ok, fence: 'REPEAT' }), c);
    const second = decide(first.driven, answer('b', 'try', { ...ok, fence: 'FRESH' }), c);
    expect(stepOf(second, 'decide').attempts).toEqual([
      { branchId: 'a', phase: 'try', attempt: 1, code: 'REPEAT', message: '' },
    ]);
  });

  test('long words of a participant are clipped', () => {
    const long = { ...refused, message: 'x'.repeat(2_000) };
    const step = stepOf(decide(takeNew(transaction(), c).driven, answer('a', 'try', long), c), 'decide');
    expect(step.reason?.message).toHaveLength(512);
    expect(step.attempts[0]?.message).toHaveLength(512);
    expect(step.branches[0]?.lastError?.length).toBeLessThanOrEqual(512);
  });
});

describe('answers that change nothing (E2)', () => {
  const { driven } = takeNew(transaction(), c);
  test.each([
    ['of another phase', answer('a', 'confirm', ok)],
    ['of another attempt', answer('a', 'try', ok, 2)],
    ['of an unknown branch', answer('z', 'try', ok)],
  ])('an answer %s', (_, event) => {
    expect(decide(driven, event, c)).toEqual({ kind: 'go', driven, effects: [] });
  });

  test('a second answer to a call', () => {
    const after = decide(driven, answer('a', 'try', ok), c).driven;
    expect(decide(after, answer('a', 'try', refused), c)).toEqual({ kind: 'go', driven: after, effects: [] });
  });
});

describe('taking an Execute from the journal', () => {
  test('all branches count as sent, and are tried again (T2)', () => {
    const decision = take(transaction({ epoch: 1 }), c);
    expect(effectsOf(decision)[0]).toEqual({ kind: 'arm', atMs: DEADLINE });
    expect(callsOf(decision)).toEqual(['try a#1+0', 'try b#1+0']);
    const step = stepOf(decide(decision.driven, answer('a', 'try', refused), c), 'decide');
    expect(step.branches.map(({ status }) => status)).toEqual(['REFUSED', 'UNKNOWN']);
    expect(step.epoch).toBeUndefined();
  });

  test('a sequential one is tried from the start, and no branch is skipped by a cancel (I4)', () => {
    const decision = take(transaction({ tryOrder: 'sequential', epoch: 1 }), c);
    expect(callsOf(decision)).toEqual(['try a#1+0']);
    const step = stepOf(decide(decision.driven, answer('a', 'try', refused), c), 'decide');
    expect(step.branches.map(({ status }) => status)).toEqual(['REFUSED', 'UNKNOWN']);
  });

  test('one whose deadline has passed is cancelled without a call', () => {
    expect(stepOf(take(transaction(), context({ now: DEADLINE })), 'decide')).toMatchObject({
      to: 'CANCELLING',
      deadline: 'expired',
      branches: [{ status: 'UNKNOWN' }, { status: 'UNKNOWN' }],
    });
  });

  test('an interactive one is left to its application until its deadline', () => {
    expect(stepOf(take(transaction({ mode: 'interactive' }), c), 'postpone')).toMatchObject({
      from: 'TRYING',
      due: 'deadline',
      rounds: 0,
    });
  });
});

test('jitter draws the delay of a repeated Try from the chance it is given', () => {
  const jittery = { ...rules, fastBackoff: { ...rules.fastBackoff, jitter: 0.5 } };
  const chancy = context({ rules: jittery, chance: 0.5, now: NOW });
  const again = decide(takeNew(transaction(), chancy).driven, answer('a', 'try', unknown), chancy);
  expect(callsOf(again)).toEqual([`try a#2+${backoffMs(jittery.fastBackoff, 1, () => 0.5)}`]);
});
