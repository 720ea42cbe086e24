import type { NewInstance, ParticipantStore, StoredAction } from '../journal/participants';
import type { Clock, Timer } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Stoppable } from '../lib/lifecycle';
import type { Logger } from '../lib/logger';
import type { ActionPolicy, Directory } from './invoker';
import {
  actionOf,
  keyOf,
  known,
  KnownParticipants,
  knownFromConfig,
  type KnownInstance,
  type StaticParticipant,
} from './known-participants';
import { Misses } from './misses';
import { Places } from './places';
import type { Whereabouts } from './routing';
import { SharedRead } from './shared-read';
import { StoreClock } from './store-clock';
import { Balancer, type Target, type Targets } from './target';

export type { StaticParticipant } from './known-participants';

export interface RegistryOptions {
  /** Milliseconds for a call of an action that names none. */
  readonly callTimeoutMs: number;
  /** Try attempts of an action that names none. */
  readonly tryAttempts: number;
  /** The participants of the config file. */
  readonly participants: readonly StaticParticipant[];
}

export interface RegistryDeps {
  readonly store: ParticipantStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A participant, as operators see it. */
export interface ParticipantView {
  readonly name: string;
  /** Those of the instance that was saved last. */
  readonly actions: readonly StoredAction[];
  readonly instances: readonly InstanceView[];
}

export interface InstanceView {
  readonly instanceId: string;
  readonly address: string;
  /** Epoch milliseconds of the database's clock; 0 for one of the config file, which never ends. */
  readonly expiresAt: number;
  readonly live: boolean;
}

/** How old the view may be of what was registered through other coordinators. One small SELECT per coordinator at this pace. */
export const REFRESH_MS = 1_000;

/** How often instances that ended long ago are forgotten, and what long is: time enough for an operator to wonder where one went. */
const FORGET_EVERY_MS = 3_600_000;
const KEPT_MS = 7 * 24 * 3_600_000;

/**
 * Who can be called for what: the participants that registered, through whichever coordinator, and those of the config file.
 * R1. What was registered or deregistered here is seen here at once, whatever read was under way.
 * R2. An action that is not known is looked for in the store before anybody hears that it is unknown.
 * R3. While the store is away, the last view stands.
 * R4. Instances are bounded, those that ended included (see Places).
 */
export class Registry implements Directory, Targets, Whereabouts, Stoppable {
  readonly name = 'registry';
  private readonly options: RegistryOptions;
  private readonly deps: RegistryDeps;
  private readonly storeClock: StoreClock;
  private readonly balancer: Balancer;
  private readonly misses: Misses;
  private readonly places: Places;
  private readonly fromConfig: readonly KnownInstance[];
  private readonly reads = new SharedRead((number) => this.read(number));
  /** What was written here, with the number of the last read that had begun by then: later reads show it by themselves (R1). */
  private readonly written = new Map<string, { readonly read: number; readonly instance: KnownInstance }>();
  private view: KnownParticipants;
  private timer: Timer | undefined;
  private refreshing: Promise<void> | undefined;
  private stopped = false;
  private outage = false;
  private forgotAtMs: number;

  constructor(options: RegistryOptions, deps: RegistryDeps) {
    this.options = options;
    this.deps = deps;
    this.storeClock = new StoreClock(deps.clock);
    this.balancer = new Balancer(deps.clock);
    this.misses = new Misses(deps.clock);
    this.fromConfig = options.participants.map(knownFromConfig);
    this.view = new KnownParticipants(this.fromConfig);
    this.places = new Places({ ...deps, view: () => this.view, refresh: () => this.reads.fresh() });
    this.forgotAtMs = deps.clock.monotonicMs();
  }

  /** Loads the participants and keeps them fresh. Without the store it starts with those of the config file. */
  async start(): Promise<void> {
    this.refreshing = this.refresh();
    await this.refreshing;
  }

  /** Ends the refreshing; resolves when nothing is asked of the store any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.stop();
    await this.refreshing;
    await this.places.settled();
    await this.reads.settled();
  }

  /**
   * Saves or renews an instance for `lifetimeMs`. Rejects with JOURNAL_UNAVAILABLE when the store is away, and a new one with
   * TOO_MANY_INSTANCES when there are as many instances as there may be.
   */
  async register(instance: NewInstance, lifetimeMs: number): Promise<void> {
    const { participant, instanceId } = instance;
    await this.places.take(participant, keyOf(participant, instanceId), () => this.save(instance, lifetimeMs));
  }

  private async save(instance: NewInstance, lifetimeMs: number): Promise<void> {
    await this.deps.store.save(instance, lifetimeMs);
    const nowMs = this.storeClock.nowMs();
    if (nowMs === undefined) {
      await this.reads.fresh();
      return;
    }
    this.write(known({ ...instance, expiresAt: nowMs + lifetimeMs }));
  }

