import { setTimeout as pause } from 'node:timers/promises';

/** How long and how often `eventually` looks. */
export interface EventuallyOptions {
  /** After this many milliseconds the condition counts as never met. Default 10,000. */
  readonly timeoutMs?: number;
  /** Milliseconds between two looks. Default 20. */
  readonly everyMs?: number;
}

const NOT_IN_TIME = Symbol('not in time');

/**
 * Waits for a condition instead of sleeping. `check` is called until it neither throws nor returns false, so that it may
 * hold expectations or return a boolean; what it returns is returned.
 * Throws when the time is over, with the last failure as its cause. A check that hangs is given up at the same moment.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 10_000, everyMs = 20 }: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const endMs = performance.now() + timeoutMs;
  let cause: unknown = new Error('the check returned false');
  for (;;) {
    try {
      const result = await within(endMs - performance.now(), check);
      if (result === NOT_IN_TIME) {
        cause = new Error('the check did not return', { cause });
      } else if (result !== false) {
        return result as Exclude<T, false>;
      } else {
        cause = new Error('the check returned false');
      }
    } catch (error) {
      cause = error;
    }
    if (performance.now() + everyMs >= endMs) {
      const last = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`not met within ${timeoutMs} ms: ${last}`, { cause });
    }
    await pause(everyMs);
  }
}

async function within<T>(timeoutMs: number, check: () => T | Promise<T>): Promise<T | typeof NOT_IN_TIME> {
  const over = new AbortController();
  try {
    return await Promise.race([
      (async () => await check())(),
      pause(Math.max(timeoutMs, 1), NOT_IN_TIME, { signal: over.signal }),
    ]);
  } finally {
    over.abort();
  }
}
