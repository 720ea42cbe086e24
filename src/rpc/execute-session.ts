/**
 * One ExecuteStream: the calls of an application in frames, each entry served by the function that serves the unary call.
 * X1. Every entry is answered exactly once, or not at all when it was abandoned or the stream is gone. One bad entry gets its own
 *     failure and harms no other.
 * X2. An entry waits no longer than its time. Whatever ends the wait ends nothing else: the transaction goes on.
 * X3. What waits to leave is bounded by the entries in flight: while the client reads nothing, nothing more is read from it.
 * X4. However the stream ends, nothing of it is left (I13), and every reply that was ready has been handed to it.
 */
import { Abort, type Signal } from '../lib/abort';
import { ChurnMap } from '../lib/churn-map';
import type { Clock } from '../lib/clock';
import { DEADLINE_GRAIN_MS, EarliestTimer } from '../lib/earliest-timer';
import { TccError } from '../lib/errors';
import { NOWHERE } from '../lib/roster';
import {
  type CallKind,
  type EncodedFrame,
  encodeFailure,
  encodeReply,
  failureOf,
  type Frame,
  kindOf,
  methodNames,
  type RawCall,
} from '../wire/execute-stream';
import { FRAME_BYTES, Framer } from '../wire/framer';
import { toStatus, type WireStatus } from '../wire/status';
import { type Abortable, type Calls, type InFlight, tooMany } from './handler';

/**
 * Entries of one stream that may be unanswered at a time; more are refused one by one. As many as the unary calls that one
 * connection may have open (wire/channel.ts), so that neither way of calling gets more than the other.
 */
export const STREAM_ENTRIES = 20_000;

/** The stream as gRPC gives it. */
export interface CallStream {
  /** False when it is full until it says `drained`. */
  write(frame: EncodedFrame): boolean;
  /** Requests that have not arrived yet stay with the client. */
  pause(): void;
  resume(): void;
  /** Ends the stream after what was written: well, or with a status. */
  end(status: WireStatus | undefined): void;
}

/** Serves the calls of each kind. */
export type Served = Readonly<Record<CallKind, (request: object, signal: Signal) => Promise<object>>>;

export interface SessionDeps {
  readonly served: Served;
  readonly calls: Calls;
  readonly clock: Clock;
}

/** An entry that is not answered yet. */
interface OpenEntry extends InFlight {
  readonly id: number;
  readonly kind: CallKind;
  readonly request: object;
  readonly startedMs: number;
  readonly endsAtMs: number;
  readonly wait: Abort;
  answered: boolean;
}

export class ExecuteSession implements Abortable {
  private readonly stream: CallStream;
  private readonly deps: SessionDeps;
  private readonly entries = new ChurnMap<number, OpenEntry>();
  private readonly replies: Framer<Uint8Array>;
  private readonly deadlines: EarliestTimer;
  /** The client has said all that it wants to say. */
  private lastWord = false;
  /** Set once this coordinator shuts down: why new entries and finally the stream are turned away. */
  private draining: TccError | undefined;
  private over = false;

  constructor(stream: CallStream, limits: { readonly messageBytes: number }, deps: SessionDeps) {
    this.stream = stream;
    this.deps = deps;
    // Half a message at most, so that a frame and one entry of the largest size both fit.
    const frameBytes = Math.min(FRAME_BYTES, Math.floor(limits.messageBytes / 2));
    this.replies = new Framer((frame) => this.send(frame), frameBytes);
    this.deadlines = new EarliestTimer(deps.clock, (nowMs) => this.expire(nowMs), DEADLINE_GRAIN_MS);
  }

  received(frame: Frame<RawCall>): void {
    if (this.over) return;
    if (frame.fault !== undefined) {
      this.end(toStatus(new TccError('INVALID_REQUEST', frame.fault)));
      return;
    }
    const nowMs = this.deps.clock.monotonicMs();
    for (const call of frame.entries) this.take(call, nowMs);
  }

  /** The stream takes more. */
  drained(): void {
    if (this.over) return;
    this.stream.resume();
    this.replies.drained();
  }

  /** No more requests come; those that are open finish. */
  halfClosed(): void {
    this.lastWord = true;
    this.endIfDone();
  }

  /** The client is gone: nobody waits any more. */
  gone(): void {
    if (this.over) return;
    this.replies.close();
    this.finish();
  }

  /** This coordinator shuts down: what is open finishes, and then the stream ends so that the client moves on. */
  abort(reason: unknown): void {
    this.draining = reason as TccError;
    this.endIfDone();
  }

