import { TccError } from '../../../src/lib/errors';
import type { Logger } from '../../../src/lib/logger';
import { Loop } from '../../../src/lib/loop';
import { peek, settle, VirtualClock } from '../../support/virtual-clock';

let clock: VirtualClock;
let log: string[];
/** When each round began. */
let rounds: number[];

function loop(run: () => Promise<number>, troublePauseMs = 100): Loop {
  const line = (level: string) => (_: unknown, message: string) => void log.push(`${level} ${message}`);
  const logger: Logger = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => logger,
  };
  return new Loop('job', troublePauseMs, { clock, random: () => 0, logger }, () => {
    rounds.push(clock.monotonicMs());
    return run();
  });
}

beforeEach(() => {
  clock = new VirtualClock();
  log = [];
  rounds = [];
});

test('the first round begins at once, and each next one after as long as the last one said', async () => {
  const pauses = [200, 50];
  const made = loop(() => Promise.resolve(pauses.shift() ?? 1_000));
  made.start();
  expect(rounds).toEqual([]);
  await clock.advance(300);
  expect(rounds).toEqual([0, 200, 250]);
  expect(log).toEqual([]);
  await made.stop();
});

test('a round that asks for no pause is followed at once; a short pause is at least 10 ms', async () => {
  const pauses = [0, 0, 1];
  const made = loop(() => Promise.resolve(pauses.shift() ?? 1_000));
  made.start();
  await clock.advance(20);
  expect(rounds).toEqual([0, 0, 0, 10]);
  await made.stop();
});

test('the pause begins when the round has ended', async () => {
  let end: (pauseMs: number) => void = () => undefined;
  const made = loop(() => new Promise((resolve) => (end = resolve)));
  made.start();
  await clock.advance(500);
  end(100);
  await clock.advance(99);
  expect(rounds).toEqual([0]);
  await clock.advance(1);
  expect(rounds).toEqual([0, 600]);
  const stopped = made.stop();
  end(0);
  await stopped;
});

test('a failing round ends itself only; the pauses grow up to five seconds, and shrink back when it works again', async () => {
  let failing = true;
  const made = loop(() => (failing ? Promise.reject(new Error('broken')) : Promise.resolve(1_000)));
  made.start();
  await clock.advance(13_200);
  expect(rounds).toEqual([0, 100, 300, 700, 1_500, 3_100, 6_300, 11_300]);
  expect(log.slice(0, 2)).toEqual(Array(2).fill('warn a round of a job failed; trying again'));
  failing = false;
  await clock.advance(5_000);
  expect(rounds.slice(-2)).toEqual([16_300, 17_300]);
  expect(log.at(-1)).toBe('info a job works again');
  failing = true;
  await clock.advance(1_100);
  expect(rounds.slice(-4)).toEqual([18_300, 18_400, 18_600, 19_000]);
  failing = false;
  await made.stop();
});

test('a function that throws instead of rejecting is a failed round', async () => {
  const made = loop(() => {
    throw new Error('at once');
  });
  made.start();
  await clock.advance(100);
  expect(rounds).toEqual([0, 100]);
  await made.stop();
});

test('an outage of the journal is one line, not one per round', async () => {
  const made = loop(() => Promise.reject(new TccError('JOURNAL_UNAVAILABLE', 'away')));
  made.start();
  await clock.advance(60_000);
  expect(rounds.length).toBeGreaterThan(10);
  expect(log).toEqual(['warn a round of a job failed; trying again']);
  await made.stop();
});

test('stop waits for the round that runs, and none follows', async () => {
  let end: (pauseMs: number) => void = () => undefined;
  const made = loop(() => new Promise((resolve) => (end = resolve)));
  made.start();
  await clock.advance(0);
  const stopped = made.stop();
  expect((await peek(stopped)).pending).toBe(true);
  end(0);
  await stopped;
  await settle();
  expect(clock.pending).toBe(0);
  await clock.advance(10_000);
  expect(rounds).toHaveLength(1);
});

test('stop between two rounds, before the first one, and before start leaves no timer', async () => {
  const between = loop(() => Promise.resolve(100));
  between.start();
  await clock.advance(10);
  await between.stop();
  expect(clock.pending).toBe(0);

  const before = loop(() => Promise.resolve(100));
  before.start();
  await before.stop();
  const never = loop(() => Promise.resolve(100));
  await never.stop();
  never.start();
  await clock.advance(1_000);
  expect(clock.pending).toBe(0);
  expect(rounds).toEqual([0]);
});
