import { ok, refused, text, unavailable } from '../../support/scripted-invoker';
import { peek, settle } from '../../support/virtual-clock';

import { branchOf, codeOf, execute, House, interactive, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

describe('an interactive run', () => {
  test('hands each Try’s reply back, and confirms what it committed', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', ok('7'));
    const begun = await c.begin(interactive());
    expect(begun).toEqual(house.row());
    expect(await c.try('g', branchOf('a'), patient)).toMatchObject({
      status: 'TRYING',
      branch: { status: 'TRIED', tryReply: text('7') },
    });
    await c.try('g', branchOf('b'), patient);
    expect((await c.commit('g', 'finished', patient)).state.status).toBe('CONFIRMED');
    expect(house.invoker.log).toEqual(['try a', 'try b', 'confirm a', 'confirm b']);
    expect(house.clock.pending).toBe(0);
  });

  test('sends no Try before its branch is durable (I2), and hands no OK back before it is (I8)', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    const holds: (() => void)[] = [];
    house.journal.hooks.after = () => new Promise<void>((resolve) => holds.push(resolve));
    const running = c.try('g', branchOf('a'), patient);
    await settle();
    expect(house.row().branches).toHaveLength(1);
    expect(house.invoker.calls).toEqual([]);
    holds.shift()?.();
    await settle();
    expect(house.invoker.log).toEqual(['try a']);
    expect((await peek(running)).pending).toBe(true);
    holds.shift()?.();
    expect(await running).toMatchObject({ branch: { status: 'TRIED' } });
  });

  test('that rolls back cancels every branch, tried or not (I4)', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    await c.try('g', branchOf('a'), patient);
    await c.registerBranch('g', branchOf('b', { triedBy: 'application' }));
    const done = await c.rollback('g', 'changed my mind', 'finished', patient);
    expect(done.state).toMatchObject({
      status: 'CANCELLED',
      reason: { code: 'ROLLED_BACK', message: 'changed my mind' },
    });
    expect(house.invoker.log).toEqual(['try a', 'cancel a', 'cancel b']);
  });

  test('whose Try is refused is cancelled, and the caller is told why', async () => {
    const c = house.coordinator();
    house.invoker.script('b', 'try', refused('no stock'));
    await c.begin(interactive());
    await c.try('g', branchOf('a'), patient);
    expect(await c.try('g', branchOf('b'), patient)).toMatchObject({
      status: 'CANCELLING',
      reason: { code: 'REFUSED', branchId: 'b', message: 'no stock' },
      branch: { status: 'REFUSED', lastError: 'ABORTED: no stock' },
    });
    await settle();
    expect(house.invoker.log).toEqual(['try a', 'try b', 'cancel a', 'cancel b']);
    expect(await codeOf(c.commit('g', 'decided', patient))).toBe('WRONG_STATE');
  });

  test('repeats a Try without an answer, then cancels', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', unavailable());
    await c.begin(interactive());
    const running = c.try('g', branchOf('a'), patient);
    await house.clock.advance(1_000);
    expect(await running).toMatchObject({ reason: { code: 'UNREACHABLE' }, branch: { status: 'UNKNOWN' } });
    expect(house.invoker.count('a', 'try')).toBe(3);
    expect(await house.journal.attempts('g')).toHaveLength(3);
  });

  test('whose Try outlasts the deadline is TIMED_OUT', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', 'hang');
    await c.begin(interactive({ timeoutMs: 1_000 }));
    const running = c.try('g', branchOf('a'), patient);
    await house.clock.advance(1_000);
    expect(await running).toMatchObject({ status: 'CANCELLING', reason: { code: 'TIMED_OUT' } });
  });

  test('without a branch can be committed', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    expect((await c.commit('g', 'finished', patient)).state.status).toBe('CONFIRMED');
  });

  test('that nobody ends is cancelled by the scanner at its deadline (I6)', async () => {
    const c = house.coordinator();
    house.recovery(c);
    await c.begin(interactive({ timeoutMs: 20_000 }));
    await c.try('g', branchOf('a'), patient);
    await house.clock.advance(19_999);
    expect(house.status()).toBe('TRYING');
    await house.clock.advance(502);
    expect(house.row().state).toMatchObject({ status: 'CANCELLED', reason: { code: 'TIMED_OUT' } });
    expect(await codeOf(c.commit('g', 'decided', patient))).toBe('WRONG_STATE');
    expect(await house.close(c)).toBe(0);
  });
});

