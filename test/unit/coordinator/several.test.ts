/** Several coordinators on one database. */
import { ok, refused } from '../../support/scripted-invoker';
import { peek, settle } from '../../support/virtual-clock';

import { branchOf, codeOf, execute, House, interactive, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

describe('a repeated Execute', () => {
  test('on the same coordinator waits for the one that runs', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', 'hang', ok());
    const both = [1, 2].map(() => c.execute(execute(), 'finished', patient));
    await house.clock.advance(5_000);
    expect((await Promise.all(both)).map(({ state }) => state.status)).toEqual(['CONFIRMED', 'CONFIRMED']);
    expect(house.row().epoch).toBe(0);
    expect(house.invoker.count('b', 'try')).toBe(1);
  });

  test('after the end gives the outcome again, without a call', async () => {
    const c = house.coordinator();
    await c.execute(execute(), 'finished', patient);
    const calls = house.invoker.calls.length;
    expect((await house.coordinator('c2').execute(execute(), 'finished', patient)).state.status).toBe('CONFIRMED');
    expect(house.invoker.calls).toHaveLength(calls);
  });

  test('with other content is GID_TAKEN', async () => {
    const c = house.coordinator();
    await c.execute(execute(), 'finished', patient);
    expect(await codeOf(c.execute(execute({ name: 'other' }), 'finished', patient))).toBe('GID_TAKEN');
    expect(await codeOf(c.begin(interactive()))).toBe('GID_TAKEN');
  });

  test('on another coordinator takes over from one that died half-way, at once', async () => {
    house.invoker.script('a', 'try', () => new Promise(() => undefined), ok());
    void house.coordinator('dead').execute(execute(), 'finished', patient);
    await settle();
    const done = await house.coordinator('c2').execute(execute(), 'finished', patient);
    expect(done.state.status).toBe('CONFIRMED');
    expect(house.row()).toMatchObject({ epoch: 1, worker: 'c2' });
    expect(house.invoker.log).toEqual(['try a', 'try b', 'try a', 'try b', 'confirm a', 'confirm b']);
  });

  test('on another coordinator while the first is alive ends in one outcome, told to both callers', async () => {
    house.invoker.script('a', 'try', 'hang', ok(), ok());
    const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
    const first = c1.execute(execute(), 'finished', patient);
    await settle();
    const second = c2.execute(execute(), 'finished', patient);
    await house.clock.advance(10_000);
    expect((await first).state).toEqual((await second).state);
    expect([c1.inHand, c2.inHand]).toEqual([0, 0]);
    expect(await house.close(c1, c2)).toBe(0);
  });
});

describe('a coordinator that dies', () => {
  test.each(['TRYING', 'CONFIRMING', 'CANCELLING'] as const)(
    'while its transaction is %s is followed by another after its lease (I11)',
    async (status) => {
      const silent = () => new Promise<never>(() => undefined);
      if (status === 'TRYING') house.invoker.script('a', 'try', silent, ok());
      if (status === 'CONFIRMING') house.invoker.script('a', 'confirm', silent, ok());
      if (status === 'CANCELLING') house.invoker.script('b', 'try', refused()).script('a', 'cancel', silent, ok());
      const survivor = house.coordinator('c2');
      house.recovery(survivor, 'c2');
      void house.coordinator('dead').execute(execute(), 'finished', patient);
      await settle();
      expect(house.status()).toBe(status);
      await house.clock.advance(4_900);
      expect(house.status()).toBe(status);
      await house.clock.advance(700);
      expect(house.status()).toBe(status === 'CANCELLING' ? 'CANCELLED' : 'CONFIRMED');
    },
  );
});

