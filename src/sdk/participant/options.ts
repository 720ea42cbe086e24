import type { ChannelCredentials, ServerCredentials } from '@grpc/grpc-js';

import type { Clock } from '../../lib/clock';
import { ID_PATTERN } from '../../lib/ids';
import type { Logger } from '../../lib/logger';
import type { Random } from '../../lib/random';
import { splitAddress } from '../../lib/address';

/** What a participant is made with. */
export interface ParticipantOptions {
  /** The participant's name, as applications write it in a branch: 1 to 64 characters of [A-Za-z0-9._:-]. */
  readonly name: string;
  /**
   * host:port of the coordinators, at least one. An attached instance learns of the others by itself; one that serves
   * unary calls only registers with the first that answers, since they share one database.
   */
  readonly coordinators: readonly string[];
  /**
   * Whether to attach to the coordinators by a stream, the fast lane: it needs no port here, and one lost connection is
   * noticed at once. Default: true. Without it coordinators make one call per branch and phase to `listen`.
   */
  readonly attach?: boolean;
  /**
   * Where to serve unary calls, as host:port; port 0 takes a free one. Default: nowhere when attached, else 127.0.0.1:0.
   */
  readonly listen?: string;
  /** Where coordinators reach it, as host:port. Default: where it listens, by the machine's name for 0.0.0.0 and [::]. */
  readonly advertise?: string;
  /** Names this running copy among others of the same name. Default: a new ULID. */
  readonly instanceId?: string;
  /** Milliseconds after which coordinators stop calling an instance that went silent; 1,000 to 3,600,000. Default: 15,000. */
  readonly lifetimeMs?: number;
  /** Calls that run at a time; the ones above are answered UNAVAILABLE and come again. Default: 4,096. */
  readonly maxInFlight?: number;
  /** Milliseconds that `stop` waits for running calls. Default: 10,000. */
  readonly drainMs?: number;
  /**
   * Milliseconds for which `stop` still answers new calls after deregistering: coordinators look at the registry once a
   * second, and meanwhile call an instance that they think is there. Default: 1,500.
   */
  readonly lingerMs?: number;
  /** Default: says nothing. */
  readonly logger?: Logger;
  /** For the connections to coordinators. Default: plain TCP. */
  readonly credentials?: ChannelCredentials;
  /** For the server. Default: plain TCP. */
  readonly serverCredentials?: ServerCredentials;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A stream's worth of calls; each that waits for a database connection holds a few KB. */
export const MAX_IN_FLIGHT = 4_096;

export const LIFETIME_MS = 15_000;
export const DRAIN_MS = 10_000;
export const LINGER_MS = 1_500;

/** Throws a TypeError or RangeError that says what is wrong. */
export function validate(options: ParticipantOptions): void {
  const { name, instanceId, coordinators, listen, advertise, lifetimeMs = LIFETIME_MS } = options;
  if (!ID_PATTERN.test(name)) throw new TypeError(`not a participant's name: ${JSON.stringify(name)}`);
  if (instanceId !== undefined && !ID_PATTERN.test(instanceId)) {
    throw new TypeError(`not an instance id: ${JSON.stringify(instanceId)}`);
  }
  if (coordinators.length === 0) throw new TypeError('a participant needs the address of a coordinator');
  for (const address of [...coordinators, listen, advertise]) if (address !== undefined) splitAddress(address);
  if (!Number.isInteger(lifetimeMs) || lifetimeMs < 1_000 || lifetimeMs > 3_600_000) {
    throw new RangeError('lifetimeMs must be 1,000 to 3,600,000');
  }
  const bounds = { maxInFlight: options.maxInFlight, drainMs: options.drainMs, lingerMs: options.lingerMs };
  for (const [bound, value] of Object.entries(bounds)) {
    if (value !== undefined && !(Number.isInteger(value) && value >= (bound === 'maxInFlight' ? 1 : 0))) {
      throw new RangeError(`${bound} must be a positive integer`);
    }
  }
}
