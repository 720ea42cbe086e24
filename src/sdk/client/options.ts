import { type ChannelCredentials, credentials as grpcCredentials } from '@grpc/grpc-js';

import { type Clock, systemClock } from '../../lib/clock';
import { type Logger, silentLogger } from '../../lib/logger';
import { type Random, systemRandom } from '../../lib/random';
import { LONGEST_CALL_MS } from '../../wire/deadline';
import { TccRequestError } from './errors';
import { Failover } from './failover';
import { StreamTransport } from './stream-transport';
import { GrpcTransport } from './transport';

/** Until when an undecided transaction is cancelled, when nothing else is said. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * How long the client goes on asking after a transaction's deadline: the coordinator has decided by then, and this is for the
 * word to come through a restart, a lease that runs out, or a database that comes back.
 */
export const GRACE_MS = 10_000;

/** One attempt of a call that only reads or writes the journal: well above what a loaded database takes. */
export const CALL_MS = 5_000;

/** One attempt of a call that waits for participants. When it is over the same is asked again, so it costs nothing. */
export const WAIT_MS = 10_000;

/**
 * How long a call that found the transaction in the wrong state goes on asking for its cancellation, to throw that instead: a
 * scan period and a lease, after which a transaction whose deadline has passed is decided.
 */
export const EXPLAIN_MS = 6_000;

/** One attempt of a watch: streams are reopened now and then, so that a dead one is noticed. */
export const WATCH_MS = 600_000;

export interface ClientOptions {
  /** Coordinators as host:port, at least one. They are tried in turn, and the one that works is kept. */
  readonly addresses: readonly string[];
  /** Milliseconds until an undecided transaction is cancelled. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Hears, at debug, of coordinators that do not answer or refuse streams. Default: nobody. */
  readonly logger?: Logger;
  /** How to connect. Default: without TLS. */
  readonly credentials?: ChannelCredentials;
  /**
   * How calls travel: on one stream per coordinator, many in one message ('stream'), or each by itself ('unary'). Calls go
   * unary by themselves to a coordinator, or through a proxy, that has no such streams. Default: 'stream'.
   */
  readonly carrier?: 'stream' | 'unary';
  /** For tests. Default: the real clock. */
  readonly clock?: Clock;
  /** For tests. Default: real chance. */
  readonly random?: Random;
}

/** Everything between a client and the coordinators. */
export function openFailover(options: Omit<ClientOptions, 'timeoutMs'>): Failover {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  const unary = new GrpcTransport({ credentials: options.credentials ?? grpcCredentials.createInsecure() }, { clock });
  const transport = options.carrier === 'unary' ? unary : new StreamTransport({ unary, clock, logger });
  return new Failover({ addresses: options.addresses }, { transport, vitals: transport, clock, random, logger });
}

/** Throws INVALID_REQUEST for a timeout that is no number of milliseconds from 1 to 24 days. */
export function checkedTimeoutMs(timeoutMs: number): number {
  if (timeoutMs >= 1 && timeoutMs <= LONGEST_CALL_MS) return Math.ceil(timeoutMs);
  const description = `must be a number of milliseconds from 1 to ${LONGEST_CALL_MS}`;
  throw new TccRequestError('INVALID_REQUEST', `timeoutMs ${timeoutMs} ${description}`, {
    violations: [{ field: 'timeout_ms', description }],
  });
}
