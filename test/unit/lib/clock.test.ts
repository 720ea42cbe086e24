import { sleep, systemClock } from '../../../src/lib/clock';
import { peek, VirtualClock } from '../../support/virtual-clock';

describe('a sleep', () => {
  test('ends when its time is over, and not before', async () => {
    const clock = new VirtualClock();
    const sleeping = sleep(clock, 100);
    await clock.advance(99);
    expect((await peek(sleeping)).pending).toBe(true);
    await clock.advance(1);
    expect((await peek(sleeping)).pending).toBe(false);
  });

  test('ends at once when it is aborted, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const patience = new AbortController();
    const sleeping = sleep(clock, 100, patience.signal);
    patience.abort();
    await sleeping;
    expect(clock.pending).toBe(0);
  });

  test('does not begin when it is aborted already', async () => {
    const clock = new VirtualClock();
    await sleep(clock, 100, AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });

  test('that ended by itself is not listening any more', async () => {
    const clock = new VirtualClock();
    const patience = new AbortController();
    const removed = jest.spyOn(patience.signal, 'removeEventListener');
    const sleeping = sleep(clock, 100, patience.signal);
    await clock.advance(100);
    await sleeping;
    expect(removed).toHaveBeenCalledTimes(1);
  });
});

describe('the system’s clock', () => {
  test('goes on and never back', () => {
    const first = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(first);
    expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(1_000);
  });

  test('fires a timer once, and a negative delay at once', async () => {
    await new Promise<void>((resolve) => systemClock.startTimer(-5, resolve));
  });

  test('fires no timer that was stopped', async () => {
    const fired = jest.fn();
    const timer = systemClock.startTimer(0, fired);
    timer.stop();
    timer.stop();
    await new Promise<void>((resolve) => systemClock.startTimer(5, resolve));
    expect(fired).not.toHaveBeenCalled();
  });

  test('does not fire at once what is too far away for a timer of Node', async () => {
    const fired = jest.fn();
    const timer = systemClock.startTimer(2 ** 31 + 10, fired);
    await new Promise<void>((resolve) => systemClock.startTimer(5, resolve));
    expect(fired).not.toHaveBeenCalled();
    timer.stop();
  });
});
