/**
 * What every call goes through, whatever service it is for: a place among the calls in flight, a signal that stands for the caller
 * (gone, or its deadline over), the status of an error, one debug line. The services behind it know nothing of gRPC.
 * H1. Every call ends exactly once: with a reply, a status, or nothing when the caller is gone.
 * H2. A call over a bound is refused before anything else looks at it.
 * H3. After `startDraining` no watch stays open, and a stream that carries calls only until those are answered; none is opened;
 *     after `dismiss` no call is left.
 */
import { type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream, status } from '@grpc/grpc-js';

import { Abort, type Signal } from '../lib/abort';
import type { Clock } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import { NOWHERE, type Placed, Roster } from '../lib/roster';
import { statusName, toStatus, type WireStatus } from '../wire/status';
import { readable } from './request-parts';

/**
 * Streams that carry calls and may be open at once, over all clients: each client keeps one, and an idle one costs a few kB. The
 * entries on them are bounded by the calls in flight.
 */
const CARRIERS = 10_000;

export interface CallLimits {
  /** Calls that may be in flight: unary ones and entries of streams. */
  readonly callsInFlight: number;
  /** Watch streams that may be open (`limits.watchers`). */
  readonly watchers: number;
}

export interface CallDeps {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Something that is told when nobody waits for it any more, or when this coordinator shuts down (with a DRAINING error). */
export interface Abortable {
  abort(reason: unknown): void;
}

/** A call that holds a place among those in flight. */
export interface InFlight extends Abortable, Placed {}

/** Serves one unary method. `signal` is aborted when the caller is gone or its deadline has passed. */
export type UnaryHandler<Request, Response> = (request: Request, signal: Signal) => Promise<Response>;

/** Serves one server-streaming method. It ends soon after `signal` is aborted. */
export type StreamHandler<Request, Response> = (request: Request, signal: Signal) => AsyncIterable<Response>;

export class Calls {
  private readonly inFlight = new Roster<InFlight>();
  private readonly watches = new Set<Abortable>();
  private readonly carriers = new Set<Abortable>();
  private draining = false;
  private readonly whenIdle: (() => void)[] = [];
  private readonly limits: CallLimits;
  private readonly deps: CallDeps;

  constructor(limits: CallLimits, deps: CallDeps) {
    this.limits = limits;
    this.deps = deps;
  }

  unary<Request, Response>(
    method: string,
    handle: UnaryHandler<Request, Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      const startedMs = this.deps.clock.monotonicMs();
      const caller = new Caller();
      call.on('cancelled', () => caller.abort());
      void this.counted(caller, () => handle(readable(call.request), caller)).then(
        (response) => {
          this.report(method, call.request, startedMs);
          callback(null, response);
        },
        (error: unknown) => {
          callback(this.failed(method, call.request, startedMs, error));
        },
      );
    };
  }