  private take(call: RawCall, nowMs: number): void {
    if (call.abandon !== null) {
      this.abandoned(call.id);
      return;
    }
    const kind = kindOf(call);
    try {
      this.start(this.admitted(call, kind, nowMs));
    } catch (error) {
      const method = kind === undefined ? 'ExecuteStream' : methodNames[kind];
      const answer = this.deps.calls.failed(method, (kind && call[kind]) ?? {}, nowMs, error);
      this.reply(encodeFailure(call.id, failureOf(answer)));
    }
  }

  /** The entry with its place among the calls in flight, or throws why it gets none. */
  private admitted(call: RawCall, kind: CallKind | undefined, nowMs: number): OpenEntry {
    const { id, timeoutMs } = call;
    if (this.draining !== undefined) throw this.draining;
    if (id === 0) throw invalid('id', 'must not be 0');
    if (call.unreadable !== null) throw invalid('request', call.unreadable);
    const request = kind && call[kind];
    if (kind === undefined || !request) throw invalid('request', 'must be one of those that this coordinator knows');
    if (this.entries.has(id)) throw invalid('id', `is that of another entry (${id}) that is not answered yet`);
    if (this.entries.size >= STREAM_ENTRIES)
      throw tooMany('entries in flight on one stream', 'entries', STREAM_ENTRIES);
    const entry: OpenEntry = {
      id,
      kind,
      request,
      startedMs: nowMs,
      endsAtMs: timeoutMs === 0 ? Infinity : nowMs + timeoutMs,
      wait: new Abort(),
      answered: false,
      place: NOWHERE,
      abort: (reason) => this.dismissed(entry, reason),
    };
    this.deps.calls.enter(entry);
    this.entries.set(id, entry);
    this.deadlines.include(entry.endsAtMs);
    return entry;
  }

  private start(entry: OpenEntry): void {
    this.deps.served[entry.kind](entry.request, entry.wait).then(
      (response) => {
        this.deps.calls.leave(entry);
        this.succeeded(entry, response);
      },
      (error: unknown) => {
        this.deps.calls.leave(entry);
        this.failed(entry, error);
      },
    );
  }

  private succeeded(entry: OpenEntry, response: object): void {
    if (entry.answered) return;
    let bytes: Uint8Array;
    try {
      bytes = encodeReply(entry.id, entry.kind, response);
    } catch (error) {
      this.failed(entry, error);
      return;
    }
    this.deps.calls.report(methodNames[entry.kind], entry.request, entry.startedMs);
    this.answer(entry, bytes);
  }

  private failed(entry: OpenEntry, error: unknown): void {
    if (entry.answered) return;
    const answer = this.deps.calls.failed(methodNames[entry.kind], entry.request, entry.startedMs, error);
    this.answer(entry, encodeFailure(entry.id, failureOf(answer)));
  }

  private answer(entry: OpenEntry, bytes: Uint8Array): void {
    entry.answered = true;
    this.entries.delete(entry.id);
    this.reply(bytes);
    this.endIfDone();
  }

  private reply(bytes: Uint8Array): void {
    this.replies.push(bytes, bytes.length, this.entries.size === 0);
  }

  private abandoned(id: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    entry.answered = true;
    this.entries.delete(id);
    entry.wait.abort();
    this.endIfDone();
  }

  /** The shutdown waits no longer for it. */
  private dismissed(entry: OpenEntry, reason: unknown): void {
    this.deps.calls.leave(entry);
    this.failed(entry, reason);
    entry.wait.abort();
  }

  /** Ends the waits whose time is over; says when the next one's is. */
  private expire(nowMs: number): number | undefined {
    let next = Infinity;
    for (const entry of this.entries.values()) {
      if (entry.endsAtMs > nowMs) {
        next = Math.min(next, entry.endsAtMs);
        continue;
      }
      this.failed(entry, new TccError('WAIT_ABANDONED', 'the time for this call is over; its transaction goes on'));
      entry.wait.abort();
    }
    return next === Infinity ? undefined : next;
  }

  private send(frame: EncodedFrame): boolean {
    const takesMore = this.stream.write(frame);
    if (!takesMore) this.stream.pause();
    return takesMore;
  }

  private endIfDone(): void {
    if (this.over || this.entries.size > 0) return;
    if (this.draining !== undefined) this.end(toStatus(this.draining));
    else if (this.lastWord) this.end(undefined);
  }

  private end(status: WireStatus | undefined): void {
    this.replies.flushAndClose();
    this.finish();
    this.stream.end(status);
  }

  private finish(): void {
    this.over = true;
    this.deadlines.stop();
    for (const entry of this.entries.values()) {
      entry.answered = true;
      entry.wait.abort();
    }
    this.entries.clear();
    this.deps.calls.close(this);
  }
}

function invalid(field: string, description: string): TccError {
  return new TccError('INVALID_REQUEST', `${field}: ${description}`, { violations: [{ field, description }] });
}
