import fc from 'fast-check';

import type { Command } from '../../../src/engine/driven';
import type { NewTransaction } from '../../../src/engine/model';
import type { Outcome } from '../../../src/engine/outcome';

import { never, newBranch, ok, reason, refused, unknown } from './builders';
import { World, type Fate } from './world';

/** Something that may happen, and what to call it when it is part of a counterexample. */
interface Move {
  readonly play: (world: World) => void;
  readonly toString: () => string;
}

const move = (name: string, play: (world: World) => void): Move => ({ play, toString: () => name });
const pick = fc.nat(5);

const commands: Record<string, Command> = {
  commit: { kind: 'commit' },
  rollback: { kind: 'cancel', reason, failed: undefined },
};
const command = fc.constantFrom('commit', 'rollback');
const outcomes: Record<string, Outcome> = { ok, refused, unknown, never };
const outcome = fc.oneof({ weight: 4, arbitrary: fc.constant('ok') }, fc.constantFrom('refused', 'unknown', 'never'));
const fate = fc.oneof<fc.MaybeWeightedArbitrary<Fate>[]>(
  { weight: 5, arbitrary: fc.constant('told') },
  fc.constantFrom('read back', 'reply lost', 'not done'),
);
const workerOf = (world: World, index: number) => world.workers[index % Math.max(1, world.workers.length)];
const commandOf = (name: string): Command => commands[name] ?? { kind: 'commit' };

/** What keeps a transaction going, most of it well enough that both ends are reached. */
const progress = [
  fc.tuple(pick, fate).map(([w, how]) => move(`step of ${w}: ${how}`, (world) => world.step(workerOf(world, w), how))),
  fc
    .tuple(pick, outcome)
    .map(([n, what]) =>
      move(`answer ${n}: ${what}`, (world) => world.answer(n % Math.max(1, world.calls.length), outcomes[what] ?? ok)),
    ),
];
const trouble = [
  fc.constant(move('claim', (world) => world.claim())),
  pick.map((w) => move(`${w} dies`, (world) => world.die(workerOf(world, w)))),
  pick.map((w) => move(`deadline of ${w}`, (world) => world.event(workerOf(world, w), { kind: 'deadline' }))),
  fc.constantFrom(100, 5_000, 30_000).map((ms) => move(`${ms} ms pass`, (world) => void (world.now += ms))),
  command.map((name) => move(`ask ${name}`, (world) => world.ask(commandOf(name)))),
  fc
    .tuple(pick, command)
    .map(([w, name]) => move(`${name} at ${w}`, (world) => world.event(workerOf(world, w), commandOf(name)))),
  fc.constant(move('operator retries', (world) => world.apply({ kind: 'retry', gid: 'g' }))),
];
const common = [...progress, ...progress, ...progress, ...progress, ...trouble];

const interactively = [
  fc
    .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('coordinator' as const, 'application' as const))
    .map(([id, triedBy]) => move(`register ${id} (${triedBy})`, (world) => world.register(newBranch(id, { triedBy })))),
  fc.constantFrom('a', 'b', 'c').map((id) =>
    move(`try ${id}`, (world) => {
      if (world.row.branches.some(({ branchId }) => branchId === id)) world.tryInteractively(id);
    }),
  ),
];

/** Plays the moves; whatever happened, the transaction then comes to its end once faults stop (I7, I11). */
function holds(shape: Partial<NewTransaction>, moves: readonly Move[]): void {
  const world = new World(shape);
  for (const each of moves) each.play(world);
  if (!world.comesToAnEnd()) throw new Error(`I11: still ${world.row.state.status} when faults had stopped`);
}

// Enough to find, in every run, an engine that forgets the epoch, the branch count or that a Try may have been sent.
const runs = { numRuns: 3_000 };

describe('I1-I7 hold whatever happens, with any number of coordinators at work on one transaction', () => {
  const branches = [newBranch('a'), newBranch('b'), newBranch('c')];

  test('for a parallel Execute', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...common), { maxLength: 60, size: 'max' }), (moves) => holds({ branches }, moves)),
      runs,
    );
  });

  test('for a sequential Execute, whose unsent branches a cancel may skip', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...common), { maxLength: 60, size: 'max' }), (moves) =>
        holds({ branches, tryOrder: 'sequential' }, moves),
      ),
      runs,
    );
  });

  test('for an interactive transaction', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(...common, ...interactively, ...interactively), { maxLength: 60, size: 'max' }),
        (moves) => holds({ mode: 'interactive', branches: [] }, moves),
      ),
      runs,
    );
  });
});

describe('the moves reach what they are meant to reach', () => {
  test.each([
    ['execute', { branches: [newBranch('a'), newBranch('b')], tryOrder: 'sequential' as const }, common],
    ['interactive', { mode: 'interactive' as const, branches: [] }, [...common, ...interactively, ...interactively]],
  ])('both decisions of an %s transaction', (_, shape, moves) => {
    const ends = new Set<string>();
    for (const played of fc.sample(fc.array(fc.oneof(...moves), { maxLength: 60, size: 'max' }), {
      numRuns: 500,
      seed: 1,
    })) {
      const world = new World(shape);
      for (const each of played) each.play(world);
      ends.add(world.row.state.status);
    }
    expect([...ends].sort()).toEqual(['CANCELLED', 'CANCELLING', 'CONFIRMED', 'CONFIRMING', 'TRYING']);
  });
});
