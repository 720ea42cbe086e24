import type { Clock } from '../../../src/lib/clock';
import { DatabaseFault, type FaultKind } from '../../../src/journal/database';
import { Retrier } from '../../../src/journal/retry';
import { VirtualClock } from '../../support/virtual-clock';

/** Every timer fires at once, and time goes on by as much. */
class JumpingClock implements Clock {
  nowMs = 0;
  monotonicMs = () => this.nowMs;
  wallMs = () => this.nowMs;
  startTimer(delayMs: number, fire: () => void) {
    this.nowMs += delayMs;
    setImmediate(fire);
    return { stop: () => undefined };
  }
}

/** Work that meets these faults, each after so long, and then succeeds; the last one for ever when `endless`. */
function faulty(clock: JumpingClock, kinds: readonly FaultKind[], { eachMs = 0, endless = false } = {}) {
  let runs = 0;
  const work = () => {
    const kind = kinds[runs] ?? (endless ? kinds.at(-1) : undefined);
    runs += 1;
    clock.nowMs += eachMs;
    return kind === undefined ? Promise.resolve('done') : Promise.reject(new DatabaseFault(kind, kind));
  };
  return { work, runs: () => runs };
}

describe('running database work again', () => {
  let clock: JumpingClock;
  let retrier: Retrier;

  beforeEach(() => {
    clock = new JumpingClock();
    retrier = new Retrier({ queryTimeoutMs: 10_000 }, { clock, random: () => 0.5 });
  });

  test('a stop ends what waits to be run again at once, and leaves no timer', async () => {
    const virtual = new VirtualClock();
    const stopped = new Retrier({ queryTimeoutMs: 10_000 }, { clock: virtual, random: () => 0.5 });
    const waiting = stopped.run(() => Promise.reject(new DatabaseFault('unreachable', 'gone')));
    const refused = expect(waiting).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    await virtual.advance(0);
    expect(virtual.pending).toBe(1);
    stopped.stop();
    await refused;
    expect(virtual.pending).toBe(0);
  });

  test('a database that is found elsewhere is tried at once, and for as long as one that has just gone', async () => {
    const virtual = new VirtualClock();
    let moved: () => void = () => undefined;
    const following = new Retrier(
      { queryTimeoutMs: 10_000 },
      { clock: virtual, random: () => 0, onMove: (listener) => (moved = listener) },
    );
    let runs = 0;
    let fault: FaultKind | undefined = 'unknown';
    const running = following.run(() => {
      runs += 1;
      return fault === undefined ? Promise.resolve('done') : Promise.reject(new DatabaseFault(fault, 'gone'));
    });
    await virtual.advance(6_001);
    const before = runs;
    moved();
    await virtual.advance(0);
    expect(runs).toBe(before + 1);
    // The pauses begin anew as well.
    await virtual.advance(10);
    expect(runs).toBe(before + 2);
    fault = undefined;
    await virtual.advance(20);
    expect(await running).toBe('done');

    const other = following.run(() => Promise.reject(new DatabaseFault('unreachable', 'gone')));
    const refused = expect(other).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    await virtual.advance(1_500);
    moved();
    await virtual.advance(1_000);
    expect(virtual.pending).toBe(1);
    await virtual.advance(1_500);
    await refused;
    expect(virtual.pending).toBe(0);
  });

  test.each<FaultKind>(['contention', 'unreachable', 'unknown'])('%s is run again until it succeeds', async (kind) => {
    const { work, runs } = faulty(clock, [kind, kind, kind]);
    await expect(retrier.run(work)).resolves.toBe('done');
    expect(runs()).toBe(4);
  });

  test('a duplicate goes to the caller as it is, at once', async () => {
    const { work, runs } = faulty(clock, ['duplicate']);
    await expect(retrier.run(work)).rejects.toMatchObject({ kind: 'duplicate' });
    expect(runs()).toBe(1);
  });

  test('a rejected statement and a mistake in this program are broken invariants, at once', async () => {
    const { work } = faulty(clock, ['rejected']);
    await expect(retrier.run(work)).rejects.toMatchObject({ code: 'BROKEN_INVARIANT', cause: { kind: 'rejected' } });
    const mistake = new RangeError('oops');
    await expect(retrier.run(() => Promise.reject(mistake))).rejects.toMatchObject({
      code: 'BROKEN_INVARIANT',
      cause: mistake,
    });
  });

  test('an unknown outcome is pursued for the statement timeout and a grace, not longer', async () => {
    const { work } = faulty(clock, ['unknown', 'unreachable'], { endless: true });
    await expect(retrier.run(work)).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(clock.nowMs).toBeGreaterThan(14_000);
    expect(clock.nowMs).toBeLessThanOrEqual(15_000);
  });

  test('a database that is gone is tried for two seconds by the first, and once by those who come later', async () => {
    const first = faulty(clock, ['unreachable'], { endless: true });
    await expect(retrier.run(first.work)).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(clock.nowMs).toBeGreaterThan(1_500);
    expect(clock.nowMs).toBeLessThanOrEqual(2_000);
    clock.nowMs += 1_000;
    const later = faulty(clock, ['unreachable'], { endless: true });
    await expect(retrier.run(later.work)).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(later.runs()).toBe(1);
  });

  test('a database that was not asked for long is given its two seconds all the same', async () => {
    await retrier.run(faulty(clock, []).work);
    clock.nowMs += 3_600_000;
    await expect(retrier.run(faulty(clock, ['unreachable']).work)).resolves.toBe('done');
  });

  test('once the database was seen again, a break is only a delay again', async () => {
    await expect(retrier.run(faulty(clock, ['unreachable'], { endless: true }).work)).rejects.toThrow();
    await retrier.run(faulty(clock, []).work);
    await expect(retrier.run(faulty(clock, ['unreachable', 'unreachable']).work)).resolves.toBe('done');
  });

  test('at the start nothing but contention is waited for', async () => {
    const starting = new Retrier({ queryTimeoutMs: 10_000, shortBreakMs: 0 }, { clock, random: () => 0.5 });
    const gone = faulty(clock, ['unreachable']);
    await expect(starting.run(gone.work)).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(gone.runs()).toBe(1);
    await expect(starting.run(faulty(clock, ['contention']).work)).resolves.toBe('done');
  });
});
