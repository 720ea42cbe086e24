/**
 * One stream of transactions: either so many at a time, each followed by the next (closed), or so many a second, whether
 * those before are finished or not (paced). Paced latencies count from the moment at which the transaction was due, so that a
 * stall shows in all that came during it.
 */
import { performance } from 'node:perf_hooks';

/** Runs one transaction to its end; resolves with how it ended, such as 'CONFIRMED'. A rejection is counted by its `code`. */
export type RunOne = () => Promise<string>;

export interface Pace {
  /** Closed: transactions in flight. */
  readonly inFlight?: number;
  /** Paced: transactions a second. */
  readonly perSecond?: number;
  /** Ends by itself after so many. */
  readonly count?: number;
}

/** What happened in a window of time. */
export interface Observed {
  readonly seconds: number;
  /** Transactions that ended, by how. */
  readonly ends: Readonly<Record<string, number>>;
  /** Of those that ended well. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** How often a paced flow looks whether something is due, in milliseconds. */
const TICK_MS = 2;

const WELL = 'CONFIRMED';

export class Flow {
  private readonly run: RunOne;
  private readonly pace: Pace;
  private readonly running = new Set<Promise<void>>();
  private latencies: number[] = [];
  private ends: Record<string, number> = {};
  private since = performance.now();
  private started = 0;
  private stopped = false;
  private ticker: NodeJS.Timeout | undefined;

  constructor(run: RunOne, pace: Pace) {
    this.run = run;
    this.pace = pace;
    if (pace.perSecond === undefined) for (let lane = 0; lane < (pace.inFlight ?? 1); lane += 1) this.own(this.lane());
    else this.startPaced(pace.perSecond);
  }

  /** Forgets what was observed so far. */
  reset(): void {
    this.latencies = [];
    this.ends = {};
    this.since = performance.now();
  }

  observed(): Observed {
    const seconds = (performance.now() - this.since) / 1000;
    const sorted = Float64Array.from(this.latencies).sort();
    const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN;
    return {
      seconds,
      ends: this.ends,
      perSecond: (this.ends[WELL] ?? 0) / seconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      longestMs: at(1),
    };
  }

  /** Starts nothing more; resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.ticker);
    await this.finished();
  }

  /** Resolves when all of `count` have ended. */
  async finished(): Promise<void> {
    await Promise.all(this.running);
  }

  private own(work: Promise<void>): void {
    const owned = work.finally(() => this.running.delete(owned));
    this.running.add(owned);
  }

  private async lane(): Promise<void> {
    const { count = Infinity } = this.pace;
    while (!this.stopped && this.started < count) {
      this.started += 1;
      await this.one(performance.now());
    }
  }

  private startPaced(perSecond: number): void {
    const begin = performance.now();
    let due = 0;
    this.ticker = setInterval(() => {
      for (; begin + (due * 1000) / perSecond <= performance.now(); due += 1) {
        this.own(this.one(begin + (due * 1000) / perSecond));
      }
    }, TICK_MS);
  }

  private async one(from: number): Promise<void> {
    let end: string;
    try {
      end = await this.run();
    } catch (error) {
      end = String((error as { code?: unknown }).code ?? error);
    }
    this.ends[end] = (this.ends[end] ?? 0) + 1;
    if (end === WELL) this.latencies.push(performance.now() - from);
  }
}
