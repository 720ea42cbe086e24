import type { Clock } from '../../lib/clock';
import type { BatchRows, KeptReply } from './batch-rows';
import { keyName } from './batch-rows';
import { decide, type Decision } from './decision';
import { CallExpired, Refused } from './errors';
import type { FenceExecutor } from './executor';
import { encodeReply } from './kept-reply';
import { hasValidKey, INVALID_KEY } from './key';
import { decodePayload } from './payload';
import { FenceResult } from './result';
import type { FenceKey, Meeting } from './rows';
import type { FenceCall, FenceOutcome, Phase } from './words';

/**
 * The business code of one phase for many calls at once: those that the fence found to be fresh, in the order in which
 * they were given, each branch once. It answers each in its place: with a reply (or undefined), or with an Error for a
 * call that it refuses (Refused) or cannot serve. A refused call must leave no business rows: write nothing for it.
 * `outcomes` says FRESH for each, or EMPTY_ROLLBACK where `cancelWithoutTry` asked for it. Answering undefined as a whole
 * means: all served, no replies. Throwing rolls all of them back.
 */
export type FencedBatchWork<Call, Answer> = (
  calls: readonly Call[],
  outcomes: readonly FenceOutcome[],
) => Promise<readonly Answer[] | undefined>;

/** What came of one call of a batch: what `fence.run` would have returned, or what it would have thrown. */
export type FencedAnswer<Reply = unknown> = FenceResult<Reply> | Error;

/** What a batch runs with. */
export interface BatchRunDeps {
  readonly rows: BatchRows;
  readonly clock: Clock;
  readonly maxReplyBytes: number;
}

/** One branch, and the calls of the batch that are about it: mostly one, two where a repeat has caught up. */
interface Entry<Call> {
  readonly key: FenceKey;
  readonly call: Call;
  /** Where its calls stand in the batch. */
  readonly places: number[];
  /** By the clock; the latest of its calls, because that one still waits. */
  endMs: number;
  answer: FencedAnswer | undefined;
}

type Run = Extract<Decision, { kind: 'run' }>;

/** An entry whose business code has to run. */
interface Fresh<Call> {
  readonly entry: Entry<Call>;
  readonly decision: Run;
}

/**
 * So many calls at most in one local transaction: it locks a row for each, in MySQL's and PostgreSQL's memory, and one
 * failure undoes them all.
 */
export const FENCED_CALLS = 1_024;

/** Runs one phase of many branches within one local transaction. The rules are those of a single run (F1 to F3). */
export class BatchRun<Call extends FenceCall> {
  private readonly phase: Phase;
  private readonly cancelWithoutTry: boolean;
  private readonly executor: FenceExecutor;
  private readonly deps: BatchRunDeps;
  private readonly entries: Entry<Call>[] = [];
  private readonly answers: (FencedAnswer | undefined)[];

  constructor(
    options: {
      readonly calls: readonly [Call, ...Call[]];
      readonly executor: FenceExecutor;
      readonly cancelWithoutTry: boolean;
    },
    deps: BatchRunDeps,
  ) {
    const { calls, executor, cancelWithoutTry } = options;
    if (calls.length > FENCED_CALLS) throw new RangeError(`a batch has at most ${FENCED_CALLS} calls`);
    this.phase = calls[0].phase;
    this.cancelWithoutTry = cancelWithoutTry;
    this.executor = executor;
    this.deps = deps;
    this.answers = calls.map(() => undefined);
    this.gather(calls);
  }

  async run(work: FencedBatchWork<Call, unknown>): Promise<readonly FencedAnswer[]> {
    if (this.entries.length > 0) {
      const fresh = this.inTime(await this.enter());
      if (fresh.length > 0) await this.serve(fresh, work);
      await this.settle(fresh);
    }
    return this.spread();
  }

  /** One entry per branch, in the order of arrival. */
  private gather(calls: readonly Call[]): void {
    const byKey = new Map<string, Entry<Call>>();
    for (const [place, call] of calls.entries()) {
      if (call.phase !== this.phase) throw new TypeError('the calls of a batch are of one phase');
      if (!hasValidKey(call)) {
        this.answers[place] = new Refused(INVALID_KEY, { status: 'INVALID_ARGUMENT' });
        continue;
      }
      const endMs = this.phase === 'try' ? this.deps.clock.monotonicMs() + (call.remainingMs ?? Infinity) : Infinity;
      const known = byKey.get(keyName(call));
      if (known === undefined) {
        const key = { gid: call.gid, branchId: call.branchId };
        const entry: Entry<Call> = { key, call, places: [place], endMs, answer: undefined };
        byKey.set(keyName(call), entry);
        this.entries.push(entry);
      } else {
        known.places.push(place);
        known.endMs = Math.max(known.endMs, endMs);
      }
    }
  }

  /** Locks all rows, in the order of their keys so that two batches never wait for each other, and sorts out the fresh. */
  private async enter(): Promise<Fresh<Call>[]> {
    const sorted = this.entries.map(({ key }) => key).sort(byGidAndBranch);
    const met = await this.deps.rows.enter(this.executor, this.phase, sorted);
    const meetings = new Map(sorted.map((key, index) => [key, met[index]]));
    const fresh: Fresh<Call>[] = [];
    for (const entry of this.entries) {
      const meeting = meetings.get(entry.key);
      if (meeting === undefined) throw new Error('a key of the batch met nothing');
      const decision = this.decide(entry, meeting);
      if (decision !== undefined) fresh.push({ entry, decision });
    }
    return fresh;
  }

