/**
 * One ExecuteStream to one coordinator: the calls of one turn of the event loop leave in one frame.
 * C1. Every call ends exactly once: by its answer, its deadline, its signal, or the end of the stream. The order means nothing.
 * C2. A call that is open when the stream ends fails as it would on a lost connection: whether it took effect is not known, and
 *     whoever made it may send the same again (failover.ts does).
 * C3. Once it is idle it ends by itself, and with it its timer: then nothing of it keeps the process alive.
 * C4. No frame is larger than the coordinator takes, which it says once the stream stands. Frames that leave before that are as small
 *     as every coordinator takes them: one that is too large would end the stream, and with it every call that is open.
 */
import { type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';

import type { Signal } from '../../lib/abort';
import type { Clock } from '../../lib/clock';
import { DEADLINE_GRAIN_MS, EarliestTimer } from '../../lib/earliest-timer';
import { Numbered } from '../../lib/numbered';
import { clampTimeoutMs } from '../../wire/deadline';
import {
  type CallKind,
  encodeAbandon,
  encodeCall,
  type EncodedFrame,
  errorOf,
  type Frame,
  type RawReply,
  serviceError,
} from '../../wire/execute-stream';
import { FRAME_BYTES, Framer } from '../../wire/framer';
import { boundOfHeaders, SMALLEST_MESSAGE_BYTES } from '../../wire/message-bound';
import { statusName } from '../../wire/status';
import type { CallLimits } from './transport';

/**
 * How long a stream without calls stays open, in milliseconds. Until then it keeps the process alive, so it is too short for
 * anybody to notice; and whoever calls less often than this pays no more than for unary calls, each of which opens a stream too.
 */
const IDLE_MS = 100;

/** What a frame has around an entry: a tag, and a length of five bytes at most. */
const ENTRY_ROOM = 6;

/** What a call fails with when its answer is of another kind. */
const NO_ANSWER = 'the answer holds neither a response nor a failure';

export type CallDuplex = ClientDuplexStream<EncodedFrame, Frame<RawReply>>;

interface OpenCall {
  readonly id: number;
  readonly kind: CallKind;
  readonly endsAtMs: number;
  readonly signal: Signal;
  readonly cancel: () => void;
  /** Makes the same call without a stream. */
  readonly alone: () => Promise<object>;
  readonly resolve: (response: object | Promise<object>) => void;
  readonly reject: (error: Error) => void;
}

interface EndStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

export class CallStream {
  private readonly duplex: CallDuplex;
  private readonly clock: Clock;
  private readonly ended: (stream: CallStream, refused: boolean) => void;
  private readonly open = new Numbered<OpenCall>();
  private readonly framer: Framer<Uint8Array>;
  private readonly timer: EarliestTimer;
  /** What a frame may hold now. */
  private frameBytes = SMALLEST_MESSAGE_BYTES;
  private usedAtMs: number;
  private state: 'open' | 'ending' | 'over' = 'open';
  /** Why the coordinator's frames cannot be read. */
  private fault: string | undefined;

  /** `ended` hears once of the end, also of an end by itself; `refused` when the server will not have such streams. */
  constructor(
    duplex: CallDuplex,
    deps: { readonly clock: Clock; readonly ended: (stream: CallStream, refused: boolean) => void },
  ) {
    this.duplex = duplex;
    this.clock = deps.clock;
    this.usedAtMs = deps.clock.monotonicMs();
    this.ended = deps.ended;
    this.framer = new Framer((frame) => duplex.write(frame), this.frameBytes);
    this.timer = new EarliestTimer(deps.clock, (nowMs) => this.look(nowMs));
    duplex.on('metadata', (headers: Metadata) => this.observe(headers));
    duplex.on('data', (frame: Frame<RawReply>) => this.received(frame));
    duplex.on('drain', () => this.framer.drained());
    duplex.on('status', (end: EndStatus) => this.finish(end));
    // The status says the same; without a listener an error would end the process.
    duplex.on('error', () => undefined);
    // The call that it was opened for may not fit, and then nothing else would ever end it.
    this.timer.include(this.usedAtMs + IDLE_MS);
  }

  /** Whether it takes calls. */
  get isOpen(): boolean {
    return this.state === 'open';
  }

  /**
   * Sends one call. Rejects with what the unary call would have failed with. Undefined, and nothing is sent, when the request does not
   * fit: it is larger than a frame may be (now), or has values that unary calls would convert. `alone` makes the same call by itself:
   * it is for when the coordinator, or something before it, cannot carry calls in this way.
   */
  ask(kind: CallKind, request: object, limits: CallLimits, alone: () => Promise<object>): Promise<object> | undefined {
    const id = this.open.next();
    const timeoutMs = clampTimeoutMs(limits.timeoutMs);
    const bytes = encoded(id, timeoutMs, kind, request);
    if (bytes === undefined || bytes.length + ENTRY_ROOM > this.frameBytes) return undefined;
    if (limits.signal.aborted) return Promise.reject(cancelledError());
    return new Promise((resolve, reject) => {
      const cancel = () => this.cancelled(id);
      const endsAtMs = this.clock.monotonicMs() + timeoutMs;
      this.open.set(id, { id, kind, endsAtMs, signal: limits.signal, cancel, alone, resolve, reject });
      limits.signal.addEventListener('abort', cancel);
      this.timer.include(endsAtMs);
      this.framer.push(bytes, bytes.length + ENTRY_ROOM, this.open.size === 1);
    });
  }

  /** Ends it now; calls that are open fail as on a lost connection, and `why` is what they say. */
  close(why = 'the client is closed'): void {
    this.duplex.cancel();
    this.finish({ code: status.UNAVAILABLE, details: why, metadata: new Metadata() });
  }

  private observe(headers: Metadata): void {
    const messageBytes = boundOfHeaders(headers);
    if (messageBytes === undefined) return;
    this.frameBytes = Math.min(FRAME_BYTES, messageBytes);
    this.framer.resize(this.frameBytes);
  }

  private received({ entries, fault }: Frame<RawReply>): void {
    if (fault !== undefined) {
      this.spoil(fault);
      return;
    }
    for (const reply of entries) {
      const call = this.taken(reply.id);
      if (call === undefined) continue;
      const response = reply[call.kind];
      if (reply.failure !== null) call.reject(errorOf(reply.failure));
      else if (response !== null) call.resolve(response);
      else call.reject(serviceError(status.INTERNAL, reply.unreadable ?? NO_ANSWER));
    }
  }

  /** A frame that cannot be read may hold an answer to any call: the stream is given up, and `finish` hears of it. */
  private spoil(fault: string): void {
    if (this.state === 'over') return;
    this.fault ??= fault;
    this.state = 'ending';
    this.duplex.cancel();
  }

  /** The call, which is not open any more. */
  private taken(id: number): OpenCall | undefined {
    const call = this.open.get(id);
    if (call === undefined) return undefined;
    this.open.delete(id);
    call.signal.removeEventListener('abort', call.cancel);
    if (this.open.size === 0) {
      this.usedAtMs = this.clock.monotonicMs();
      this.timer.include(this.usedAtMs + IDLE_MS);
    }
    return call;
  }

  private cancelled(id: number): void {
    const call = this.taken(id);
    if (call === undefined) return;
    const abandon = encodeAbandon(id);
    this.framer.push(abandon, abandon.length + ENTRY_ROOM);
    call.reject(cancelledError());
  }

  /** Ends the calls whose time is over, and the stream when it is idle; says when to look again. */
  private look(nowMs: number): number | undefined {
    let next = Infinity;
    for (const { id, endsAtMs } of this.open.all()) {
      if (endsAtMs > nowMs) next = Math.min(next, endsAtMs);
      else this.taken(id)?.reject(serviceError(status.DEADLINE_EXCEEDED, 'Deadline exceeded'));
    }
    if (this.open.size > 0) return Math.max(next, nowMs + DEADLINE_GRAIN_MS);
    const idleAtMs = this.usedAtMs + IDLE_MS;
    if (idleAtMs > nowMs) return idleAtMs;
    if (this.state !== 'open') {
      this.duplex.cancel();
      return undefined;
    }
    this.state = 'ending';
    this.framer.flushAndClose();
    this.duplex.end();
    // A server that does not end its side, or a connection that never came, is not waited for.
    return nowMs + IDLE_MS;
  }

  private finish(heard: EndStatus): void {
    if (this.state === 'over') return;
    // What has arrived before the end still counts.
    while ((this.duplex.read() as unknown) !== null);
    this.state = 'over';
    this.timer.stop();
    this.framer.close();
    const end = this.fault === undefined ? heard : unreadable(this.fault);
    const refused = refusals.has(end.code);
    const lost = this.open.all().flatMap(({ id }) => this.taken(id) ?? []);
    this.ended(this, refused);
    const error = lostError(end);
    for (const { alone, resolve, reject } of lost) {
      if (refused) resolve(alone());
      else reject(error);
    }
  }
}

/**
 * How a stream ends that the server does not have (UNIMPLEMENTED), or whose frames are more than it takes: unary calls may
 * still come through, each by itself.
 */
const refusals: ReadonlySet<status> = new Set([
  status.UNIMPLEMENTED,
  status.RESOURCE_EXHAUSTED,
  status.INVALID_ARGUMENT,
]);

/** What a call fails with that was open when the stream ended (C2): as on a lost connection, unless the client is not welcome. */
function lostError({ code, details, metadata }: EndStatus): ServiceError {
  switch (code) {
    case status.UNAVAILABLE:
    case status.PERMISSION_DENIED:
    case status.UNAUTHENTICATED:
      return serviceError(code, details, metadata);
    default:
      return serviceError(
        status.UNAVAILABLE,
        `the stream of calls ended with ${statusName(code)}: ${details}`,
        metadata,
      );
  }
}

/** How a stream ends whose frames cannot be read here: a unary answer still may be. */
function unreadable(fault: string): EndStatus {
  return { code: status.INVALID_ARGUMENT, details: `a frame cannot be read: ${fault}`, metadata: new Metadata() };
}

/** Undefined for a request that plain JavaScript has filled with something else than the types say. */
function encoded(id: number, timeoutMs: number, kind: CallKind, request: object): Uint8Array | undefined {
  try {
    return encodeCall(id, timeoutMs, kind, request);
  } catch {
    return undefined;
  }
}

function cancelledError(): ServiceError {
  return serviceError(status.CANCELLED, 'Cancelled on client');
}
