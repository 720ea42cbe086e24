/** Schedules that somebody who wants to break the protocol would choose. The random ones are in invariants.test.ts. */
import { decide, takeNew } from '../../../src/engine/decide';
import type { Driven } from '../../../src/engine/driven';

import {
  answer,
  applied,
  branch,
  context,
  newBranch,
  ok,
  reason,
  refused,
  stepOf,
  transaction,
  unknown,
} from './builders';
import { World } from './world';

const rollback = { kind: 'cancel', reason, failed: undefined } as const;
const commit = { kind: 'commit' } as const;

describe('two coordinators on one Execute', () => {
  const sequential = { branches: [newBranch('a'), newBranch('b')], tryOrder: 'sequential' } as const;

  test('a slow one cannot skip a branch that a second one has tried meanwhile (I4)', () => {
    const world = new World(sequential);
    const [slow] = world.workers;
    world.answer(0, refused);
    world.claim();
    const [, quick] = world.workers;
    world.answer(0, ok);
    expect(world.calls.map(({ branchId }) => branchId)).toEqual(['b']);
    world.step(slow, 'told');
    // Its decision lost on the epoch; the next one it makes cancels both.
    expect(world.row.state.status).toBe('TRYING');
    world.event(quick, rollback);
    world.step(quick, 'told');
    expect(world.row).toMatchObject({ state: { status: 'CANCELLING' }, branches: [{}, { status: 'UNKNOWN' }] });
    expect(world.comesToAnEnd()).toBe(true);
    expect(world.row.state.status).toBe('CANCELLED');
  });

  test('one that confirms and one that cancels cannot both win (I1)', () => {
    const world = new World({ branches: [newBranch('a')] });
    const [first] = world.workers;
    world.answer(0, ok);
    world.claim();
    const [, second] = world.workers;
    world.answer(0, refused);
    world.step(second, 'told');
    world.step(first, 'told');
    expect(world.row.state.status).toBe('CANCELLING');
    expect(world.comesToAnEnd()).toBe(true);
    expect(world.row.state.status).toBe('CANCELLED');
  });

  test('a decision whose reply was lost is carried on by whoever reads it back (I9)', () => {
    const world = new World({ branches: [newBranch('a')] });
    world.answer(0, ok);
    world.step(world.workers[0], 'read back');
    expect(world.calls.map(({ phase }) => phase)).toEqual(['confirm']);
    expect(world.comesToAnEnd()).toBe(true);
  });
});

describe('an application against its own transaction', () => {
  const open = { mode: 'interactive', branches: [] } as const;

  test('a branch that slips in between commit and its decision makes the commit look again (I5)', () => {
    const world = new World(open);
    world.register(newBranch('a'));
    world.tryInteractively('a');
    world.ask(commit);
    world.register(newBranch('b'));
    world.step(world.workers.at(-1), 'told');
    expect(world.row).toMatchObject({ state: { status: 'TRYING' }, branches: [{}, { status: 'REGISTERED' }] });
  });

  test('a branch that slips in between rollback and its decision is cancelled too (I5)', () => {
    const world = new World(open);
    world.ask(rollback);
    world.register(newBranch('a'));
    world.step(world.workers.at(-1), 'told');
    world.step(world.workers.at(-1), 'told');
    expect(world.row.state.status).toBe('CANCELLING');
    expect(world.calls.map(({ phase, branchId }) => `${phase} ${branchId}`)).toEqual(['cancel a']);
  });

  test('of commit and timeout exactly one wins, whichever comes first (I6)', () => {
    for (const [now, status] of [
      [29_999, 'CONFIRMING'],
      [30_000, 'CANCELLING'],
    ] as const) {
      const world = new World(open);
      world.register(newBranch('a'));
      world.tryInteractively('a');
      world.now = 29_999;
      world.ask(commit);
      world.now = now;
      world.claim();
      for (const worker of world.workers) world.step(worker, 'told');
      for (const worker of world.workers) world.step(worker, 'told');
      expect(world.row.state.status).toBe(status);
      expect(world.comesToAnEnd()).toBe(true);
    }
  });

  test('commits and rollbacks from all sides make one decision (I1)', () => {
    const world = new World(open);
    world.register(newBranch('a'));
    world.tryInteractively('a');
    for (let i = 0; i < 4; i += 1) world.ask(i % 2 === 0 ? commit : rollback);
    for (const worker of world.workers.toReversed()) world.step(worker, 'told');
    expect(world.row.state.status).toBe('CANCELLING');
    expect(world.comesToAnEnd()).toBe(true);
  });
});

describe('participants that answer at the worst moment', () => {
  const c = context();
  const cancelling = (driven: Driven) => {
    const step = stepOf(decide(driven, rollback, c), 'decide');
    return decide(driven, applied(step), c).driven;
  };

  test('an OK to a Try after the decision to cancel does not keep its branch from being cancelled (I4)', () => {
    const driven = cancelling(takeNew(transaction(), c).driven);
    const late = decide(driven, answer('a', 'try', ok), c);
    expect(late).toEqual({ kind: 'go', driven, effects: [] });
  });

  test('one OK given twice finishes nothing twice', () => {
    const from = cancelling(
      takeNew(transaction({ branches: [branch('a', 'REGISTERED'), branch('b', 'REGISTERED')] }), c).driven,
    );
    const once = decide(from, answer('a', 'cancel', ok), c);
    expect(decide(once.driven, answer('a', 'cancel', ok), c)).toEqual({ kind: 'go', driven: once.driven, effects: [] });
  });

  test('a failure after the OK of the same branch takes nothing back', () => {
    const from = cancelling(takeNew(transaction(), c).driven);
    const once = decide(from, answer('a', 'cancel', ok), c).driven;
    for (const outcome of [refused, unknown]) {
      expect(decide(once, answer('a', 'cancel', outcome), c).driven).toBe(once);
    }
  });

  test('a branch that refuses for ever does not keep the progress of its neighbours from being kept (I7)', () => {
    const from = cancelling(takeNew(transaction(), c).driven);
    const once = decide(from, answer('a', 'cancel', refused), c).driven;
    const step = stepOf(decide(once, answer('b', 'cancel', ok), c), 'postpone');
    expect(step.branches.map(({ status }) => status)).toEqual([undefined, 'CANCELLED']);
  });
});

test('a deadline that fires too early by this coordinator’s clock decides nothing (I6)', () => {
  const world = new World({ branches: [newBranch('a')] });
  world.event(world.workers[0], { kind: 'deadline' });
  world.step(world.workers[0], 'told');
  expect(world.row.state.status).toBe('TRYING');
  expect(world.calls.map(({ phase }) => phase)).toEqual(['try', 'try']);
});
