import type { Signal } from './abort';

/**
 * Time as this process sees it. It only paces timers: deadlines, due times and leases are kept and compared in epoch
 * milliseconds of the database's clock. Injected everywhere, so that a simulation can own it.
 */
export interface Clock {
  /** Milliseconds since some fixed moment; never jumps and never goes back. */
  monotonicMs(): number;
  /** Epoch milliseconds of this machine's clock. For display and log lines only. */
  wallMs(): number;
  /** Calls `fire` once after `delayMs` (at least 0). */
  startTimer(delayMs: number, fire: () => void): Timer;
}

/** A timer that was started and may be stopped. */
export interface Timer {
  /** Stops it; a timer that has fired or was stopped before is left alone. */
  stop(): void;
}

/** The longest delay that setTimeout takes; beyond it Node fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The real clock. Its timers keep the process alive: whoever starts one stops it. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  startTimer(delayMs, fire) {
    const handle = setTimeout(fire, Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
    return {
      stop: () => {
        clearTimeout(handle);
      },
    };
  },
};

/** Resolves after `delayMs`, or at once when `signal` is aborted. */
export function sleep(clock: Clock, delayMs: number, signal?: Signal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = () => {
      timer.stop();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.startTimer(delayMs, done);
    signal?.addEventListener('abort', done);
  });
}
