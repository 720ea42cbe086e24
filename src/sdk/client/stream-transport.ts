import type { Clock } from '../../lib/clock';
import { type Logger, silentLogger } from '../../lib/logger';
import { executeStreamMethod } from '../../wire/execute-stream';
import { kindsByPath } from './calls';
import { CallStream } from './call-stream';
import type { Vitals } from './pulse';
import type { CallLimits, GrpcTransport, Method, Transport } from './transport';

/**
 * How long calls to a coordinator that refused a stream go by unary calls, in milliseconds: it may be updated meanwhile, or be
 * another one behind the same address, and asking again costs one call a second trip.
 */
const UNARY_MS = 60_000;

/**
 * Carries calls on one stream per coordinator, opened at the first call and again after it broke; by unary calls what does not
 * fit: other methods, requests larger than a frame, and coordinators that refuse streams. All of it shares their connections.
 */
export class StreamTransport implements Transport, Vitals {
  private readonly unary: GrpcTransport;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly streams = new Map<string, CallStream>();
  /** Until when calls to an address go by unary calls. */
  private readonly unaryUntilMs = new Map<string, number>();

  /** `logger`: hears of streams that are refused. Default: nobody. */
  constructor(deps: { readonly unary: GrpcTransport; readonly clock: Clock; readonly logger?: Logger }) {
    this.unary = deps.unary;
    this.clock = deps.clock;
    this.logger = deps.logger ?? silentLogger;
  }

  send<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const kind = kindsByPath.get(method.path);
    if (kind === undefined || this.isUnaryOnly(address)) return this.unary.send(address, method, request, limits);
    const sentAtMs = this.clock.monotonicMs();
    const alone = () => {
      const timeoutMs = limits.timeoutMs - (this.clock.monotonicMs() - sentAtMs);
      return this.unary.send(address, method, request, { ...limits, timeoutMs });
    };
    // The kind's request and response are those of the method.
    const answer = this.stream(address).ask(kind, request as object, limits, alone as () => Promise<object>);
    return (answer as Promise<Response> | undefined) ?? alone();
  }

  follow<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): AsyncIterable<Response> {
    return this.unary.follow(address, method, request, limits);
  }

  isConnected(address: string): boolean {
    return this.unary.isConnected(address);
  }

  ping(address: string, limits: CallLimits): Promise<void> {
    return this.unary.ping(address, limits);
  }

  drop(address: string, why: string): void {
    this.streams.get(address)?.close(why);
    this.unary.drop(address);
  }

  close(): void {
    for (const stream of [...this.streams.values()]) stream.close();
    this.unary.close();
  }

  private isUnaryOnly(address: string): boolean {
    const untilMs = this.unaryUntilMs.get(address);
    if (untilMs === undefined) return false;
    if (untilMs > this.clock.monotonicMs()) return true;
    this.unaryUntilMs.delete(address);
    return false;
  }

  private goUnary(address: string): void {
    this.unaryUntilMs.set(address, this.clock.monotonicMs() + UNARY_MS);
    this.logger.debug({ address, unaryMs: UNARY_MS }, 'a stream of calls was refused; calls go by unary calls for now');
  }

  private stream(address: string): CallStream {
    const standing = this.streams.get(address);
    if (standing?.isOpen === true) return standing;
    // It is idle and ending.
    standing?.close();
    const stream = new CallStream(this.unary.openStream(address, executeStreamMethod), {
      clock: this.clock,
      ended: (over, refused) => {
        if (this.streams.get(address) === over) this.streams.delete(address);
        if (refused) this.goUnary(address);
      },
    });
    this.streams.set(address, stream);
    return stream;
  }
}