  private decide(entry: Entry<Call>, { found, reply }: Meeting): Run | undefined {
    const decision = decide(this.phase, found, this.cancelWithoutTry);
    switch (decision.kind) {
      case 'refuse':
        entry.answer = new Refused(decision.message, { status: decision.status, fence: decision.outcome });
        return undefined;
      case 'answer':
        entry.answer = new FenceResult(decision.outcome, decodePayload(reply), reply);
        return undefined;
      case 'run':
        return decision;
      case 'impossible':
        throw new Error(`the fence of a ${this.phase} found ${found}, which its statements cannot leave`);
    }
  }

  private inTime(fresh: readonly Fresh<Call>[]): Fresh<Call>[] {
    const nowMs = this.deps.clock.monotonicMs();
    return fresh.filter(({ entry }) => {
      if (entry.endMs > nowMs) return true;
      entry.answer = new CallExpired('the Try was not begun: its time is over');
      return false;
    });
  }

  private async serve(fresh: readonly Fresh<Call>[], work: FencedBatchWork<Call, unknown>): Promise<void> {
    const answers = await work(
      fresh.map(({ entry }) => entry.call),
      fresh.map(({ decision }) => decision.outcome),
    );
    if (answers !== undefined && answers.length !== fresh.length) {
      throw new RangeError(`${answers.length} answers to ${fresh.length} calls`);
    }
    for (const [index, { entry, decision }] of fresh.entries()) {
      const answer = answers?.[index];
      entry.answer =
        answer instanceof Error
          ? answer
          : new FenceResult(decision.outcome, answer, encodeReply(this.phase, answer, this.deps.maxReplyBytes));
    }
  }

  /** What stands between the business code and the commit. */
  private async settle(fresh: readonly Fresh<Call>[]): Promise<void> {
    const { rows } = this.deps;
    const served = fresh.filter(({ entry }) => entry.answer instanceof FenceResult);
    const steps = [
      await rows.remove(this.executor, this.takenBack(fresh)),
      this.phase === 'try' && (await rows.storeReplies(this.executor, this.replies(served))),
      this.phase === 'confirm' && (await rows.confirm(this.executor, keysOf(served.map(({ entry }) => entry)))),
      this.phase === 'confirm' && (await rows.touch(this.executor, this.repeats())),
      await rows.cancel(
        this.executor,
        keysOf(served.filter(({ decision }) => decision.thenCancelled).map(({ entry }) => entry)),
      ),
    ];
    if (!steps.includes(true)) await rows.probe(this.executor);
    const nowMs = this.deps.clock.monotonicMs();
    // Their business rows are written: only a rollback of them all takes them back.
    if (served.some(({ entry }) => entry.endMs <= nowMs)) {
      throw new CallExpired('the Trys were rolled back: the time of one is over');
    }
  }

  /** Rows that this batch has inserted for what it did not do. */
  private takenBack(fresh: readonly Fresh<Call>[]): FenceKey[] {
    const refused = fresh.filter(({ entry }) => !(entry.answer instanceof FenceResult));
    const inserted = refused.filter(
      ({ decision }) => this.phase === 'try' || (this.phase === 'cancel' && !decision.thenCancelled),
    );
    const expired = this.entries.filter(({ answer }) => answer instanceof CallExpired);
    return keysOf([...new Set([...inserted.map(({ entry }) => entry), ...expired])]);
  }

  private replies(served: readonly Fresh<Call>[]): KeptReply[] {
    return served.flatMap(({ entry: { key, answer } }) => {
      const payload = answer instanceof FenceResult ? answer.payload : undefined;
      return payload === undefined ? [] : [{ key, payload }];
    });
  }

  private repeats(): FenceKey[] {
    return keysOf(this.entries.filter(({ answer }) => answer instanceof FenceResult && answer.fence === 'REPEAT'));
  }

  /** Every call gets the answer of its branch; the second call about a branch is a repeat of the first. */
  private spread(): readonly FencedAnswer[] {
    for (const { places, answer } of this.entries) {
      for (const [index, place] of places.entries()) {
        const repeated = index > 0 && answer instanceof FenceResult;
        this.answers[place] = repeated ? new FenceResult('REPEAT', answer.reply, answer.payload) : answer;
      }
    }
    return this.answers.map((answer) => answer ?? new Error('a call of the batch was left without an answer'));
  }
}

function keysOf(entries: readonly { readonly key: FenceKey }[]): FenceKey[] {
  return entries.map(({ key }) => key).sort(byGidAndBranch);
}

/** Byte by byte, as the databases compare these keys; ids are ASCII. */
function byGidAndBranch(a: FenceKey, b: FenceKey): number {
  if (a.gid !== b.gid) return a.gid < b.gid ? -1 : 1;
  if (a.branchId === b.branchId) return 0;
  return a.branchId < b.branchId ? -1 : 1;
}