  serverStream<Request, Response>(
    method: string,
    handle: StreamHandler<Request, Response>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      const startedMs = this.deps.clock.monotonicMs();
      const caller = new Abort();
      call.on('cancelled', () => caller.abort());
      void this.stream(call, caller, handle).then(
        () => {
          this.report(method, call.request, startedMs);
          call.end();
        },
        (error: unknown) => {
          call.emit('error', this.failed(method, call.request, startedMs, error));
        },
      );
    };
  }

  /** Takes a place among the calls in flight for an entry of a stream; throws when there is none. */
  enter(entry: InFlight): void {
    if (this.inFlight.size >= this.limits.callsInFlight) {
      throw tooMany('calls in flight', 'callsInFlight', this.limits.callsInFlight);
    }
    this.inFlight.add(entry);
  }

  /** Gives the place back. May be called again. */
  leave(entry: InFlight): void {
    this.inFlight.delete(entry);
    this.tellIdle();
  }

  /** A stream that carries calls opens; throws when draining, or when as many are open as may be. */
  open(carrier: Abortable): void {
    if (this.draining) throw drainingError();
    if (this.carriers.size >= CARRIERS) throw tooMany('streams of calls', 'carriers', CARRIERS);
    this.carriers.add(carrier);
  }

  /** It is over. May be called again. */
  close(carrier: Abortable): void {
    this.carriers.delete(carrier);
    this.tellIdle();
  }

  /** Ends every watch with DRAINING, tells the streams that carry calls, and refuses new ones; calls go on. */
  startDraining(): void {
    this.draining = true;
    for (const stream of [...this.watches, ...this.carriers]) stream.abort(drainingError());
  }

  /** Answers every call that is still in flight with DRAINING: its client may ask another coordinator at once. */
  dismiss(): void {
    for (const call of this.inFlight.all()) call.abort(drainingError());
  }

  /** Resolves when nothing is in flight and no stream is open. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle.push(resolve);
      this.tellIdle();
    });
  }

  /** Logs a call that went well. */
  report(method: string, request: unknown, startedMs: number): void {
    this.deps.logger.debug(this.fields(method, request, startedMs, status.OK), 'call answered');
  }

  /** Logs a call that failed, and returns the status that it ends with. */
  failed(method: string, request: unknown, startedMs: number, error: unknown): WireStatus {
    const answer = toStatus(error);
    const fields = this.fields(method, request, startedMs, answer.code);
    if (answer.code === status.INTERNAL) this.deps.logger.error({ ...fields, err: error }, 'call failed on a bug');
    else this.deps.logger.debug(fields, 'call answered');
    return answer;
  }

  private fields(method: string, request: unknown, startedMs: number, code: status) {
    const durationMs = Math.round(this.deps.clock.monotonicMs() - startedMs);
    return { method, gid: gidOf(request), durationMs, code: statusName(code) };
  }

  private async counted<Response>(caller: Caller, handle: () => Promise<Response>): Promise<Response> {
    this.enter(caller);
    try {
      return await Promise.race([handle(), dismissal(caller)]);
    } finally {
      this.leave(caller);
    }
  }

  private async stream<Request, Response>(
    call: ServerWritableStream<Request, Response>,
    caller: Abort,
    handle: StreamHandler<Request, Response>,
  ): Promise<void> {
    if (this.draining) throw drainingError();
    if (this.watches.size >= this.limits.watchers) throw tooMany('watchers', 'watchers', this.limits.watchers);
    this.watches.add(caller);
    try {
      for await (const message of handle(readable(call.request), caller)) {
        if (caller.aborted) break;
        if (!call.write(message)) await writable(call, caller);
      }
    } catch (error) {
      // Being told to stop is why it failed, whatever the handler made of it.
      throw drainingReason(caller) ?? error;
    } finally {
      this.watches.delete(caller);
      this.tellIdle();
    }
    const reason = drainingReason(caller);
    if (reason !== undefined) throw reason;
  }

  private tellIdle(): void {
    if (this.whenIdle.length === 0) return;
    if (this.inFlight.size > 0 || this.watches.size > 0 || this.carriers.size > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }
}

/** The caller of a unary call. */
class Caller extends Abort implements InFlight {
  place = NOWHERE;
}

/** Resolves when the stream takes more, or when nobody waits for it any more. */
function writable(call: ServerWritableStream<unknown, unknown>, signal: Signal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    call.once('drain', done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

function gidOf(request: unknown): string | undefined {
  const gid = (request as { readonly gid?: unknown }).gid;
  return typeof gid === 'string' && gid !== '' ? gid.slice(0, 64) : undefined;
}

/** Rejects when the call is dismissed; a caller that goes away by itself needs no answer. */
function dismissal(signal: Signal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      const reason = drainingReason(signal);
      if (reason !== undefined) reject(reason);
    });
  });
}

function drainingReason(signal: Signal): TccError | undefined {
  return signal.reason instanceof TccError ? signal.reason : undefined;
}

function drainingError(): TccError {
  return new TccError('DRAINING', 'this coordinator is shutting down; ask another one');
}

/** There is one reason for "no room here"; its metadata names the bound. */
export function tooMany(what: string, limit: string, most: number): TccError {
  return new TccError('TOO_MANY_OPEN_TRANSACTIONS', `this coordinator has ${most} ${what}, as many as it may`, {
    metadata: { limit, most: String(most) },
  });
}