describe('one decision for all (I1, I6)', () => {
  test('commit here and rollback there: one wins, the other hears how it stands', async () => {
    for (const order of [0, 1]) {
      house = new House();
      const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
      await c1.begin(interactive());
      await c1.try('g', branchOf('a'), patient);
      const commit = () => codeOf(c1.commit('g', 'finished', patient));
      const rollback = () => codeOf(c2.rollback('g', '', 'finished', patient));
      const codes = order === 0 ? [commit(), rollback()] : [rollback(), commit()];
      await house.clock.advance(1_000);
      expect((await Promise.all(codes)).sort()).toEqual(['OK', 'WRONG_STATE']);
      expect(['CONFIRMED', 'CANCELLED']).toContain(house.status());
      expect(house.steps.filter((step) => step === 'decide applied')).toHaveLength(1);
      expect(await house.close(c1, c2)).toBe(0);
    }
  });

  test('commit here and the timeout there, at every order of their arrival: one wins', async () => {
    for (const early of [true, false]) {
      house = new House();
      const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
      await c1.begin(interactive({ timeoutMs: 1_000 }));
      await c1.try('g', branchOf('a'), patient);
      await house.clock.advance(999);
      // The commit is asked for in time, and reaches the database in time or not.
      house.journal.hooks.before = ({ steps: [step] }) =>
        early || step?.kind !== 'decide'
          ? undefined
          : new Promise<void>((resolve) => house.clock.startTimer(1, resolve));
      const code = codeOf(c1.commit('g', 'finished', patient));
      house.recovery(c2, 'c2');
      await house.clock.advance(2_000);
      expect(await code).toBe(early ? 'OK' : 'WRONG_STATE');
      expect(house.status()).toBe(early ? 'CONFIRMED' : 'CANCELLED');
      expect(house.steps.filter((step) => step === 'decide applied')).toHaveLength(1);
      expect(await house.close(c1, c2)).toBe(0);
    }
  });

  test('many commits at once are one decision and one success for each', async () => {
    const coordinators = ['c1', 'c2', 'c3'].map((worker) => house.coordinator(worker));
    await coordinators[0]?.begin(interactive());
    await coordinators[1]?.try('g', branchOf('a'), patient);
    const all = coordinators.flatMap((c) => [1, 2].map(() => codeOf(c.commit('g', 'finished', patient))));
    await house.clock.advance(1_000);
    expect(new Set(await Promise.all(all))).toEqual(new Set(['OK']));
    expect(await house.close(...coordinators)).toBe(0);
  });

  test('a commit that comes while its transaction is only being put off is not lost', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    await c.try('g', branchOf('a'), patient);
    let release: () => void = () => undefined;
    house.journal.hooks.before = ({ steps: [step] }) =>
      step?.kind === 'postpone' ? new Promise<void>((resolve) => (release = resolve)) : undefined;
    void c.resume(await house.journal.claim(['g'], { worker: 'c1', leaseMs: 5_000 }, 'held'));
    await settle();
    const committing = c.commit('g', 'finished', patient);
    await settle();
    release();
    expect((await committing).state.status).toBe('CONFIRMED');
  });

  test('a rollback behind a commit that is refused is not lost', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    await c.try('g', branchOf('a'), patient);
    // The commit is on its way when a branch slips in: it loses, is decided again, and is refused.
    let release: () => void = () => undefined;
    house.journal.hooks.before = ({ steps: [step] }) =>
      step?.kind === 'decide' ? new Promise<void>((resolve) => (release = resolve)) : undefined;
    const committing = codeOf(c.commit('g', 'finished', patient));
    await settle();
    const rolling = c.rollback('g', '', 'finished', patient);
    await c.registerBranch('g', branchOf('b'));
    house.journal.hooks.before = undefined;
    release();
    expect(await committing).toBe('BRANCH_NOT_TRIED');
    expect((await rolling).state.status).toBe('CANCELLED');
    expect(c.inHand).toBe(0);
  });

  test('a rollback of an Execute that another one drives cancels every branch (I4)', async () => {
    house.invoker.script('a', 'try', 'hang');
    const [c1, c2] = [house.coordinator('c1'), house.coordinator('c2')];
    const running = c1.execute(execute({ tryOrder: 'sequential' }), 'finished', patient);
    await settle();
    expect((await c2.rollback('g', 'stop', 'finished', patient)).state.status).toBe('CANCELLED');
    expect(house.invoker.log).toEqual(['try a', 'cancel a', 'cancel b']);
    await house.clock.advance(10_000);
    expect((await running).state).toMatchObject({ reason: { code: 'ROLLED_BACK' } });
    expect(await house.close(c1, c2)).toBe(0);
  });

  test('a rollback of an Execute in hand stops its Try phase', async () => {
    house.invoker.script('a', 'try', 'hang');
    const c = house.coordinator();
    const running = c.execute(execute(), 'finished', patient);
    await settle();
    expect((await peek(running)).pending).toBe(true);
    await c.rollback('g', 'stop', 'finished', patient);
    expect((await running).state).toMatchObject({ status: 'CANCELLED', reason: { message: 'stop' } });
  });
});
