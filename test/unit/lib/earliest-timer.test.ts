import { EarliestTimer } from '../../../src/lib/earliest-timer';
import { VirtualClock } from '../../support/virtual-clock';

/** Deadlines by hand: the sweep takes out what is over. */
function deadlines() {
  const clock = new VirtualClock();
  const open = new Set<number>();
  const ended: [atMs: number, nowMs: number][] = [];
  const sweeps: number[] = [];
  const timer = new EarliestTimer(clock, (nowMs) => {
    sweeps.push(nowMs);
    for (const atMs of open) {
      if (atMs > nowMs) continue;
      open.delete(atMs);
      ended.push([atMs, nowMs]);
    }
    return open.size === 0 ? undefined : Math.min(...open);
  });
  const include = (...moments: number[]) => {
    for (const atMs of moments) {
      open.add(atMs);
      timer.include(atMs);
    }
  };
  return { clock, open, ended, sweeps, timer, include };
}

test('each deadline ends when its time is over, and one timer does it', async () => {
  const { clock, ended, sweeps, include } = deadlines();
  include(30, 10, 20);
  expect(clock.pending).toBe(1);
  await clock.advance(9);
  expect(ended).toEqual([]);
  await clock.advance(100);
  expect(ended).toEqual([
    [10, 10],
    [20, 20],
    [30, 30],
  ]);
  expect(sweeps).toEqual([10, 20, 30]);
  expect(clock.pending).toBe(0);
});

test('a deadline that is earlier than all others moves the timer; a later one leaves it alone', async () => {
  const { clock, include } = deadlines();
  include(50);
  expect(clock.nextInMs).toBe(50);
  include(20);
  expect(clock.nextInMs).toBe(20);
  include(40);
  expect(clock.nextInMs).toBe(20);
  await clock.advance(20);
  expect(clock.nextInMs).toBe(20);
});

test('fractions of a millisecond are waited for to the end', async () => {
  const { clock, ended, include } = deadlines();
  include(10.4);
  await clock.advance(10);
  expect(ended).toEqual([]);
  await clock.advance(1);
  expect(ended).toEqual([[10.4, 11]]);
});

test('a deadline that is over already ends in the next turn', async () => {
  const { clock, ended, include } = deadlines();
  await clock.advance(100);
  include(40);
  expect(ended).toEqual([]);
  await clock.advance(0);
  expect(ended).toEqual([[40, 100]]);
});

test('what was taken out before its time costs at most one sweep', async () => {
  const { clock, open, sweeps, include } = deadlines();
  include(10);
  open.clear();
  await clock.advance(1_000);
  expect(sweeps).toEqual([10]);
  expect(clock.pending).toBe(0);
  include(1_500);
  expect(clock.nextInMs).toBe(500);
});

test('a deadline that a sweep includes is kept, whatever the sweep returns', async () => {
  const clock = new VirtualClock();
  const sweeps: number[] = [];
  const timer: EarliestTimer = new EarliestTimer(clock, (nowMs) => {
    sweeps.push(nowMs);
    if (nowMs < 10) timer.include(10);
    return nowMs < 30 ? 30 : undefined;
  });
  timer.include(5);
  await clock.advance(100);
  expect(sweeps).toEqual([5, 10, 30]);
});

test('after stop no timer is left and none is started', async () => {
  const { clock, ended, timer, include } = deadlines();
  include(10);
  timer.stop();
  expect(clock.pending).toBe(0);
  include(5);
  expect(clock.pending).toBe(0);
  await clock.advance(100);
  expect(ended).toEqual([]);
});

test('a sweep that stops the timer starts none', async () => {
  const clock = new VirtualClock();
  const timer: EarliestTimer = new EarliestTimer(clock, () => {
    timer.stop();
    return 100;
  });
  timer.include(1);
  await clock.advance(1);
  expect(clock.pending).toBe(0);
});

test('when nothing is left no timer runs, and a later deadline starts one again', async () => {
  const { clock, ended, open, include, timer } = deadlines();
  include(30);
  open.clear();
  timer.clear();
  expect(clock.pending).toBe(0);
  await clock.advance(5);
  include(40);
  expect(clock.pending).toBe(1);
  await clock.advance(100);
  expect(ended).toEqual([[40, 40]]);
});

test('what a sweep says is not looked at within the grain; what is included is', async () => {
  const clock = new VirtualClock();
  const sweeps: number[] = [];
  const timer = new EarliestTimer(clock, (nowMs) => (sweeps.push(nowMs) === 1 ? nowMs + 1 : undefined), 5);
  timer.include(10);
  await clock.advance(10);
  expect(clock.nextInMs).toBe(5);
  timer.include(12);
  await clock.advance(100);
  expect(sweeps).toEqual([10, 12]);
});
