import { type StartJournalOptions, startJournal, StartError } from '../../../src/daemon/start-journal';
import type { Clock } from '../../../src/lib/clock';
import { TccError } from '../../../src/lib/errors';
import { type Logger, silentLogger } from '../../../src/lib/logger';

/** A clock whose timers fire at once, and move it on. */
function hastyClock(): Clock & { readonly waits: number[] } {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    startTimer(delayMs, fire) {
      waits.push(delayMs);
      nowMs += delayMs;
      queueMicrotask(fire);
      return { stop: () => undefined };
    },
  };
}

const down = () => new TccError('JOURNAL_UNAVAILABLE', 'connect ECONNREFUSED');
const options: StartJournalOptions = {
  onUnavailableAtStart: 'retry',
  startTimeoutMs: 10_000,
};
const never = new AbortController().signal;

function recordingLogger(): { logger: Logger; lines: { fields: Record<string, unknown>; message: string }[] } {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  return { lines, logger: { ...silentLogger, warn: (fields, message) => lines.push({ fields, message }) } };
}

test('a database that comes up later is opened, with one line and a longer wait per attempt', async () => {
  const clock = hastyClock();
  const { logger, lines } = recordingLogger();
  let failures = 3;
  const open = () => (failures-- > 0 ? Promise.reject(down()) : Promise.resolve('open'));
  await expect(startJournal(open, options, { clock, random: () => 0, logger }, never)).resolves.toBe('open');
  expect(clock.waits).toEqual([250, 500, 1000]);
  expect(lines.map(({ fields }) => fields)).toEqual(
    [1, 2, 3].map((attempt) => ({
      attempt,
      retryInMs: 250 * 2 ** (attempt - 1),
      reason: 'connect ECONNREFUSED',
    })),
  );
});

test('retrying ends within the start timeout, with a sentence that says how often it was tried', async () => {
  const clock = hastyClock();
  const started = startJournal(
    () => Promise.reject(down()),
    options,
    { clock, random: () => 0, logger: silentLogger },
    never,
  );
  await expect(started).rejects.toThrow('connect ECONNREFUSED; gave up after 6 attempts in 10000 ms');
  expect(clock.monotonicMs()).toBeLessThanOrEqual(10_000);
});

test('exit means exit: the first failure is the last', async () => {
  const clock = hastyClock();
  let attempts = 0;
  const open = () => {
    attempts += 1;
    return Promise.reject(down());
  };
  const exit = { ...options, onUnavailableAtStart: 'exit' } as const;
  const deps = { clock, random: () => 0, logger: silentLogger };
  await expect(startJournal(open, exit, deps, never)).rejects.toBeInstanceOf(StartError);
  expect(attempts).toBe(1);
  expect(clock.waits).toEqual([]);
});

test('a failure that waiting cannot mend is thrown at once and as it is', async () => {
  const newer = new Error('the schema is newer than this program');
  const deps = { clock: hastyClock(), random: () => 0, logger: silentLogger };
  await expect(startJournal(() => Promise.reject(newer), options, deps, never)).rejects.toBe(newer);
});

test('a signal to stop ends the waiting', async () => {
  const stop = new AbortController();
  const logger: Logger = { ...silentLogger, warn: () => stop.abort() };
  const deps = { clock: hastyClock(), random: () => 0, logger };
  const started = startJournal(() => Promise.reject(down()), options, deps, stop.signal);
  await expect(started).rejects.toThrow('told to stop before the database could be reached');
});
