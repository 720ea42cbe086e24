import { backoffMs, type BackoffPolicy } from '../../lib/backoff';
import { sleep, type Clock } from '../../lib/clock';
import type { Stoppable } from '../../lib/lifecycle';
import type { Logger } from '../../lib/logger';
import type { Random } from '../../lib/random';
import type { RegisterRequest } from '../../wire/generated/tcc/v1/RegisterRequest';
import type { RegistryClient } from './registry-client';

export interface RegistrationOptions {
  /** host:port of each coordinator, at least one. They share one database: being known to one is enough. */
  readonly coordinators: readonly string[];
  readonly request: RegisterRequest & {
    readonly participant: string;
    readonly instanceId: string;
    readonly lifetimeMs: number;
  };
}

export interface RegistrationDeps {
  readonly connect: (address: string) => RegistryClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A coordinator that has not answered by then is passed over; another one may have the time. */
const REGISTER_TIMEOUT_MS = 3_000;

/** Leaving is a courtesy: an instance that cannot say so expires by itself. */
const DEREGISTER_BUDGET_MS = 2_000;

/** After a round in which no coordinator answered. The cap keeps an instance from staying away for long after an outage. */
const ROUND_BACKOFF: BackoffPolicy = { firstMs: 200, factor: 2, capMs: 5_000, jitter: 0.5 };

/** Two renewals may get lost before the registration ends. */
const RENEWALS_PER_LIFETIME = 3;

/** Renewals of many instances that started together drift apart by up to a fifth. */
const RENEWAL_JITTER = 0.2;

/**
 * Keeps one instance known to the coordinators.
 * R1. Exactly one loop runs from `start` to `stop`; it registers, waits, renews, and goes to the next address at a failure.
 * R2. It never gives up and never throws: a failure is a log line and the next attempt.
 * R3. After `stop` no timer, call or connection is left (I13).
 */
export class Registration implements Stoppable {
  readonly name = 'registration';
  private readonly options: RegistrationOptions;
  private readonly deps: RegistrationDeps;
  private readonly stopping = new AbortController();
  private readonly firstRound = deferred();
  private loop: Promise<void> | undefined;
  private current = 0;
  private client: RegistryClient | undefined;
  private mayBeKnown = false;

  constructor(options: RegistrationOptions, deps: RegistrationDeps) {
    this.options = options;
    this.deps = deps;
  }

  /** Resolves when a coordinator has registered the instance, or when each has been asked once in vain. */
  start(): Promise<void> {
    this.loop ??= this.run();
    return this.firstRound.promise;
  }

  /** Stops renewing and takes the instance out of service. Bounded by DEREGISTER_BUDGET_MS; does not reject. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.client?.close();
    this.client = undefined;
    await this.loop;
    if (this.mayBeKnown) await this.deregister();
  }

  /** Whether a coordinator may be sending calls to this instance. */
  get known(): boolean {
    return this.mayBeKnown;
  }

  private async run(): Promise<void> {
    const { clock, random } = this.deps;
    let failures = 0;
    while (!this.stopping.signal.aborted) {
      const lifetimeMs = await this.register(failures > 0);
      if (lifetimeMs !== undefined) {
        failures = 0;
        this.firstRound.resolve();
        const waitMs = (lifetimeMs / RENEWALS_PER_LIFETIME) * (1 - RENEWAL_JITTER * random());
        await sleep(clock, waitMs, this.stopping.signal);
        continue;
      }
      failures += 1;
      this.current = (this.current + 1) % this.options.coordinators.length;
      const rounds = failures / this.options.coordinators.length;
      if (Number.isInteger(rounds)) {
        this.firstRound.resolve();
        await sleep(clock, backoffMs(ROUND_BACKOFF, rounds, random), this.stopping.signal);
      }
    }
    this.firstRound.resolve();
  }

  /** One attempt at the present coordinator: for how long it holds, or undefined when it failed. */
  private async register(afterFailure: boolean): Promise<number | undefined> {
    const { connect, logger } = this.deps;
    const coordinator = this.address();
    const first = this.client === undefined;
    this.client ??= connect(coordinator);
    const wasKnown = this.mayBeKnown;
    this.mayBeKnown = true;
    try {
      const granted = await this.client.register(this.options.request, REGISTER_TIMEOUT_MS);
      if (first || afterFailure) logger.info({ coordinator }, 'registered with a coordinator');
      return granted > 0 ? granted : this.options.request.lifetimeMs;
    } catch (error) {
      if (this.stopping.signal.aborted) return undefined;
      this.mayBeKnown = wasKnown;
      this.client.close();
      this.client = undefined;
      logger.warn({ coordinator, err: error }, 'a coordinator did not register this instance; trying the next');
      return undefined;
    }
  }

  private async deregister(): Promise<void> {
    const { connect, clock, logger } = this.deps;
    const { coordinators, request } = this.options;
    const endMs = clock.monotonicMs() + DEREGISTER_BUDGET_MS;
    for (let asked = 0; asked < coordinators.length; asked += 1) {
      const leftMs = endMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      const client = connect(this.address());
      try {
        await client.deregister({ participant: request.participant, instanceId: request.instanceId }, leftMs);
        return;
      } catch (error) {
        logger.debug({ coordinator: this.address(), err: error }, 'a coordinator did not deregister this instance');
        this.current = (this.current + 1) % coordinators.length;
      } finally {
        client.close();
      }
    }
    logger.warn({}, 'no coordinator deregistered this instance; its registration will expire');
  }

  private address(): string {
    return this.options.coordinators[this.current] ?? '';
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
