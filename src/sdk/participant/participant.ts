import { credentials as grpcCredentials, ServerCredentials } from '@grpc/grpc-js';

import { sleep, systemClock, type Clock } from '../../lib/clock';
import { ulidSource } from '../../lib/ids';
import { silentLogger, type Logger } from '../../lib/logger';
import { systemRandom } from '../../lib/random';
import { Actions, type ActionOptions, type BatchActionHandlers } from './actions';
import { advertisedAddress } from '../../lib/address';
import { AttachedCoordinators } from './attachments';
import { CallHandler } from './call-handler';
import { DRAIN_MS, LIFETIME_MS, LINGER_MS, MAX_IN_FLIGHT, validate, type ParticipantOptions } from './options';
import { Registration } from './registration';
import { registryClient } from './registry-client';
import { ParticipantServer } from './server';

export type { ParticipantOptions } from './options';

/**
 * A service that takes part in transactions: attached to the coordinators by streams, or serving
 * tcc.v1.ParticipantService and registered with them, or both.
 */
export class Participant {
  private readonly options: ParticipantOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly actions = new Actions();
  private readonly handler: CallHandler;
  private readonly instanceId: string;
  private server: ParticipantServer | undefined;
  private announcement: AttachedCoordinators | Registration | undefined;
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
    this.instanceId = options.instanceId ?? ulidSource()();
  }

  /**
   * Adds an action; before `start`, which announces them. Each phase has a single handler, a batch handler, or both.
   * Throws on a malformed or taken name, on a phase without a handler, and on options out of range.
   */
  action(name: string, handlers: BatchActionHandlers, options: ActionOptions = {}): this {
    if (this.starting !== undefined) throw new Error('actions are added before start');
    this.actions.add(name, handlers, options);
    return this;
  }

  /** host:port where coordinators reach it by unary calls. Throws before `start` has resolved, and when it does not listen. */
  get address(): string {
    if (this.advertised === undefined) throw new Error('a participant that listens has an address once it is started');
    return this.advertised;
  }

  /**
   * Attaches, or listens and registers. Resolves when a coordinator knows it, or when none answered: it then goes on trying in the
   * background. Rejects when it cannot listen, and when it has no action.
   */
  start(): Promise<void> {
    this.starting ??= this.listenAndAnnounce();
    return this.starting;
  }

  /**
   * Takes leave of the coordinators, answers what still comes for `lingerMs` where it listens, waits up to `drainMs` for what is running, and closes. Safe to
   * call again; it does not reject. A stopped participant does not start again.
   */
  stop(): Promise<void> {
    this.stopping ??= this.leaveAndClose();
    return this.stopping;
  }

  private isStopping(): boolean {
    return this.stopping !== undefined;
  }

  private async listenAndAnnounce(): Promise<void> {
    if (this.isStopping()) throw new Error('a stopped participant does not start again');
    if (this.actions.registered().length === 0) throw new Error('a participant needs an action');
    const { attach = true, listen = attach ? undefined : '127.0.0.1:0' } = this.options;
    if (listen !== undefined) await this.serve(listen);
    if (this.isStopping()) return;
    this.announcement = attach ? this.attached() : this.registered();
    await this.announcement.start();
  }

  private async serve(listen: string): Promise<void> {
    const { serverCredentials = ServerCredentials.createInsecure(), advertise } = this.options;
    const deps = { clock: this.clock, logger: this.logger };
    this.server = new ParticipantServer({ handler: this.handler }, deps);
    const port = await this.server.listen(listen, serverCredentials);
    this.advertised = advertise ?? advertisedAddress(listen, port);
    this.logger.info({ address: this.advertised }, 'the participant serves');
  }

  private attached(): AttachedCoordinators {
    const { coordinators, name, maxInFlight = MAX_IN_FLIGHT } = this.options;
    return new AttachedCoordinators(
      {
        coordinators,
        hello: {
          participant: name,
          instanceId: this.instanceId,
          actions: this.actions.registered(),
          maxCallsInFlight: maxInFlight,
          maxBytesInFlight: 0,
          address: this.advertised ?? '',
        },
      },
      { ...this.announcing(), handler: this.handler },
    );
  }

  private registered(): Registration {
    const { coordinators, name, lifetimeMs = LIFETIME_MS } = this.options;
    const { credentials, ...deps } = this.announcing();
    return new Registration(
      {
        coordinators,
        request: {
          participant: name,
          instanceId: this.instanceId,
          address: this.address,
          actions: this.actions.registered(),
          lifetimeMs,
        },
      },
      { ...deps, connect: (coordinator) => registryClient(coordinator, credentials, this.clock) },
    );
  }

  private announcing() {
    const { credentials = grpcCredentials.createInsecure(), random = systemRandom } = this.options;
    return { credentials, random, clock: this.clock, logger: this.logger };
  }

  private async leaveAndClose(): Promise<void> {
    const { drainMs = DRAIN_MS, lingerMs = LINGER_MS } = this.options;
    this.server?.announceStop();
    const wasKnown = this.announcement?.known === true;
    const answeredMs = await this.takeLeave(drainMs);
    if (wasKnown && this.server !== undefined) await sleep(this.clock, lingerMs);
    await this.starting?.catch(() => undefined);
    this.handler.refuseNew();
    if (!(await this.drain(Math.max(0, drainMs - answeredMs))))
      this.logger.warn({}, 'calls were still running when the participant closed');
    await this.server?.close();
  }

  /** Takes leave of the coordinators; for how many milliseconds calls that came by streams were waited for. */
  private async takeLeave(drainMs: number): Promise<number> {
    const startedMs = this.clock.monotonicMs();
    await this.announcement?.stop(drainMs);
    return this.announcement instanceof AttachedCoordinators ? this.clock.monotonicMs() - startedMs : 0;
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
