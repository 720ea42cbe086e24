/**
 * One attached instance: the calls that are out on its stream.
 * A1. Every call ends exactly once: by its reply, its time, or the end of the stream, and then as unknown.
 * A2. No more calls and payload bytes are out than the instance asked for: a slow instance holds back itself only. A call whose
 *     time is over before it could leave does not leave any more, so that nothing gathers for an instance that does not read.
 * A3. After `refuseNew` no call is sent; after `broken` none is left, and no timer (I13).
 */
import { status } from '@grpc/grpc-js';

import type { Outcome } from '../engine/outcome';
import type { Clock } from '../lib/clock';
import { EarliestTimer } from '../lib/earliest-timer';
import { Numbered } from '../lib/numbered';
import {
  callEntryBytes,
  fenceNames,
  phaseNumbers,
  type RawBranchCall,
  type RawCallEntry,
  type RawReplyEntry,
} from '../wire/attach';
import { Framer } from '../wire/framer';
import { ownBytes } from '../wire/raw-bytes';
import { statusName } from '../wire/status';
import type { Caller, ParticipantCall } from './invoker';
import { done, failure } from './outcome';

export interface AttachmentOptions {
  readonly participant: string;
  readonly instanceId: string;
  /** The names of its actions. */
  readonly actions: ReadonlySet<string>;
  readonly maxCalls: number;
  readonly maxBytes: number;
  /** The largest frame, unless a single call is larger. */
  readonly frameBytes: number;
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

/** A call as it travels, and what is known of it here. */
interface Out extends RawCallEntry {
  /** The time that it has left is known when it leaves: the stream may have been full for a while. */
  readonly call: RawBranchCall & { remainingMs: number };
  readonly asked: ParticipantCall;
  readonly caller: Caller;
  readonly endsAtMs: number;
}

const OK: number = status.OK;

export class Attachment {
  readonly participant: string;
  readonly instanceId: string;
  private readonly options: AttachmentOptions;
  private readonly deps: AttachmentDeps;
  private readonly out = new Numbered<Out>();
  private readonly framer: Framer<Out>;
  private readonly expiry: EarliestTimer;
  private bytesOut = 0;
  private closed = false;
  private whenIdle: (() => void)[] = [];

  constructor(options: AttachmentOptions, deps: AttachmentDeps) {
    this.participant = options.participant;
    this.instanceId = options.instanceId;
    this.options = options;
    this.deps = deps;
    this.framer = new Framer((entries) => this.send(entries), options.frameBytes);
    this.expiry = new EarliestTimer(deps.clock, (nowMs) => this.expire(nowMs));
  }

  get inFlight(): number {
    return this.out.size;
  }

  /** Whether it takes calls. */
  get isOpen(): boolean {
    return !this.closed;
  }

  /** Whether it takes calls of this action at all. */
  serves(action: string): boolean {
    return !this.closed && this.options.actions.has(action);
  }

  /** Whether one more call with so many bytes of payload fits (A2). A call larger than the whole bound goes when nothing else is out. */
  hasRoom(bytes: number): boolean {
    if (this.closed || this.out.size >= this.options.maxCalls) return false;
    return this.bytesOut + bytes <= this.options.maxBytes || this.out.size === 0;
  }

  /** Sends a call that there is room for. It ends at `endsAtMs` (monotonic) at the latest. */
  call(call: ParticipantCall, caller: Caller, endsAtMs: number): void {
    const id = this.out.next();
    const { gid, branchId, action, attempt, payload } = call;
    const wire = { gid, branchId, action, attempt, remainingMs: call.timeoutMs, payload };
    const entry: Out = { id, phase: phaseNumbers[call.phase], call: wire, asked: call, caller, endsAtMs };
    this.out.set(id, entry);
    this.bytesOut += payload.data.length;
    this.expiry.include(endsAtMs);
    this.framer.push(entry, callEntryBytes(entry), this.out.size === 1);
  }

  /** Replies came. One to a call that is not out any more is dropped: it was too late. */
  answered(entries: readonly RawReplyEntry[]): void {
    for (const entry of entries) {
      const out = this.out.get(entry.id);
      if (out !== undefined) this.end(out, this.outcomeOf(out.asked, entry));
    }
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
    // Whoever calls again on hearing of it must find that it is away.
    this.deps.roomChanged();
    const lost = failure('UNAVAILABLE', `the stream of ${this.participant}/${this.instanceId} broke`);
    for (const out of this.out.all()) this.end(out, lost);
    this.tellIdle();
  }

  private send(entries: readonly Out[]): boolean {
    const nowMs = this.deps.clock.monotonicMs();
    for (const { call, endsAtMs } of entries) call.remainingMs = Math.max(1, Math.floor(endsAtMs - nowMs));
    return this.deps.send(entries);
  }

  private outcomeOf(call: ParticipantCall, { reply, failure: failed, unreadable }: RawReplyEntry): Outcome {
    // Whether it is a reply or a failure stands in what cannot be read.
    if (unreadable !== undefined) return failure('INTERNAL', unreadable);
    if (failed) {
      // OK is no failure; a participant that says so is broken, and its call unknown.
      const code = failed.code === OK ? 'UNKNOWN' : statusName(failed.code);
      return { ...failure(code, failed.message), fence: fenceNames[failed.fence ?? 0] };
    }
    if (reply?.unreadable !== undefined) return done(call.phase, undefined, this.options.payloadBytes);
    const payload = reply?.payload ? { ...reply.payload, data: ownBytes(reply.payload.data) } : undefined;
    return done(call.phase, { payload, fence: fenceNames[reply?.fence ?? 0] }, this.options.payloadBytes);
  }

  private end(out: Out, outcome: Outcome): void {
    if (!this.out.delete(out.id)) return;
    this.bytesOut -= out.asked.payload.data.length;
    out.caller.answered(out.asked, outcome);
  }

  private expire(nowMs: number): number | undefined {
    let next: number | undefined;
    let isAnyOver = false;
    for (const out of this.out.all()) {
      const { endsAtMs, asked } = out;
      if (endsAtMs <= nowMs) {
        isAnyOver = true;
        this.end(out, failure('DEADLINE_EXCEEDED', `no answer in ${asked.timeoutMs} ms`));
      } else if (next === undefined || endsAtMs < next) {
        next = endsAtMs;
      }
    }
    if (isAnyOver) this.framer.keepOnly(({ id }) => this.out.has(id));
    this.settled();
    return next;
  }

  private settled(): void {
    this.deps.roomChanged();
    this.tellIdle();
  }

  private tellIdle(): void {
    if (this.out.size > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}
