import { gidOf, type Step } from '../engine/step';
import { ChurnMap } from '../lib/churn-map';
import { TccError, isTccError } from '../lib/errors';

import type { StepResult, StepStore, Submitter } from './journal';

export interface BatcherOptions {
  /** Commits that run side by side. Measured: 1 to 8 are within 15 %, 2 is best. */
  readonly lanes: number;
  /** Steps in one commit at most: a fuller batch saves little more, and a longer one holds its locks longer. */
  readonly batchSize: number;
  /** Steps that wait or are being committed at most; one more is refused with JOURNAL_UNAVAILABLE. */
  readonly queueSize: number;
}

/**
 * Payload bytes in one commit at most (a larger single step goes by itself): a batch of large payloads must not grow into
 * a transaction that fills the database's log. Revise with the commit time of full batches.
 */
const BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Free lanes share what is ready, down to so many steps each. All in one batch, coordinator and database would wait for each
 * other in turn; smaller parts save less time than their commits cost. Measured with 256 transactions in flight: 5 % more
 * throughput than with 64, a fifth more than with 256 and without sharing; with 1,024 it makes no difference.
 */
const LEAST_SHARE = 128;

/** What the batcher has done so far, and what it holds now. */
export interface BatcherCounters {
  /** Commits that succeeded, and the steps in them. */
  batches: number;
  steps: number;
  /** Batches that were split because one of their steps cannot be committed. */
  splits: number;
  /** Steps that were rejected by a failed commit. */
  failed: number;
  /** Steps that were refused because the queue was full. */
  overflows: number;
  /** Steps that wait or are being committed. */
  queued: number;
}

interface Entry {
  readonly step: Step;
  readonly gid: string;
  readonly bytes: number;
  readonly submitter: Submitter;
  /** The step of the same gid that came after it. */
  next: Entry | undefined;
}

/** Undefined when the store says nothing of a step. */
type Outcome = StepResult | TccError | undefined;

/**
 * Group commit: steps of different transactions share one commit. Knows no SQL.
 * B1. A step starts at once when a lane is free: what came in the same turn of the event loop goes with it. Steps gather
 *     only while all lanes are busy; no timer ever holds one back. Lanes that are free share them. A lane that has committed takes
 *     what is ready before its outcomes are told.
 * B2. Of one gid at most one step is in a lane; the others follow in the order of their coming (J4).
 * B3. Every step is answered exactly once, also when its batch fails (I8): a batch that holds a step that cannot be
 *     committed is split in halves until that step is alone; its neighbours commit.
 * B4. After `close` has resolved no step is left.
 */
export class Batcher {
  readonly counters: BatcherCounters = { batches: 0, steps: 0, splits: 0, failed: 0, overflows: 0, queued: 0 };
  private readonly store: StepStore;
  private readonly options: BatcherOptions;
  /** The first step of each gid, when it is not in a lane yet. */
  private ready: Entry[] = [];
  /** The last step of each gid that has one here. */
  private readonly last = new ChurnMap<string, Entry>();
  private busyLanes = 0;
  private flushIsScheduled = false;
  private closed = false;
  private whenIdle: (() => void)[] = [];
  private readonly flush = (): void => {
    this.flushIsScheduled = false;
    while (this.ready.length > 0 && this.busyLanes < this.options.lanes) void this.occupyLane(this.take());
  };

  constructor(store: StepStore, options: BatcherOptions) {
    this.store = store;
    this.options = options;
  }

  append(step: Step): Promise<StepResult> {
    return new Promise((resolve, reject) => {
      this.submit(step, { stepped: (_, result) => resolve(result), failed: (_, error) => reject(error) });
    });
  }