  /** Takes an instance out of service; an unknown one is no error. Rejects with JOURNAL_UNAVAILABLE when the store is away. */
  async deregister(participant: string, instanceId: string): Promise<void> {
    await this.deps.store.expire(participant, instanceId);
    const key = keyOf(participant, instanceId);
    const instance = this.view.instances(participant).find((candidate) => candidate.key === key);
    if (instance !== undefined) this.write({ ...instance, expiresAt: this.storeClock.nowMs() ?? 0 });
  }

  /** Every known participant, by name. */
  list(): ParticipantView[] {
    return this.view.names().map((name) => {
      const instances = this.view.instances(name);
      return {
        name,
        actions: instances.at(-1)?.actions ?? [],
        instances: instances.map((instance) => ({
          instanceId: instance.instanceId,
          address: instance.address,
          expiresAt: instance.expiresAt ?? 0,
          live: this.isLive(instance),
        })),
      };
    });
  }

  /** See Directory. JOURNAL_UNAVAILABLE when it is not known here and the store cannot be asked. */
  action(participant: string, action: string): ActionPolicy | Promise<ActionPolicy> {
    const found = this.view.action(participant, action);
    return found === undefined ? this.lookedUp(participant, action) : this.policy(found);
  }

  private async lookedUp(participant: string, action: string): Promise<ActionPolicy> {
    const missed = keyOf(participant, action);
    if (!this.misses.has(missed)) {
      if (!(await this.reads.fresh())) {
        throw new TccError('JOURNAL_UNAVAILABLE', `cannot look up participant ${participant}: the database is away`);
      }
      if (this.view.action(participant, action) === undefined) this.misses.add(missed);
    }
    const found = this.view.action(participant, action);
    if (found === undefined) throw this.view.unknown(participant, action);
    return this.policy(found);
  }

  policyOf(participant: string, action: string): ActionPolicy {
    return this.policy(this.view.action(participant, action));
  }

  /** See Targets. One that is only attached has no address to call. An instance that does not list the action is picked only when no other lives: it may answer all the same. */
  pick(participant: string, action: string, exclude?: ReadonlySet<string>): Target | undefined {
    const live = this.view
      .instances(participant)
      .filter((instance) => this.hasAddress(instance) && exclude?.has(instance.key) !== true);
    const listing = live.filter((instance) => actionOf(instance, action) !== undefined);
    const instance = this.balancer.choose(listing.length > 0 ? listing : live);
    if (instance === undefined) return undefined;
    const { key, instanceId, address } = instance;
    const { methods } = actionOf(instance, action) ?? this.view.action(participant, action) ?? {};
    return { key, participant, instanceId, address, methods };
  }

  /** See Whereabouts. */
  needsStream(participant: string, action: string): boolean {
    if (this.view.action(participant, action) === undefined) return false;
    return !this.view.instances(participant).some((instance) => this.hasAddress(instance));
  }

  began(key: string): void {
    this.balancer.began(key);
  }

  ended(key: string, reached: boolean): void {
    this.balancer.ended(key, reached);
  }

  /** Whether it lives, and can be called at an address. */
  private hasAddress(instance: KnownInstance): boolean {
    return instance.address !== '' && this.isLive(instance);
  }

  private isLive({ expiresAt }: KnownInstance): boolean {
    return expiresAt === undefined || !this.storeClock.isOver(expiresAt);
  }

  private policy(action: StoredAction | undefined): ActionPolicy {
    return {
      callTimeoutMs: action?.callTimeoutMs || this.options.callTimeoutMs,
      tryAttempts: action?.tryAttempts || this.options.tryAttempts,
    };
  }

  private write(instance: KnownInstance): void {
    this.written.set(instance.key, { read: this.reads.begun, instance });
    this.view.put(instance);
  }

  private async refresh(): Promise<void> {
    const went = await this.reads.fresh();
    if (went && !this.stopped) await this.forgetSometimes();
    if (this.stopped) return;
    this.timer = this.deps.clock.startTimer(REFRESH_MS, () => {
      this.refreshing = this.refresh();
    });
  }

  private async read(number: number): Promise<boolean> {
    const { logger } = this.deps;
    try {
      const { nowMs, instances } = await this.deps.store.all();
      this.storeClock.saw(nowMs);
      const view = new KnownParticipants([...this.fromConfig, ...instances.map(known)]);
      for (const [key, { read, instance }] of this.written) {
        if (read < number) this.written.delete(key);
        else view.put(instance);
      }
      this.view = view;
      this.balancer.keepOnly((key) => view.has(key));
      if (this.outage) logger.info({}, 'participants are read again');
      this.outage = false;
      return true;
    } catch (error) {
      if (!this.outage) logger.warn({ err: error }, 'participants cannot be read; the last view stands');
      this.outage = true;
      return false;
    }
  }

  private async forgetSometimes(): Promise<void> {
    const nowMs = this.deps.clock.monotonicMs();
    if (nowMs - this.forgotAtMs < FORGET_EVERY_MS) return;
    this.forgotAtMs = nowMs;
    try {
      await this.deps.store.forget(KEPT_MS);
    } catch (error) {
      this.deps.logger.warn({ err: error }, 'ended participants were not forgotten; tried again in an hour');
    }
  }
}