describe('commit', () => {
  test('after the deadline is refused, and cancels (I6)', async () => {
    const c = house.coordinator();
    await c.begin(interactive({ timeoutMs: 1_000 }));
    await house.clock.advance(1_000);
    await expect(c.commit('g', 'decided', patient)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      metadata: { cancelCode: 'TIMED_OUT' },
    });
    expect(house.row().state).toMatchObject({ reason: { code: 'TIMED_OUT' } });
  });

  test('with an untried branch is refused, decides nothing and holds nothing (I3)', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    await c.registerBranch('g', branchOf('a'));
    await expect(c.commit('g', 'decided', patient)).rejects.toMatchObject({
      code: 'BRANCH_NOT_TRIED',
      metadata: { branchId: 'a', branchStatus: 'REGISTERED' },
    });
    expect(house.status()).toBe('TRYING');
    expect(c.inHand).toBe(0);
    await c.try('g', branchOf('a'), patient);
    expect((await c.commit('g', 'finished', patient)).state.status).toBe('CONFIRMED');
  });

  test('of an Execute is refused', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', 'hang');
    void c.execute(execute(), 'finished', patient);
    await settle();
    expect(await codeOf(c.commit('g', 'decided', patient))).toBe('WRONG_STATE');
  });

  test('of nothing says so', async () => {
    const c = house.coordinator();
    expect(await codeOf(c.commit('none', 'decided', patient))).toBe('TRANSACTION_NOT_FOUND');
    expect(await codeOf(c.rollback('none', '', 'decided', patient))).toBe('TRANSACTION_NOT_FOUND');
    expect(await codeOf(c.try('none', branchOf('a'), patient))).toBe('TRANSACTION_NOT_FOUND');
    expect(await codeOf(c.get('none'))).toBe('TRANSACTION_NOT_FOUND');
  });

  test.each(['commit', 'rollback'] as const)('%s may be repeated for ever, and holds nothing', async (how) => {
    const c = house.coordinator();
    house.recovery(c);
    house.invoker.script('a', 'confirm', unavailable()).script('a', 'cancel', unavailable());
    await c.begin(interactive());
    await c.registerBranch('g', branchOf('a', { triedBy: 'application' }));
    const again = () =>
      how === 'commit' ? c.commit('g', 'decided', patient) : c.rollback('g', '', 'decided', patient);
    await again();
    await house.clock.advance(5_000);
    const held = c.inHand;
    expect((await again()).state).toEqual(house.row().state);
    expect(c.inHand).toBe(held);
    // Nothing that the repetition left behind keeps the scanner from finishing it (I7, I11).
    house.invoker.script('a', 'confirm', ok()).script('a', 'cancel', ok());
    await house.over('g', 60_000);
    expect((await again()).state).toEqual(house.row().state);
    expect(await house.close(c)).toBe(0);
  });
});

describe('branches', () => {
  test('a repeated Try answers what was answered, without another call', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', ok('7'));
    await c.begin(interactive());
    const first = await c.try('g', branchOf('a'), patient);
    expect(await c.try('g', branchOf('a'), patient)).toEqual(first);
    expect(house.invoker.count('a', 'try')).toBe(1);
  });

  test('a branch_id with other content is refused', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    await c.try('g', branchOf('a'), patient);
    expect(await codeOf(c.try('g', branchOf('a', { action: 'other' }), patient))).toBe('BRANCH_ID_TAKEN');
    expect(await codeOf(c.registerBranch('g', branchOf('a', { triedBy: 'application' })))).toBe('BRANCH_ID_TAKEN');
  });

  test('a Try after the decision is refused, and not sent (I5)', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    await c.rollback('g', '', 'finished', patient);
    await expect(c.try('g', branchOf('a'), patient)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      metadata: { status: 'CANCELLED' },
    });
    expect(house.invoker.calls).toEqual([]);
  });

  test('a branch after the deadline is refused (I5)', async () => {
    const c = house.coordinator();
    await c.begin(interactive({ timeoutMs: 1_000 }));
    await house.clock.advance(1_000);
    expect(await codeOf(c.registerBranch('g', branchOf('a')))).toBe('WRONG_STATE');
  });

  test('one branch too many is refused', async () => {
    const c = house.coordinator('c1', { maxBranches: 2 });
    await c.begin(interactive());
    await c.registerBranch('g', branchOf('a'));
    await c.registerBranch('g', branchOf('b'));
    expect(await codeOf(c.registerBranch('g', branchOf('c')))).toBe('TOO_MANY_BRANCHES');
  });

  test('a branch of an Execute comes with it', async () => {
    const c = house.coordinator();
    house.invoker.script('a', 'try', 'hang');
    void c.execute(execute(), 'finished', patient);
    await settle();
    expect(await codeOf(c.registerBranch('g', branchOf('z')))).toBe('WRONG_STATE');
  });

  test('an unknown participant is refused before anything is journalled', async () => {
    const c = house.coordinator();
    await c.begin(interactive());
    expect(await codeOf(c.try('g', branchOf('z', { participant: 'unknown' }), patient))).toBe('UNKNOWN_PARTICIPANT');
    expect(house.row().branches).toEqual([]);
  });

  test('an answer that comes after a rollback does not undo it', async () => {
    const c = house.coordinator();
    let answer: (outcome: ReturnType<typeof ok>) => void = () => undefined;
    house.invoker.script('a', 'try', () => new Promise((resolve) => (answer = resolve)));
    await c.begin(interactive());
    const running = c.try('g', branchOf('a'), patient);
    await settle();
    await c.rollback('g', '', 'finished', patient);
    answer(ok());
    expect(await running).toMatchObject({ status: 'CANCELLED', branch: { status: 'CANCELLED' } });
  });
});

test('a repeated begin gives the same transaction, with other content GID_TAKEN', async () => {
  const c = house.coordinator();
  const first = await c.begin(interactive());
  expect(await c.begin(interactive({ timeoutMs: 1 }))).toEqual(first);
  expect(await codeOf(c.begin(interactive({ name: 'other' })))).toBe('GID_TAKEN');
});