  /** See Journal.submit. */
  submit(step: Step, submitter: Submitter): void {
    const refusal = this.refusal();
    if (refusal !== undefined) {
      queueMicrotask(() => submitter.failed(step, new TccError('JOURNAL_UNAVAILABLE', refusal)));
      return;
    }
    this.counters.queued += 1;
    const entry: Entry = { step, gid: gidOf(step), bytes: bytesOf(step), submitter, next: undefined };
    const before = this.last.get(entry.gid);
    this.last.set(entry.gid, entry);
    if (before !== undefined) {
      before.next = entry;
    } else {
      this.ready.push(entry);
      this.schedule();
    }
  }

  /** Why no step is taken now. */
  private refusal(): string | undefined {
    if (this.closed) return 'the journal is closed';
    if (this.counters.queued < this.options.queueSize) return undefined;
    this.counters.overflows += 1;
    return 'too many steps wait for the journal';
  }

  /** Refuses new steps and resolves when all that were accepted are answered. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.counters.queued === 0) return;
    await new Promise<void>((resolve) => {
      this.whenIdle.push(resolve);
    });
  }

  private schedule(): void {
    if (this.flushIsScheduled || this.ready.length === 0 || this.busyLanes >= this.options.lanes) return;
    this.flushIsScheduled = true;
    setImmediate(this.flush);
  }

  /** What the next free lane commits. */
  private take(): readonly Entry[] {
    const share = Math.ceil(this.ready.length / (this.options.lanes - this.busyLanes));
    const most = Math.min(this.options.batchSize, Math.max(share, LEAST_SHARE));
    let count = 0;
    let bytes = 0;
    for (const entry of this.ready) {
      bytes += entry.bytes;
      if (count === most || (count > 0 && bytes > BATCH_BYTES)) break;
      count += 1;
    }
    const batch = this.ready.slice(0, count);
    this.ready = this.ready.slice(count);
    return batch;
  }

  private async occupyLane(batch: readonly Entry[]): Promise<void> {
    this.busyLanes += 1;
    const outcomes = await this.commit(batch);
    this.busyLanes -= 1;
    // First what is ready: the database works on it while these outcomes are dealt with (5 % with 1,024 transactions in flight).
    this.flush();
    batch.forEach((entry, index) => this.settle(entry, outcomes[index]));
    this.schedule();
  }

  /** What became of each step of the batch. */
  private async commit(batch: readonly Entry[]): Promise<readonly Outcome[]> {
    try {
      const results = await this.store.commit(batch.map((entry) => entry.step));
      this.counters.batches += 1;
      this.counters.steps += batch.length;
      return batch.map((_, index) => results[index]);
    } catch (error) {
      if (batch.length > 1 && isTccError(error, 'BROKEN_INVARIANT')) {
        this.counters.splits += 1;
        const middle = batch.length >> 1;
        const left = await this.commit(batch.slice(0, middle));
        return [...left, ...(await this.commit(batch.slice(middle)))];
      }
      const reason = isTccError(error) ? error : new TccError('BROKEN_INVARIANT', 'a commit failed', { cause: error });
      return batch.map(() => reason);
    }
  }

  /** Lets the next step of its gid go, and answers this one. */
  private settle({ step, gid, submitter, next }: Entry, outcome: Outcome): void {
    this.counters.queued -= 1;
    if (next === undefined) this.last.delete(gid);
    else this.ready.push(next);
    if (outcome === undefined) {
      submitter.failed(step, new TccError('BROKEN_INVARIANT', 'the store gave no result for a step'));
    } else if (outcome instanceof TccError) {
      this.counters.failed += 1;
      submitter.failed(step, outcome);
    } else {
      submitter.stepped(step, outcome);
    }
    if (this.counters.queued > 0) return;
    for (const resolve of this.whenIdle) resolve();
    this.whenIdle = [];
  }
}

function bytesOf(step: Step): number {
  switch (step.kind) {
    case 'begin':
      return step.transaction.branches.reduce((sum, branch) => sum + branch.payload.data.length, 0);
    case 'register':
      return step.branch.payload.data.length;
    case 'answer':
      return step.reply?.data.length ?? 0;
    default:
      return 0;
  }
}
