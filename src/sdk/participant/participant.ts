import { credentials as grpcCredentials, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';

import { sleep, systemClock, type Clock } from '../../lib/clock';
import { ID_PATTERN, ulidSource } from '../../lib/ids';
import { silentLogger, type Logger } from '../../lib/logger';
import { systemRandom, type Random } from '../../lib/random';
import { Actions, type ActionHandlers, type ActionOptions } from './actions';
import { advertisedAddress, splitAddress } from './address';
import { CallHandler } from './call-handler';
import { Registration } from './registration';
import { registryClient } from './registry-client';
import { ParticipantServer } from './server';

/** What a participant is made with. */
export interface ParticipantOptions {
  /** The participant's name, as applications write it in a branch: 1 to 64 characters of [A-Za-z0-9._:-]. */
  readonly name: string;
  /** host:port of the coordinators, tried in turn; being registered with one is enough, they share one database. */
  readonly coordinators: readonly string[];
  /** Where to serve, as host:port; port 0 takes a free one. Default: 127.0.0.1:0. */
  readonly listen?: string;
  /** Where coordinators reach it, as host:port. Default: where it listens, by the machine's name for 0.0.0.0 and [::]. */
  readonly advertise?: string;
  /** Names this running copy among others of the same name. Default: a new ULID. */
  readonly instanceId?: string;
  /** Milliseconds after which coordinators stop calling an instance that went silent; 1,000 to 3,600,000. Default: 15,000. */
  readonly lifetimeMs?: number;
  /** Calls that run at a time; the ones above are answered UNAVAILABLE and come again. Default: 4,000. */
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

/** Four coordinators' worth of calls (1,000 each by default); each that waits for a database connection holds a few KB. */
const MAX_IN_FLIGHT = 4_000;

const LIFETIME_MS = 15_000;
const DRAIN_MS = 10_000;
const LINGER_MS = 1_500;

/**
 * A service that takes part in transactions: it serves tcc.v1.ParticipantService, and keeps itself registered with the
 * coordinators.
 */
export class Participant {
  private readonly options: ParticipantOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly actions = new Actions();
  private readonly handler: CallHandler;
  private readonly server: ParticipantServer;
  private registration: Registration | undefined;
  private advertised: string | undefined;
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;

  constructor(options: ParticipantOptions) {
    validate(options);
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.logger = (options.logger ?? silentLogger).child({ participant: options.name });
    const deps = { clock: this.clock, logger: this.logger };
    this.handler = new CallHandler({ actions: this.actions, maxInFlight: options.maxInFlight ?? MAX_IN_FLIGHT }, deps);
    this.server = new ParticipantServer({ handler: this.handler }, deps);
  }

  /** Adds an action; before `start`, which announces them. Throws on a malformed or taken name. */
  action(name: string, handlers: ActionHandlers, options: ActionOptions = {}): this {
    if (this.starting !== undefined) throw new Error('actions are added before start');
    this.actions.add(name, handlers, options);
    return this;
  }

  /** host:port where coordinators reach it. Throws before `start` has resolved. */
  get address(): string {
    if (this.advertised === undefined) throw new Error('a participant has an address once it is started');
    return this.advertised;
  }

  /**
   * Listens and registers. Resolves when a coordinator knows it, or when none answered: it then goes on trying in the
   * background. Rejects when it cannot listen, and when it has no action.
   */
  start(): Promise<void> {
    this.starting ??= this.listenAndRegister();
    return this.starting;
  }

  /**
   * Deregisters, answers what still comes for `lingerMs`, waits up to `drainMs` for what is running, and closes. Safe to
   * call again; it does not reject. A stopped participant does not start again.
   */
  stop(): Promise<void> {
    this.stopping ??= this.leaveAndClose();
    return this.stopping;
  }

  private isStopping(): boolean {
    return this.stopping !== undefined;
  }

  private async listenAndRegister(): Promise<void> {
    if (this.isStopping()) throw new Error('a stopped participant does not start again');
    const actions = this.actions.registered();
    if (actions.length === 0) throw new Error('a participant needs an action');
    const {
      name,
      coordinators,
      listen = '127.0.0.1:0',
      advertise,
      instanceId,
      lifetimeMs = LIFETIME_MS,
    } = this.options;
    const port = await this.server.listen(listen, this.options.serverCredentials ?? ServerCredentials.createInsecure());
    if (this.isStopping()) return;
    const address = advertise ?? advertisedAddress(listen, port);
    this.advertised = address;
    this.logger.info({ address }, 'the participant serves');
    const credentials = this.options.credentials ?? grpcCredentials.createInsecure();
    this.registration = new Registration(
      {
        coordinators,
        request: { participant: name, instanceId: instanceId ?? ulidSource()(), address, actions, lifetimeMs },
      },
      {
        connect: (coordinator) => registryClient(coordinator, credentials, this.clock),
        clock: this.clock,
        random: this.options.random ?? systemRandom,
        logger: this.logger,
      },
    );
    await this.registration.start();
  }

  private async leaveAndClose(): Promise<void> {
    const { drainMs = DRAIN_MS, lingerMs = LINGER_MS } = this.options;
    this.server.announceStop();
    if (this.registration?.known === true) {
      await this.registration.stop();
      await sleep(this.clock, lingerMs);
    } else {
      await this.registration?.stop();
    }
    await this.starting?.catch(() => undefined);
    this.handler.refuseNew();
    if (!(await this.drain(drainMs))) this.logger.warn({}, 'calls were still running when the participant closed');
    await this.server.close();
  }

  /** Whether every running call was answered in time. */
  private async drain(drainMs: number): Promise<boolean> {
    const over = new AbortController();
    let drained = false;
    void this.handler.drained().then(() => {
      drained = true;
      over.abort();
    });
    await sleep(this.clock, drainMs, over.signal);
    return drained;
  }
}

/** Makes a participant. Throws a TypeError or RangeError on bad options. */
export function createParticipant(options: ParticipantOptions): Participant {
  return new Participant(options);
}

function validate(options: ParticipantOptions): void {
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
