import type { Clock, Timer } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import { doneAnswer, failed, failedAnswer, type Answer } from './answer';
import type { BatchHandler, BatchOptions, PhaseHandler } from './actions';
import type { BranchCall } from './call';
import type { CallTime } from './call-time';

/**
 * Batches of one action and phase that run at a time. Calls for one hot row would only wait for each other in the
 * database; while one batch runs, the next gathers, and so batches are as large as the load makes them.
 */
const LANES = 1;

/**
 * Calls in one batch. Measured on one hot item: 256 are served about 1.5 times as fast as 128, 512 a little faster than
 * 256, 1,024 no faster; and one failure undoes so many.
 */
export const BATCH_CALLS = 512;

/** Bytes of payload in one batch, unless a single one is larger: about what one frame holds. */
export const BATCH_BYTES = 1_048_576;

/** Most that may be set: as many as a frame holds, and as the fence takes. */
export const BATCH_CALLS_LIMIT = 1_024;

/**
 * After a batch has failed, so many of its calls run at a time, each by itself: few enough to leave something of the
 * service's connection pool (10 by default, in knex and in pg) to its other work.
 */
const ALONE_AT_ONCE = 4;

/** How often calls that wait behind a running batch are looked through for such as nobody waits for any more. */
const SWEEP_MS = 1_000;

interface Entry {
  readonly call: BranchCall;
  readonly time: CallTime;
  readonly resolve: (answer: Answer) => void;
}

/**
 * Gathers the calls of one action and phase, whatever carries them, and hands them to its batch handler.
 * B1. Calls of one turn of the event loop go together, up to the bounds, in the order of their arrival; no timer holds a
 *     lone call back. While every lane runs a batch, further calls gather. How many can wait is bounded by the calls that
 *     may be in flight.
 * B2. Each call gets exactly one answer, and it is its own: one refused or malformed call fails no other.
 * B3. When a batch fails as a whole, each of its calls is run once more, by itself, and then answered whatever came of it.
 * B4. A call that was given up, or a Try whose time is over, does not start.
 */
export class BatchGate {
  private readonly serve: BatchHandler;
  private readonly serveAlone: PhaseHandler | undefined;
  private readonly lanes: number;
  private readonly maxCalls: number;
  private readonly maxBytes: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private waiting: Entry[] = [];
  private running = 0;
  private scheduled = false;
  private sweep: Timer | undefined;

  /** `serveAlone`: the single handler of the phase, where there is one. */
  constructor(
    options: { readonly serve: BatchHandler; readonly serveAlone: PhaseHandler | undefined } & BatchOptions,
    deps: { readonly clock: Clock; readonly logger: Logger },
  ) {
    const { serve, serveAlone, lanes = LANES, maxCalls = BATCH_CALLS, maxBytes = BATCH_BYTES } = options;
    this.serve = serve;
    this.serveAlone = serveAlone;
    this.lanes = lanes;
    this.maxCalls = maxCalls;
    this.maxBytes = maxBytes;
    this.clock = deps.clock;
    this.logger = deps.logger;
  }

  /** Resolves with the call's own answer, once the batch that it went with is done. Never rejects. */
  handle(call: BranchCall, time: CallTime): Promise<Answer> {
    return new Promise((resolve) => {
      this.waiting.push({ call, time, resolve });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.waiting.length === 0 || this.scheduled) return;
    if (this.running === this.lanes) {
      this.sweep ??= this.clock.startTimer(SWEEP_MS, () => this.dropGivenUp());
      return;
    }
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.start();
    });
  }

  private start(): void {
    this.sweep?.stop();
    this.sweep = undefined;
    while (this.running < this.lanes) {
      const batch = this.next();
      if (batch.length === 0) return;
      this.running += 1;
      void this.run(batch).then(() => {
        this.running -= 1;
        this.schedule();
      });
    }
    this.schedule();
  }

  /** Takes the calls of the next batch out of the queue. */
  private next(): readonly Entry[] {
    const batch: Entry[] = [];
    let bytes = 0;
    let taken = 0;
    for (const entry of this.waiting) {
      if (batch.length === this.maxCalls) break;
      if (!dropped(entry)) {
        bytes += entry.call.bytes.length;
        if (batch.length > 0 && bytes > this.maxBytes) break;
        batch.push(entry);
      }
      taken += 1;
    }
    this.waiting = this.waiting.slice(taken);
    return batch;
  }

  private async run(batch: readonly Entry[]): Promise<void> {
    const calls = batch.map(({ call }) => call);
    let answers: readonly unknown[];
    try {
      answers = await this.serve(calls);
      if (answers.length !== batch.length) throw new RangeError(`${answers.length} answers to ${batch.length} calls`);
    } catch (error) {
      await this.runAlone(batch, error);
      return;
    }
    for (const [index, entry] of batch.entries()) this.answer(entry, answers[index]);
  }

  /** What an entry's place in the answers says: an Error stands for what a single handler would have thrown. */
  private answer({ call, resolve }: Entry, value: unknown): void {
    try {
      resolve(value instanceof Error ? failedAnswer(call, value, this.logger) : doneAnswer(call, value, this.logger));
    } catch (error) {
      resolve(failedAnswer(call, error, this.logger));
    }
  }

  private async runAlone(batch: readonly Entry[], error: unknown): Promise<void> {
    const [first, ...others] = batch;
    if (first === undefined) return;
    if (others.length === 0) {
      first.resolve(failedAnswer(first.call, error, this.logger));
      return;
    }
    const { action, phase } = first.call;
    this.logger.warn({ action, phase, calls: batch.length, err: error }, 'a batch failed; its calls run one by one');
    const queue = batch.values();
    const worker = async (): Promise<void> => {
      for (const entry of queue) if (!dropped(entry)) await this.runOne(entry);
    };
    await Promise.all(Array.from({ length: ALONE_AT_ONCE }, worker));
  }

  private async runOne(entry: Entry): Promise<void> {
    try {
      if (this.serveAlone !== undefined) {
        this.answer(entry, await this.serveAlone(entry.call));
        return;
      }
      const { length, 0: value } = await this.serve([entry.call]);
      if (length !== 1) throw new RangeError(`${length} answers to one call`);
      this.answer(entry, value);
    } catch (error) {
      entry.resolve(failedAnswer(entry.call, error, this.logger));
    }
  }

  private dropGivenUp(): void {
    this.sweep = undefined;
    this.waiting = this.waiting.filter((entry) => !dropped(entry));
    this.schedule();
  }
}

/**
 * Answers a call that need not start. Nobody waits for the answer; but without it the call would count as running.
 * Confirm and Cancel are welcome late, as long as their caller is there.
 */
function dropped({ call, time, resolve }: Entry): boolean {
  const isLate = call.phase === 'try' && time.remainingMs() === 0;
  if (!time.isAborted && !isLate) return false;
  resolve(failed('DEADLINE_EXCEEDED', 'the call was given up before its batch began'));
  return true;
}
