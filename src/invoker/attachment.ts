/**
 * One attached instance: the calls that are out on its stream.
 * A1. Every call ends exactly once: by its reply, its time, or the end of the stream, and then as unknown.
 * A2. No more calls and bytes are out than the instance asked for: a slow instance holds back itself only.
 * A3. After `refuseNew` no call is sent; after `broken` none is left, and no timer (I13).
 */
import { status } from '@grpc/grpc-js';

import type { Outcome } from '../engine/outcome';
import type { Clock } from '../lib/clock';
import { EarliestTimer } from '../lib/earliest-timer';
import {
  bytesOf,
  callEntryBytes,
  fenceNames,
  phaseNumbers,
  type RawCallEntry,
  type RawReplyEntry,
} from '../wire/attach';
import { Framer } from '../wire/framer';
import { statusName } from '../wire/status';
import type { ParticipantCall } from './invoker';
import { done, failure } from './outcome';

export interface AttachmentOptions {
  readonly participant: string;
  readonly instanceId: string;
  /** The names of its actions. */
  readonly actions: ReadonlySet<string>;
  readonly maxCalls: number;
  readonly maxBytes: number;
  /** The largest payload of a reply that is kept, in bytes. */
  readonly payloadBytes: number;
}

export interface AttachmentDeps {
  readonly clock: Clock;
  /** Sends one frame; false when the stream is full until `drained` is called. */
  readonly send: (entries: readonly RawCallEntry[]) => boolean;
  /** There is room for more calls, or there will be none any more. */
  readonly roomChanged: () => void;
}

interface Out {
  readonly call: ParticipantCall;
  readonly bytes: number;
  readonly endsAtMs: number;
  readonly resolve: (outcome: Outcome) => void;
}

const OK: number = status.OK;
const LARGEST_ID = 2 ** 32 - 1;

export class Attachment {
  readonly participant: string;
  readonly instanceId: string;
  private readonly options: AttachmentOptions;
  private readonly deps: AttachmentDeps;
  private readonly out = new Map<number, Out>();
  private readonly framer: Framer<RawCallEntry>;
  private readonly expiry: EarliestTimer;
  private bytesOut = 0;
  private lastId = 0;
  private closed = false;
  private whenIdle: (() => void)[] = [];

  constructor(options: AttachmentOptions, deps: AttachmentDeps) {
    this.participant = options.participant;
    this.instanceId = options.instanceId;
    this.options = options;
    this.deps = deps;
    this.framer = new Framer(deps.send);
    this.expiry = new EarliestTimer(deps.clock, (nowMs) => this.expire(nowMs));
  }

  get inFlight(): number {
    return this.out.size;
  }

  /** Whether it takes calls of this action at all. */
  serves(action: string): boolean {
    return !this.closed && this.options.actions.has(action);
  }

  /** Whether one more call fits (A2). A call larger than the whole bound goes when nothing else is out. */
  hasRoom(bytes: number): boolean {
    if (this.closed || this.out.size >= this.options.maxCalls) return false;
    return this.bytesOut + bytes <= this.options.maxBytes || this.out.size === 0;
  }

  /** Sends a call that there is room for. It ends at `endsAtMs` (monotonic) at the latest. */
  call(call: ParticipantCall, endsAtMs: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const id = this.nextId();
      const { gid, branchId, action, attempt, payload } = call;
      const remainingMs = Math.max(1, Math.floor(endsAtMs - this.deps.clock.monotonicMs()));
      const entry: RawCallEntry = {
        id,
        phase: phaseNumbers[call.phase],
        call: { gid, branchId, action, attempt, remainingMs, payload },
      };
      const bytes = callEntryBytes(entry);
      this.out.set(id, { call, bytes, endsAtMs, resolve });
      this.bytesOut += bytes;
      this.expiry.include(endsAtMs);
      this.framer.push(entry, bytes);
    });
  }

  /** Replies came. One to a call that is not out any more is dropped: it was too late. */
  answered(entries: readonly RawReplyEntry[]): void {
    for (const entry of entries) this.end(entry.id, (call) => this.outcomeOf(call, entry));
    this.settled();
  }

  /** The stream takes more. */
  drained(): void {
    this.framer.drained();
  }

  /** Sends no further call. Resolves when none is out. */
  refuseNew(): Promise<void> {
    this.closed = true;
    this.deps.roomChanged();
    if (this.out.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenIdle.push(resolve));
  }

  /** The stream is over: nobody can say what became of the calls that are out. */
  broken(): void {
    this.closed = true;
    this.framer.close();
    this.expiry.stop();
    const lost = failure('UNAVAILABLE', `the stream of ${this.participant}/${this.instanceId} broke`);
    for (const id of [...this.out.keys()]) this.end(id, () => lost);
    this.settled();
  }

  private outcomeOf(call: ParticipantCall, { reply, failure: failed }: RawReplyEntry): Outcome {
    if (failed) {
      // OK is no failure; a participant that says so is broken, and its call unknown.
      const code = failed.code === OK ? 'UNKNOWN' : statusName(failed.code);
      return { ...failure(code, failed.message), fence: fenceNames[failed.fence ?? 0] };
    }
    const read = () => ({
      payload: reply?.payload ? { data: bytesOf(reply.payload), contentType: reply.payload.contentType } : undefined,
      fence: fenceNames[reply?.fence ?? 0],
    });
    return done(call.phase, read, this.options.payloadBytes);
  }

  private end(id: number, outcome: (call: ParticipantCall) => Outcome): void {
    const out = this.out.get(id);
    if (out === undefined) return;
    this.out.delete(id);
    this.bytesOut -= out.bytes;
    out.resolve(outcome(out.call));
  }

  private expire(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const [id, { endsAtMs, call }] of this.out) {
      if (endsAtMs <= nowMs) this.end(id, () => failure('DEADLINE_EXCEEDED', `no answer in ${call.timeoutMs} ms`));
      else if (next === undefined || endsAtMs < next) next = endsAtMs;
    }
    this.settled();
    return next;
  }

  private settled(): void {
    this.deps.roomChanged();
    if (this.out.size > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private nextId(): number {
    do this.lastId = this.lastId >= LARGEST_ID ? 1 : this.lastId + 1;
    while (this.out.has(this.lastId));
    return this.lastId;
  }
}
