import type { Step } from '../../../src/engine/step';
import { away, type JournalCall } from '../../support/memory-journal';
import { ok, unavailable } from '../../support/scripted-invoker';
import { settle } from '../../support/virtual-clock';

import { branchOf, codeOf, execute, House, interactive, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

/** Puts trouble at the first step of one kind, and none after that. */
function once(where: 'before' | 'after', kind: Step['kind'], trouble: () => unknown): void {
  let done = false;
  house.journal.hooks[where] = ({ steps: [step] }: JournalCall) => {
    if (done || step?.kind !== kind) return undefined;
    done = true;
    return trouble();
  };
}

const throwAway = () => {
  throw away();
};

describe.each(['decide', 'finish', 'postpone'] as const)('a journal that is away at the %s of an Execute', (kind) => {
  const sick = kind === 'postpone';

  test.each(['before', 'after'] as const)(
    'fails the caller, and recovery finishes the transaction (trouble %s it is done)',
    async (where) => {
      const coordinator = house.coordinator();
      house.recovery(coordinator);
      if (sick) house.invoker.script('a', 'confirm', unavailable(), unavailable(), unavailable(), ok());
      once(where, kind, throwAway);
      const code = codeOf(coordinator.execute(execute(), 'finished', patient));
      await house.clock.advance(1_000);
      expect(await code).toBe('JOURNAL_UNAVAILABLE');
      expect(coordinator.inHand).toBe(0);
      await house.over('g', 20_000);
      expect(house.status()).toBe('CONFIRMED');
      expect(await house.close(coordinator)).toBe(0);
    },
  );

  test('is resolved by reading back when it cannot say whether it was done (I9)', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    if (sick) house.invoker.script('a', 'confirm', unavailable(), unavailable(), unavailable(), ok());
    once('after', kind, () => 'read back');
    const running = coordinator.execute(execute(), 'finished', patient);
    await house.over('g', 20_000);
    await house.clock.advance(1_000);
    expect((await running).state.status).toBe('CONFIRMED');
    expect(await house.close(coordinator)).toBe(0);
  });
});

describe('a begin about which nobody knows', () => {
  test('fails the caller, whose repetition resumes what was begun', async () => {
    const coordinator = house.coordinator();
    once('after', 'begin', throwAway);
    expect(await codeOf(coordinator.execute(execute(), 'finished', patient))).toBe('JOURNAL_UNAVAILABLE');
    expect(house.status()).toBe('TRYING');
    expect((await coordinator.execute(execute(), 'finished', patient)).state.status).toBe('CONFIRMED');
  });

  test('and whose caller is gone is carried on by recovery when its lease is over (I11)', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    once('after', 'begin', throwAway);
    await codeOf(coordinator.execute(execute(), 'finished', patient));
    await house.over('g', 5_500);
    expect(house.status()).toBe('CONFIRMED');
    expect(await house.close(coordinator)).toBe(0);
  });

  test('that reads back as standing is resumed at once (I9)', async () => {
    once('after', 'begin', () => 'read back');
    const done = await house.coordinator().execute(execute(), 'finished', patient);
    expect(done.state.status).toBe('CONFIRMED');
    // Claimed, since nobody can say who else may be at work on it.
    expect(house.row().epoch).toBe(1);
  });
});

describe('an interactive step about which nobody knows', () => {
  test.each(['register', 'answer'] as const)('a Try whose %s is lost may be repeated', async (kind) => {
    const coordinator = house.coordinator();
    await coordinator.begin(interactive());
    once('after', kind, throwAway);
    expect(await codeOf(coordinator.try('g', branchOf('a'), patient))).toBe('JOURNAL_UNAVAILABLE');
    expect(await coordinator.try('g', branchOf('a'), patient)).toMatchObject({ branch: { status: 'TRIED' } });
  });

  test.each(['register', 'answer'] as const)('a Try whose %s reads back as standing is answered', async (kind) => {
    const coordinator = house.coordinator();
    await coordinator.begin(interactive());
    once('after', kind, () => 'read back');
    expect(await coordinator.try('g', branchOf('a'), patient)).toMatchObject({
      branch: { status: 'TRIED' },
      status: 'TRYING',
    });
  });

  test.each(['commit', 'rollback'] as const)('a %s that is lost may be repeated', async (how) => {
    const coordinator = house.coordinator();
    await coordinator.begin(interactive());
    const decide = () =>
      how === 'commit'
        ? coordinator.commit('g', 'finished', patient)
        : coordinator.rollback('g', '', 'finished', patient);
    once('after', 'decide', throwAway);
    expect(await codeOf(decide())).toBe('JOURNAL_UNAVAILABLE');
    const decided = house.row().state;
    house.recovery(coordinator);
    const again = decide();
    await house.over('g', 10_000);
    await house.clock.advance(1_000);
    expect((await again).state.status).toBe(how === 'commit' ? 'CONFIRMED' : 'CANCELLED');
    expect(house.row().state).toMatchObject({ decidedAt: 'decidedAt' in decided ? decided.decidedAt : 0 });
    expect(await house.close(coordinator)).toBe(0);
  });

  test.each(['commit', 'rollback'] as const)('a %s that reads back as standing is done', async (how) => {
    const coordinator = house.coordinator();
    await coordinator.begin(interactive());
    await coordinator.registerBranch('g', branchOf('a', { triedBy: 'application' }));
    once('after', 'decide', () => 'read back');
    const done =
      how === 'commit'
        ? await coordinator.commit('g', 'finished', patient)
        : await coordinator.rollback('g', '', 'finished', patient);
    expect(done.state.status).toBe(how === 'commit' ? 'CONFIRMED' : 'CANCELLED');
  });
});

test('a step that is rejected as a bug is logged, and lets go', async () => {
  const coordinator = house.coordinator();
  once('before', 'decide', () => {
    throw new Error('no such column');
  });
  expect(await codeOf(coordinator.execute(execute(), 'finished', patient))).toBe('BROKEN_INVARIANT');
  expect(house.log).toContain('error a step was rejected by the journal');
  expect(coordinator.inHand).toBe(0);
});

test('a long outage promises nothing and loses nothing: everything is over soon after it', async () => {
  const coordinator = house.coordinator();
  house.recovery(coordinator);
  const codes: Promise<string>[] = [];
  for (let i = 0; i < 20; i += 1)
    codes.push(codeOf(coordinator.execute(execute({ gid: `g${i}` }), 'finished', patient)));
  let calls = 0;
  house.journal.hooks.before = () => {
    if ((calls += 1) > 30) throw away();
  };
  await settle();
  await house.clock.advance(600_000);
  expect(new Set(await Promise.all(codes))).toEqual(new Set(['JOURNAL_UNAVAILABLE']));
  expect(coordinator.inHand).toBe(0);
  // One line for each loop, not one per attempt.
  expect(house.log.length).toBeLessThanOrEqual(3);
  house.journal.hooks.before = undefined;
  await house.clock.advance(11_000);
  const open = house.journal.all().filter(({ state }) => !['CONFIRMED', 'CANCELLED'].includes(state.status));
  expect(open).toEqual([]);
  expect(await house.close(coordinator)).toBe(0);
});
