import { ok, refused, unavailable, unimplemented } from '../../support/scripted-invoker';
import { settle } from '../../support/virtual-clock';

import { execute, House, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

const one = () => execute({ branches: execute().branches.slice(0, 1) });

describe('a participant that is down in Confirm', () => {
  test('is called again in place; still down, the transaction is put off and recovery confirms it (I7)', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    house.invoker.script('b', 'confirm', ...Array.from({ length: 7 }, unavailable), ok());
    const running = coordinator.execute(execute(), 'finished', patient);
    await house.clock.advance(400);
    expect(house.invoker.count('b', 'confirm')).toBe(3);
    expect(house.row()).toMatchObject({
      state: { status: 'CONFIRMING', parked: false },
      rounds: 1,
      branches: [
        { status: 'CONFIRMED' },
        { status: 'TRIED', attempts: 3, lastError: 'UNAVAILABLE: connection refused' },
      ],
    });
    expect(coordinator.inHand).toBe(0);
    await house.over();
    expect(house.status()).toBe('CONFIRMED');
    // The branch that had acknowledged is left alone.
    expect(house.invoker.count('a', 'confirm')).toBe(1);
    expect(house.invoker.count('b', 'confirm')).toBe(8);
    await house.clock.advance(1_000);
    expect((await running).state.status).toBe('CONFIRMED');
    expect(await house.close(coordinator)).toBe(0);
  });

  test('costs less and less: the pauses between rounds grow to their cap', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    house.invoker.script('a', 'confirm', unavailable());
    await coordinator.execute(one(), 'decided', patient);
    await house.clock.advance(3_600_000);
    expect(house.status()).toBe('CONFIRMING');
    // About one round a minute once the pauses have reached 60 s.
    expect(house.row().rounds).toBeGreaterThan(55);
    expect(house.row().rounds).toBeLessThan(75);
    house.invoker.script('a', 'confirm', ok());
    // I11: lease, scan period and the largest backoff.
    await house.over('g', 60_000 + 5_000 + 500 + 1_000);
    expect(house.log.filter((line) => line === 'warn a transaction needs attention')).toHaveLength(1);
    expect(await house.close(coordinator)).toBe(0);
  });

  test('and hangs: every call ends with its own time, and the transaction goes on', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    house.invoker.script('a', 'confirm', 'hang', 'hang', ok());
    await coordinator.execute(one(), 'decided', patient);
    await house.over();
    expect(house.invoker.calls.filter(({ phase }) => phase === 'confirm').map(({ timeoutMs }) => timeoutMs)).toEqual([
      3_000, 3_000, 3_000,
    ]);
    expect(await house.close(coordinator)).toBe(0);
  });

  test('is held by its coordinator’s renewed lease while its calls are out', async () => {
    const coordinator = house.coordinator();
    const other = house.coordinator('c2');
    house.recovery(coordinator);
    house.recovery(other, 'c2');
    house.directory.policy = { callTimeoutMs: 60_000, tryAttempts: 3 };
    house.invoker.script('a', 'confirm', 'hang', ok());
    await coordinator.execute(one(), 'decided', patient);
    await house.clock.advance(59_000);
    expect(house.row()).toMatchObject({ worker: 'c1', epoch: 0 });
    expect(house.invoker.count('a', 'confirm')).toBe(1);
    await house.over();
    expect(await house.close(coordinator, other)).toBe(0);
  });
});

