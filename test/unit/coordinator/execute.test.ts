import type { Wait } from '../../../src/coordinator/api';
import { away } from '../../support/memory-journal';
import { ok, refused, text, unavailable, unimplemented } from '../../support/scripted-invoker';
import { peek, settle } from '../../support/virtual-clock';

import { branchOf, codeOf, execute, House, patient } from './house';

let house: House;
beforeEach(() => {
  house = new House();
});

describe('an Execute', () => {
  test('whose Try calls all go well is confirmed, in three steps', async () => {
    house.invoker.script('a', 'try', ok('7'));
    const done = await house.coordinator().execute(execute(), 'finished', patient);
    expect(done).toMatchObject({ state: { status: 'CONFIRMED' }, branches: [{ tryReply: text('7') }, {}] });
    expect(house.invoker.log).toEqual(['try a', 'try b', 'confirm a', 'confirm b']);
    expect(house.steps).toEqual(['begin applied', 'decide applied', 'finish applied']);
    // What the caller was told is what the row says, but for the replies, which only this coordinator knows.
    const { branches, ...told } = done;
    expect(house.row()).toMatchObject({ ...told });
    expect(branches.map(({ status }) => status)).toEqual(house.row().branches.map(({ status }) => status));
    expect(house.clock.pending).toBe(0);
  });

  test.each<[Wait, string]>([
    ['accepted', 'TRYING'],
    ['decided', 'CONFIRMING'],
    ['finished', 'CONFIRMED'],
  ])('comes back when it is %s', async (wait, status) => {
    const transaction = await house.coordinator().execute(execute(), wait, patient);
    expect(transaction.state.status).toBe(status);
    await settle();
    expect(house.status()).toBe('CONFIRMED');
  });

  test('without branches is confirmed', async () => {
    const done = await house.coordinator().execute(execute({ branches: [] }), 'finished', patient);
    expect(done.state.status).toBe('CONFIRMED');
    expect(house.invoker.calls).toEqual([]);
  });

  test('with a refused Try cancels every branch, and that is no error', async () => {
    house.invoker.script('b', 'try', refused('no stock'));
    const done = await house.coordinator().execute(execute(), 'finished', patient);
    expect(done.state).toMatchObject({
      status: 'CANCELLED',
      reason: { code: 'REFUSED', branchId: 'b', message: 'no stock' },
    });
    expect(house.invoker.log).toEqual(['try a', 'try b', 'cancel a', 'cancel b']);
  });

  test('in sequence does not touch the branches after a refusal', async () => {
    house.invoker.script('a', 'try', refused());
    await house.coordinator().execute(execute({ tryOrder: 'sequential' }), 'finished', patient);
    expect(house.invoker.log).toEqual(['try a', 'cancel a']);
    expect(house.row().branches.map(({ status }) => status)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  test('with a Try that never answers calls it three times and cancels as UNREACHABLE', async () => {
    house.invoker.script('a', 'try', unavailable());
    const running = house.coordinator().execute(execute(), 'finished', patient);
    await house.clock.advance(10_000);
    expect((await running).state).toMatchObject({
      status: 'CANCELLED',
      reason: { code: 'UNREACHABLE', branchId: 'a' },
    });
    expect(house.invoker.log).toEqual(['try a', 'try b', 'try a', 'try a', 'cancel a', 'cancel b']);
    expect(await house.journal.attempts('g')).toMatchObject([{ attempt: 1 }, { attempt: 2 }, { attempt: 3 }]);
  });

  test('with a Try that will never work cancels at once', async () => {
    house.invoker.script('a', 'try', unimplemented());
    const done = await house.coordinator().execute(execute(), 'finished', patient);
    expect(done.state).toMatchObject({ reason: { code: 'UNREACHABLE' } });
    expect(house.invoker.count('a', 'try')).toBe(1);
  });

  test('whose Try hangs is cancelled as TIMED_OUT at its deadline, and the late answer changes nothing', async () => {
    let answer: (outcome: ReturnType<typeof ok>) => void = () => undefined;
    house.invoker.script('a', 'try', () => new Promise((resolve) => (answer = resolve)));
    const running = house.coordinator().execute(execute({ timeoutMs: 1_000 }), 'finished', patient);
    await house.clock.advance(999);
    expect(house.status()).toBe('TRYING');
    await house.clock.advance(1);
    expect((await running).state).toMatchObject({ status: 'CANCELLED', reason: { code: 'TIMED_OUT' } });
    answer(ok());
    await settle();
    expect(house.status()).toBe('CANCELLED');
    expect(house.clock.pending).toBe(0);
  });

  test('tells its participants no more time than its deadline leaves', async () => {
    house.invoker.script('a', 'try', 'hang');
    const running = house.coordinator().execute(execute({ timeoutMs: 1_000 }), 'finished', patient);
    await house.clock.advance(1_000);
    expect((await running).state).toMatchObject({ reason: { code: 'TIMED_OUT' } });
    expect(house.invoker.calls.map(({ phase, timeoutMs }) => [phase, timeoutMs])).toEqual([
      ['try', 1_000],
      ['try', 1_000],
      ['cancel', 3_000],
      ['cancel', 3_000],
    ]);
  });

  test('sends no Try that waits for its repetition once it is decided', async () => {
    house.invoker.script('a', 'try', unavailable());
    house.invoker.script(
      'b',
      'try',
      () => new Promise((resolve) => house.clock.startTimer(50, () => resolve(refused()))),
    );
    const running = house.coordinator().execute(execute(), 'finished', patient);
    house.invoker.script('b', 'cancel', 'hang');
    await house.clock.advance(5_000);
    expect(house.invoker.count('a', 'try')).toBe(1);
    await house.clock.advance(60_000);
    void running.catch(() => undefined);
  });

  test.each([
    ['UNKNOWN_PARTICIPANT', branchOf('x', { participant: 'unknown' })],
    ['UNKNOWN_ACTION', branchOf('x', { action: 'unknown' })],
  ])('with an %s is refused before anything is journalled', async (code, branch) => {
    const running = house.coordinator().execute(execute({ branches: [branch] }), 'finished', patient);
    await expect(running).rejects.toMatchObject({ code });
    expect(house.steps).toEqual([]);
  });

  test('goes on when its caller goes away', async () => {
    const caller = new AbortController();
    house.invoker.script('a', 'try', 'hang', ok());
    const running = house.coordinator().execute(execute(), 'finished', caller.signal);
    await settle();
    caller.abort();
    await expect(running).rejects.toMatchObject({ code: 'WAIT_ABANDONED' });
    await house.clock.advance(5_000);
    expect(house.status()).toBe('CONFIRMED');
    expect(house.clock.pending).toBe(0);
  });

  test('goes on when its caller goes away before it is journalled', async () => {
    const caller = new AbortController();
    const running = house.coordinator().execute(execute(), 'finished', caller.signal);
    caller.abort();
    await expect(running).rejects.toMatchObject({ code: 'WAIT_ABANDONED' });
    await settle();
    expect(house.status()).toBe('CONFIRMED');
  });
});

describe('effects come only after the commit they rest on (I8)', () => {
  test.each(['begin', 'decide', 'finish'] as const)(
    'a %s step without an answer holds back every call and every reply',
    async (kind) => {
      let release: () => void = () => undefined;
      house.journal.hooks.after = ({ steps: [step] }) =>
        step?.kind === kind ? new Promise<void>((resolve) => (release = resolve)) : undefined;
      const running = house.coordinator().execute(execute(), 'finished', patient);
      await settle();
      const calls = { begin: 0, decide: 2, finish: 4 }[kind];
      expect(house.invoker.calls).toHaveLength(calls);
      expect((await peek(running)).pending).toBe(true);
      // Done, but nobody has said so yet.
      expect(house.steps.at(-1)).toBe(`${kind} applied`);
      release();
      expect((await running).state.status).toBe('CONFIRMED');
    },
  );

  test('no call is made for a begin that failed', async () => {
    house.journal.hooks.before = () => {
      throw away();
    };
    const running = house.coordinator().execute(execute(), 'finished', patient);
    await expect(running).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(house.invoker.calls).toEqual([]);
  });
});

describe('admission', () => {
  test('one Execute too many is refused before the journal is touched', async () => {
    const coordinator = house.coordinator('c1', { openTransactions: 2 });
    house.invoker.script('a', 'try', 'hang');
    for (const gid of ['one', 'two']) void coordinator.execute(execute({ gid }), 'finished', patient);
    await settle();
    const before = house.steps.length;
    await expect(coordinator.execute(execute({ gid: 'three' }), 'finished', patient)).rejects.toMatchObject({
      code: 'TOO_MANY_OPEN_TRANSACTIONS',
    });
    expect(house.steps).toHaveLength(before);
    expect(house.journal.peek('three')).toBeUndefined();
  });

  test('begins on their way to the journal count', async () => {
    const coordinator = house.coordinator('c1', { openTransactions: 2 });
    const all = ['one', 'two', 'three'].map((gid) => coordinator.execute(execute({ gid }), 'finished', patient));
    const codes = await Promise.all(all.map((each) => codeOf(each)));
    expect(codes).toEqual(['OK', 'OK', 'TOO_MANY_OPEN_TRANSACTIONS']);
  });

  test('places come back with the end of a transaction', async () => {
    const coordinator = house.coordinator('c1', { openTransactions: 1 });
    for (const gid of ['one', 'two', 'three']) {
      expect((await coordinator.execute(execute({ gid }), 'finished', patient)).state.status).toBe('CONFIRMED');
    }
    expect(coordinator.inHand).toBe(0);
  });

  test('an interactive transaction takes a place until its time is over', async () => {
    const coordinator = house.coordinator('c1', { openTransactions: 1 });
    await coordinator.begin(execute({ gid: 'one', mode: 'interactive', branches: [], timeoutMs: 1_000 }));
    await expect(coordinator.execute(execute(), 'finished', patient)).rejects.toMatchObject({
      code: 'TOO_MANY_OPEN_TRANSACTIONS',
    });
    await house.clock.advance(1_000);
    expect((await coordinator.execute(execute(), 'finished', patient)).state.status).toBe('CONFIRMED');
  });
});
