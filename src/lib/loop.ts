import { backoffMs } from './backoff';
import type { Clock, Timer } from './clock';
import { isTccError } from './errors';
import type { Logger } from './logger';
import type { Random } from './random';

export interface LoopDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The pause after a failed round grows from the loop's own pause to at most this. */
const TROUBLE_CAP_MS = 5_000;
/** Rounds that ask for no pause at all follow each other at once; any other pause is at least this. */
export const SHORTEST_PAUSE_MS = 10;

/**
 * Runs one job again and again, after as many milliseconds as each round returns; later and later while it fails.
 * An error ends a round, never the loop. After `stop` has resolved no round is running and none will.
 */
export class Loop {
  private readonly job: string;
  private readonly troublePauseMs: number;
  private readonly deps: LoopDeps;
  private readonly run: () => Promise<number>;
  private timer: Timer | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;
  private failures = 0;

  /** `job` names it in log lines; `troublePauseMs` is the pause after the first failure. */
  constructor(job: string, troublePauseMs: number, deps: LoopDeps, run: () => Promise<number>) {
    this.job = job;
    this.troublePauseMs = troublePauseMs;
    this.deps = deps;
    this.run = run;
  }

  /** The first round begins at once. */
  start(): void {
    this.after(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.stop();
    await this.running;
  }

  private after(pauseMs: number): void {
    if (this.stopped) return;
    this.timer = this.deps.clock.startTimer(pauseMs === 0 ? 0 : Math.max(SHORTEST_PAUSE_MS, pauseMs), () => {
      this.running = this.once().then((next) => this.after(next));
    });
  }

  private async once(): Promise<number> {
    const { logger, random } = this.deps;
    try {
      const pauseMs = await this.run();
      if (this.failures > 0) logger.info({ job: this.job, failures: this.failures }, 'a job works again');
      this.failures = 0;
      return pauseMs;
    } catch (error) {
      this.failures += 1;
      // One line when it begins, not one per round: an outage must not fill the log.
      if (this.failures === 1 || !isTccError(error, 'JOURNAL_UNAVAILABLE')) {
        logger.warn({ job: this.job, err: error }, 'a round of a job failed; trying again');
      }
      const policy = { firstMs: this.troublePauseMs, factor: 2, capMs: TROUBLE_CAP_MS, jitter: 0.5 };
      return backoffMs(policy, this.failures, random);
    }
  }
}
