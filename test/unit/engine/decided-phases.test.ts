import { decide, take } from '../../../src/engine/decide';
import type { Driven, Event } from '../../../src/engine/driven';
import type { Branch, Transaction } from '../../../src/engine/model';
import type { Outcome } from '../../../src/engine/outcome';

import {
  answer,
  applied,
  branch,
  callsOf,
  context,
  effectsOf,
  never,
  ok,
  refused,
  rules,
  states,
  statusesOf,
  stepOf,
  transaction,
  unknown,
} from './builders';

const c = context();

const confirming = (...branches: Branch[]): Transaction => transaction({ state: states.CONFIRMING, branches });
const both = [branch('a', 'TRIED'), branch('b', 'TRIED')];

/** Lets events happen one after the other; every one but the last must lead on without a step. */
function play(from: Driven, ...events: Event[]) {
  let driven = from;
  for (const event of events.slice(0, -1)) {
    const decision = decide(driven, event, c);
    effectsOf(decision);
    driven = decision.driven;
  }
  return decide(driven, events.at(-1) ?? answer('', 'try', ok), c);
}

describe.each([
  { status: 'CONFIRMING', phase: 'confirm', to: 'CONFIRMED' },
  { status: 'CANCELLING', phase: 'cancel', to: 'CANCELLED' },
] as const)('a transaction that is $status', ({ status, phase, to }) => {
  const taken = take(transaction({ state: states[status], branches: both }), c);

  test('calls every branch that has not acknowledged, at once (I7)', () => {
    expect(callsOf(taken)).toEqual([`${phase} a#1+0`, `${phase} b#1+0`]);
    const rest = take(transaction({ state: states[status], branches: [branch('a', to), branch('b', 'TRIED')] }), c);
    expect(callsOf(rest)).toEqual([`${phase} b#1+0`]);
  });

  test('counts attempts on from what was recorded', () => {
    const branches = [branch('a', 'TRIED', { attempts: 7 })];
    expect(callsOf(take(transaction({ state: states[status], branches }), c))).toEqual([`${phase} a#8+0`]);
  });

  test('is finished only when every branch has acknowledged (I7)', () => {
    const first = play(taken.driven, answer('b', phase, ok));
    expect(effectsOf(first)).toEqual([]);
    expect(stepOf(decide(first.driven, answer('a', phase, ok), c), 'finish')).toEqual({
      kind: 'finish',
      gid: 'g',
      to,
      attempts: [],
    });
  });

  test('is finished without a call when nothing is left to call', () => {
    const branches = [branch('a', to), branch('b', to)];
    expect(stepOf(take(transaction({ state: states[status], branches }), c), 'finish').to).toBe(to);
    expect(stepOf(take(transaction({ state: states[status], branches: [] }), c), 'finish').to).toBe(to);
  });

  test('repeats an unanswered call in place with growing delays, then ends the round', () => {
    const one = play(taken.driven, answer('b', phase, ok), answer('a', phase, unknown, 1));
    expect(callsOf(one)).toEqual([`${phase} a#2+100`]);
    const two = decide(one.driven, answer('a', phase, unknown, 2), c);
    expect(callsOf(two)).toEqual([`${phase} a#3+200`]);
    const step = stepOf(decide(two.driven, answer('a', phase, unknown, 3), c), 'postpone');
    expect(step).toMatchObject({ from: status, due: { inMs: 200 }, rounds: 1 });
    expect(step.branches).toEqual([
      { branchId: 'a', status: undefined, attempts: 3, refusals: 0, lastError: 'UNAVAILABLE: gone' },
      { branchId: 'b', status: to, attempts: undefined, refusals: undefined, lastError: undefined },
    ]);
    expect(step.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
  });

  test('does not end the round while a call is out', () => {
    const waiting = play(taken.driven, answer('a', phase, refused));
    expect(effectsOf(waiting)).toEqual([]);
    expect(stepOf(decide(waiting.driven, answer('b', phase, ok), c), 'postpone').from).toBe(status);
  });

  test.each<[string, Outcome, number]>([
    ['a refusal', refused, 1],
    ['a call that will never work', never, 0],
  ])('%s goes to the slow end at once, without a fast retry', (_, outcome, refusals) => {
    const step = stepOf(play(taken.driven, answer('b', phase, ok), answer('a', phase, outcome)), 'postpone');
    expect(step.due).toEqual({ inMs: rules.backoff.capMs });
    expect(step.branches[0]).toMatchObject({ attempts: 1, refusals });
  });

  test.each([
    [0, 200],
    [1, 400],
    [5, 6_400],
    [20, 60_000],
  ])('after %d rounds without an answer the next one waits %d ms', (rounds, inMs) => {
    const branches = [branch('a', 'TRIED', { attempts: 3 * rounds })];
    const { driven } = take(transaction({ state: states[status], branches, rounds }), c);
    const first = 3 * rounds + 1;
    const events = [0, 1, 2].map((more) => answer('a', phase, unknown, first + more));
    expect(stepOf(play(driven, ...events), 'postpone').due).toEqual({ inMs });
  });

  test('is parked by the refusal that reaches the limit, and not by the one before', () => {
    const after = (refusals: number) => {
      const { driven } = take(
        transaction({ state: states[status], branches: [branch('a', 'TRIED', { refusals })] }),
        c,
      );
      return stepOf(play(driven, answer('a', phase, refused)), 'postpone').due;
    };
    expect(after(rules.parkAfterRefusals - 2)).toEqual({ inMs: 60_000 });
    expect(after(rules.parkAfterRefusals - 1)).toBe('parked');
  });

  test('is parked only while no other round has ended', () => {
    const branches = [branch('a', 'TRIED', { refusals: rules.parkAfterRefusals })];
    const { driven } = take(transaction({ state: states[status], branches, rounds: 3 }), c);
    expect(stepOf(play(driven, answer('a', phase, refused)), 'postpone')).toMatchObject({
      due: 'parked',
      afterRounds: 3,
    });
  });

  test('is let go of when it stands parked', () => {
    const state = { ...states[status], parked: true };
    expect(take(transaction({ state, branches: [branch('a', 'TRIED')] }), c)).toMatchObject({
      effects: [{ kind: 'release' }],
    });
  });

  test('is not parked when a retried participant is only away: unanswered calls are repeated for ever', () => {
    const branches = [branch('a', 'TRIED', { refusals: rules.parkAfterRefusals })];
    const { driven } = take(transaction({ state: states[status], branches }), c);
    const events = [1, 2, 3].map((attempt) => answer('a', phase, unknown, attempt));
    expect(stepOf(play(driven, ...events), 'postpone').due).toEqual({ inMs: 200 });
  });

  test('lets go after its postponement and after its end', () => {
    const postpone = stepOf(play(taken.driven, answer('a', phase, never), answer('b', phase, never)), 'postpone');
    expect(effectsOf(decide(taken.driven, applied(postpone), c))).toEqual([{ kind: 'release' }]);
    const finish = stepOf(play(taken.driven, answer('a', phase, ok), answer('b', phase, ok)), 'finish');
    const over = decide(taken.driven, applied(finish), c);
    expect(effectsOf(over)).toEqual([{ kind: 'release' }]);
    expect(over.driven.transaction.state.status).toBe(to);
    expect(statusesOf(over.driven)).toEqual([to, to]);
  });

  test('an empty rollback or a repeat is noted in the timeline of a call that went well', () => {
    const { driven } = take(transaction({ state: states[status], branches: [branch('a', 'TRIED')] }), c);
    const step = stepOf(play(driven, answer('a', phase, { ...ok, fence: 'EMPTY_ROLLBACK' })), 'finish');
    expect(step.attempts).toEqual([{ branchId: 'a', phase, attempt: 1, code: 'EMPTY_ROLLBACK', message: '' }]);
  });

  test('late answers of the Try phase change nothing (E2)', () => {
    expect(decide(taken.driven, answer('a', 'try', ok), c)).toEqual({ kind: 'go', driven: taken.driven, effects: [] });
    expect(decide(taken.driven, answer('a', 'try', refused), c)).toMatchObject({ kind: 'go', effects: [] });
  });
});

test('only Confirm is called of a CONFIRMING transaction, only Cancel of a CANCELLING one (I3, I4)', () => {
  const phases = (state: Transaction['state']) =>
    callsOf(take(transaction({ state, branches: both }), c)).map((call) => call.split(' ')[0]);
  expect(phases(states.CONFIRMING)).toEqual(['confirm', 'confirm']);
  expect(phases(states.CANCELLING)).toEqual(['cancel', 'cancel']);
});

test('Cancel goes to every branch whose Try may have been sent, whatever came back (I4)', () => {
  const statuses = ['REGISTERED', 'TRIED', 'REFUSED', 'UNKNOWN', 'CANCELLED'] as const;
  const branches = statuses.map((status) => branch(status, status));
  expect(callsOf(take(transaction({ state: states.CANCELLING, branches }), c))).toEqual([
    'cancel REGISTERED#1+0',
    'cancel TRIED#1+0',
    'cancel REFUSED#1+0',
    'cancel UNKNOWN#1+0',
  ]);
});

test('a mixed round with a refusal goes to the slow end', () => {
  const { driven } = take(confirming(...both), c);
  const events = [
    answer('a', 'confirm', refused),
    ...[1, 2, 3].map((attempt) => answer('b', 'confirm', unknown, attempt)),
  ];
  expect(stepOf(play(driven, ...events), 'postpone').due).toEqual({ inMs: 60_000 });
});

test('terminal transactions are let go of without a call', () => {
  for (const status of ['CONFIRMED', 'CANCELLED'] as const) {
    expect(effectsOf(take(transaction({ state: states[status] }), c))).toEqual([{ kind: 'release' }]);
  }
});
