/**
 * What every call goes through, whatever service it is for: a place among the calls in flight, an AbortSignal that stands for the caller
 * (gone, or its deadline over), the status of an error, one debug line. The services behind it know nothing of gRPC.
 * H1. Every call ends exactly once: with a reply, a status, or nothing when the caller is gone.
 * H2. A call over a bound is refused before anything else looks at it.
 * H3. After `startDraining` no stream stays open, and none is opened; after `dismiss` no call is left.
 */
import { type handleServerStreamingCall, type handleUnaryCall, type ServerWritableStream, status } from '@grpc/grpc-js';

import type { Clock } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import { statusName, toStatus } from '../wire/status';

export interface CallLimits {
  /** Unary calls that may be in flight. */
  readonly callsInFlight: number;
  /** Watch streams that may be open (`limits.watchers`). */
  readonly watchers: number;
}

export interface CallDeps {
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Serves one unary method. `signal` is aborted when the caller is gone or its deadline has passed. */
export type UnaryHandler<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response>;

/** Serves one server-streaming method. It ends soon after `signal` is aborted. */
export type StreamHandler<Request, Response> = (request: Request, signal: AbortSignal) => AsyncIterable<Response>;

export class Calls {
  private readonly inFlight = new Set<AbortController>();
  private readonly streams = new Set<AbortController>();
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
      const caller = new AbortController();
      call.on('cancelled', () => caller.abort());
      void this.counted(caller, () => handle(call.request, caller.signal)).then(
        (response) => {
          this.report(method, call.request, startedMs, status.OK);
          callback(null, response);
        },
        (error: unknown) => {
          const answer = toStatus(error);
          this.report(method, call.request, startedMs, answer.code, error);
          callback(answer);
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
      const caller = new AbortController();
      call.on('cancelled', () => caller.abort());
      void this.stream(call, caller, handle).then(
        () => {
          this.report(method, call.request, startedMs, status.OK);
          call.end();
        },
        (error: unknown) => {
          const answer = toStatus(error);
          this.report(method, call.request, startedMs, answer.code, error);
          call.emit('error', answer);
        },
      );
    };
  }

  /** Ends every stream with DRAINING and refuses new ones; unary calls go on. */
  startDraining(): void {
    this.draining = true;
    for (const stream of this.streams) stream.abort(drainingError());
  }

  /** Answers every call that is still in flight with DRAINING: its client may ask another coordinator at once. */
  dismiss(): void {
    for (const call of this.inFlight) call.abort(drainingError());
  }

  /** Resolves when nothing is in flight and no stream is open. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.whenIdle.push(resolve);
      this.tellIdle();
    });
  }

  private async counted<Response>(caller: AbortController, handle: () => Promise<Response>): Promise<Response> {
    if (this.inFlight.size >= this.limits.callsInFlight) {
      throw tooMany('calls in flight', 'callsInFlight', this.limits.callsInFlight);
    }
    this.inFlight.add(caller);
    try {
      return await Promise.race([handle(), dismissal(caller.signal)]);
    } finally {
      this.inFlight.delete(caller);
      this.tellIdle();
    }
  }

  private async stream<Request, Response>(
    call: ServerWritableStream<Request, Response>,
    caller: AbortController,
    handle: StreamHandler<Request, Response>,
  ): Promise<void> {
    if (this.draining) throw drainingError();
    if (this.streams.size >= this.limits.watchers) throw tooMany('watchers', 'watchers', this.limits.watchers);
    this.streams.add(caller);
    try {
      for await (const message of handle(call.request, caller.signal)) {
        if (caller.signal.aborted) break;
        if (!call.write(message)) await writable(call, caller.signal);
      }
    } catch (error) {
      // Being told to stop is why it failed, whatever the handler made of it.
      throw drainingReason(caller.signal) ?? error;
    } finally {
      this.streams.delete(caller);
      this.tellIdle();
    }
    const reason = drainingReason(caller.signal);
    if (reason !== undefined) throw reason;
  }

  private tellIdle(): void {
    if (this.inFlight.size > 0 || this.streams.size > 0) return;
    for (const resolve of this.whenIdle.splice(0)) resolve();
  }

  private report(method: string, request: unknown, startedMs: number, code: status, error?: unknown): void {
    const durationMs = Math.round(this.deps.clock.monotonicMs() - startedMs);
    const fields = { method, gid: gidOf(request), durationMs, code: statusName(code) };
    if (code === status.INTERNAL) this.deps.logger.error({ ...fields, err: error }, 'call failed on a bug');
    else this.deps.logger.debug(fields, 'call answered');
  }
}

/** Resolves when the stream takes more, or when nobody waits for it any more. */
function writable(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
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
function dismissal(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      const reason = drainingReason(signal);
      if (reason !== undefined) reject(reason);
    });
  });
}

function drainingReason(signal: AbortSignal): TccError | undefined {
  return signal.reason instanceof TccError ? signal.reason : undefined;
}

function drainingError(): TccError {
  return new TccError('DRAINING', 'this coordinator is shutting down; ask another one');
}

/** There is one reason for "no room here"; its metadata names the bound. */
function tooMany(what: string, limit: string, most: number): TccError {
  return new TccError('TOO_MANY_OPEN_TRANSACTIONS', `this coordinator has ${most} ${what}, as many as it may`, {
    metadata: { limit, most: String(most) },
  });
}
