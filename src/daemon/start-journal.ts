import { type BackoffPolicy, backoffMs } from '../lib/backoff';
import { type Clock, sleep } from '../lib/clock';
import { isTccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import type { Random } from '../lib/random';

/** The process cannot start, for a reason that is no bug; its text says which. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface StartJournalOptions {
  readonly onUnavailableAtStart: 'retry' | 'exit';
  /** Milliseconds after which `retry` gives up. */
  readonly startTimeoutMs: number;
}

export interface StartJournalDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A database that starts beside the daemon is up within seconds; one line per attempt must not fill the log. */
const RETRY: BackoffPolicy = { firstMs: 250, factor: 2, capMs: 5_000, jitter: 0.2 };

/**
 * Opens the journal, and while its database cannot be reached tries again, with a line per attempt. Any other failure (a wrong password is
 * JOURNAL_UNAVAILABLE too, a newer schema is not) is thrown as it is. Throws StartError when there is no more patience, or when
 * `signal` is aborted.
 */
export async function startJournal<Opened>(
  open: () => Promise<Opened>,
  options: StartJournalOptions,
  { clock, random, logger }: StartJournalDeps,
  signal: AbortSignal,
): Promise<Opened> {
  const startedMs = clock.monotonicMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await open();
    } catch (error) {
      if (!isTccError(error, 'JOURNAL_UNAVAILABLE')) throw error;
      if (options.onUnavailableAtStart === 'exit') throw new StartError(error.message, { cause: error });
      const retryInMs = backoffMs(RETRY, attempt, random);
      const leftMs = startedMs + options.startTimeoutMs - clock.monotonicMs();
      if (retryInMs > leftMs) {
        const gaveUp = `gave up after ${attempt} attempts in ${options.startTimeoutMs} ms`;
        throw new StartError(`${error.message}; ${gaveUp}`, { cause: error });
      }
      logger.warn({ attempt, retryInMs, reason: error.message }, 'the database cannot be reached; trying again');
      await sleep(clock, retryInMs, signal);
      if (signal.aborted) throw new StartError('told to stop before the database could be reached');
    }
  }
}