describe('a participant that refuses its Confirm', () => {
  test('is called at the slow end, parked after the limit, and confirmed after an operator’s retry', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    house.invoker.script('a', 'confirm', refused('the books are closed'));
    await coordinator.execute(one(), 'decided', patient);
    await settle();
    expect(house.row()).toMatchObject({ rounds: 1, branches: [{ refusals: 1 }] });
    expect((house.row().dueAt ?? 0) - house.clock.wallMs()).toBe(60_000);
    await house.clock.advance(125_000);
    expect(house.row()).toMatchObject({
      state: { status: 'CONFIRMING', parked: true },
      dueAt: undefined,
      branches: [{ refusals: 3, attempts: 3, lastError: 'ABORTED: the books are closed' }],
    });
    expect(house.log).toEqual(['warn a transaction was parked']);
    await house.clock.advance(3_600_000);
    expect(house.invoker.count('a', 'confirm')).toBe(3);

    house.invoker.script('a', 'confirm', ok());
    expect((await coordinator.retry('g')).state).toMatchObject({ status: 'CONFIRMING', parked: false });
    await house.over('g', 1_000);
    expect(house.status()).toBe('CONFIRMED');
    expect(await house.close(coordinator)).toBe(0);
  });

  test('and is only away when the operator retries is not parked again', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    house.invoker.script(
      'a',
      'confirm',
      refused(),
      refused(),
      refused(),
      unavailable(),
      unavailable(),
      unavailable(),
      ok(),
    );
    await coordinator.execute(one(), 'decided', patient);
    await house.clock.advance(125_000);
    expect(house.row().state).toMatchObject({ parked: true });
    await coordinator.retry('g');
    await house.over('g', 20_000);
    expect(house.status()).toBe('CONFIRMED');
    expect(await house.close(coordinator)).toBe(0);
  });

  test('can be parked in Cancel as well, and no retry flips the decision (I1)', async () => {
    const coordinator = house.coordinator();
    house.recovery(coordinator);
    house.invoker.script('a', 'try', refused()).script('a', 'cancel', refused('no'));
    await coordinator.execute(one(), 'decided', patient);
    await house.clock.advance(200_000);
    expect(house.row().state).toMatchObject({ status: 'CANCELLING', parked: true });
    await coordinator.retry('g');
    await house.clock.advance(1_000);
    expect(house.row().state).toMatchObject({ status: 'CANCELLING', parked: true, reason: { code: 'REFUSED' } });
    expect(await house.close(coordinator)).toBe(0);
  });
});

test('a cancelled Execute whose Cancel cannot be delivered answers after the first round, and the Cancels go on (I7)', async () => {
  const coordinator = house.coordinator();
  house.recovery(coordinator);
  house.invoker.script('a', 'try', refused());
  house.invoker.script('a', 'cancel', ...Array.from({ length: 20 }, unavailable), ok());
  const running = coordinator.execute(one(), 'finished', patient);
  await house.clock.advance(1_000);
  expect((await running).state).toMatchObject({ status: 'CANCELLING', reason: { code: 'REFUSED', branchId: 'a' } });
  await house.over();
  expect(house.status()).toBe('CANCELLED');
  expect(await house.close(coordinator)).toBe(0);
});

test('a Confirm that cannot work is said out loud at once, and called at the slow end', async () => {
  const coordinator = house.coordinator();
  house.invoker.script('a', 'confirm', unimplemented());
  await coordinator.execute(one(), 'decided', patient);
  await settle();
  expect(house.log).toEqual(['error a call cannot work until somebody changes the set-up']);
  expect((house.row().dueAt ?? 0) - house.clock.wallMs()).toBe(60_000);
  expect(house.invoker.count('a', 'confirm')).toBe(1);
});

test('one sick participant starves no transaction of the others (I11)', async () => {
  const coordinator = house.coordinator();
  house.recovery(coordinator);
  house.invoker.script('a', 'confirm', unavailable());
  for (let i = 0; i < 50; i += 1) {
    const { branches } = execute();
    await coordinator.execute(execute({ gid: `sick-${i}`, branches: branches.slice(0, 1) }), 'accepted', patient);
  }
  await house.clock.advance(10_000);
  const healthy = execute({ gid: 'healthy', branches: execute().branches.slice(1) });
  expect((await coordinator.execute(healthy, 'finished', patient)).state.status).toBe('CONFIRMED');
  expect(await house.close(coordinator)).toBe(0);
});

test('retry says what it cannot do', async () => {
  const coordinator = house.coordinator();
  await expect(coordinator.retry('none')).rejects.toMatchObject({ code: 'TRANSACTION_NOT_FOUND' });
  await coordinator.execute(execute(), 'finished', patient);
  await expect(coordinator.retry('g')).rejects.toMatchObject({
    code: 'WRONG_STATE',
    metadata: { status: 'CONFIRMED' },
  });
});
