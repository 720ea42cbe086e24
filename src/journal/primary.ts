/**
 * Knows which of several hosts takes writes, and goes on looking. Owns one probe per host and one timer.
 * P1. At most one host is the primary, and only one that says of itself that it takes writes becomes it.
 * P2. It is left only when it says itself that it takes no writes, when its group has a newer view than it, or when another host
 *     is the primary while this one is silent. A host that is merely silent is kept: it may only be slow,
 *     and nothing better is known.
 * P3. A primary that was left is never given out again without being found anew.
 * P4. After `stop` no probe, timer or promise is left.
 */
import { backoffMs, type BackoffPolicy } from '../lib/backoff';
import { sleep, type Clock, type Timer } from '../lib/clock';
import type { Stoppable } from '../lib/lifecycle';
import type { Logger } from '../lib/logger';
import type { Random } from '../lib/random';

import { choosePrimary, type Choice } from './choose-primary';
import { DatabaseFault } from './database';
import { nameOf, type MysqlAddress } from './database-url';
import { HostProbe, type Flavour, type HostAnswer } from './host-probe';

/** The host that takes writes. A new object each time that one is found. */
export interface Primary {
  /** host:port */
  readonly name: string;
  /** The database's URL with this host. */
  readonly address: MysqlAddress;
  readonly flavour: Flavour;
}

export interface PrimaryDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What asks a host. */
export type Probe = Pick<HostProbe, 'ask' | 'close'>;

/** All is well: a change that no statement has met yet is seen after so long at most. */
const WATCH_EVERY_MS = 500;

/** No primary, or a silent one: everything waits for the end of the election. The question is small, and is asked for some seconds. */
const SEARCH: BackoffPolicy = { firstMs: 100, factor: 1, capMs: 100, jitter: 0.2 };

/**
 * When a decisive host has answered, those that are not known to be silent are waited for so long: if they live, they answer in
 * milliseconds. Those that are known to be silent are waited for only where their word would count: outside of clusters (C4),
 * and where nobody else is left.
 */
const GRACE_MS = 250;

/** Hosts whose clocks differ by more make due times and deadlines jump at a fail-over. Nothing breaks; it wants repair. */
const CLOCK_STEP_MS = 1_000;

interface Seat {
  readonly name: string;
  readonly address: MysqlAddress;
  readonly probe: Probe;
  answer: HostAnswer | undefined;
  /** It let its full time pass when it was last asked. */
  isSilent: boolean;
  /** Its clock less ours, when it last said so. */
  aheadMs: number | undefined;
}

export class PrimaryFinder implements Stoppable {
  readonly name = 'primary finder';
  private readonly deps: PrimaryDeps;
  private readonly seats: readonly Seat[];
  private readonly listeners = new Set<() => void>();
  private seat: Seat | undefined;
  private found: Primary | undefined;
  /** Of the group or cluster that the hosts were found to be (C1). */
  private cluster: string | undefined;
  /** Of that group, as any member told it (C2). */
  private newestView = '';
  /** Rounds since the primary last answered; 0: all is well. */
  private doubts = 0;
  private doubtedAtMs = 0;
  private severalTold = false;
  private whyNone = 'nobody has looked yet';
  private timer: Timer | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    address: MysqlAddress,
    deps: PrimaryDeps,
    probeOf: (address: MysqlAddress) => Probe = (host) => new HostProbe(host, deps.clock),
  ) {
    this.deps = deps;
    this.seats = address.hosts.map((host) => {
      const at = { ...address, ...host };
      return {
        name: nameOf(host),
        address: at,
        probe: probeOf(at),
        answer: undefined,
        isSilent: false,
        aheadMs: undefined,
      };
    });
  }

  /** The host that takes writes, as far as is known. */
  get primary(): Primary | undefined {
    return this.found;
  }

  /** Why there is no primary: what each host said. */
  get why(): string {
    return this.whyNone;
  }

  /** Calls `listener` whenever `primary` has changed; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Looks once. Throws a DatabaseFault 'unreachable' that tells what each host said when there is no primary. */
  async find(): Promise<Primary> {
    await this.look();
    if (this.found === undefined) throw new DatabaseFault('unreachable', `no host takes writes (${this.whyNone})`);
    return this.found;
  }

  /** Goes on looking until `stop`. */
  watch(): void {
    this.after(WATCH_EVERY_MS);
  }

  /** Somebody met a fault that may be the primary's: look at once. While a search is on it is no news. */
  suspect(): void {
    if (this.timer === undefined || this.doubts > 0) return;
    this.after(0);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.stop();
    const closed = this.seats.map(({ probe }) => probe.close());
    await this.running;
    await Promise.all(closed);
  }

  private after(pauseMs: number): void {
    this.timer?.stop();
    if (this.stopped) return;
    this.timer = this.deps.clock.startTimer(pauseMs, () => {
      this.timer = undefined;
      this.running = this.look().then(() => {
        this.after(this.doubts === 0 ? WATCH_EVERY_MS : backoffMs(SEARCH, this.doubts, this.deps.random));
      });
    });
  }

  private async look(): Promise<void> {
    await this.askAll();
    if (this.stopped) return;
    const choice = choosePrimary(this.seats, this.seat, { cluster: this.cluster, newestView: this.newestView });
    if (choice.kind === 'host') this.settle(choice.host);
    else this.doubt(choice);
  }

  private async askAll(): Promise<void> {
    const over = new AbortController();
    let isDecided: () => void = () => undefined;
    const decided = new Promise<void>((resolve) => {
      isDecided = resolve;
    });
    const prompt: Promise<void>[] = [];
    const all = Promise.all(
      this.seats.map((seat) => {
        seat.answer = undefined;
        const asked = this.ask(seat, isDecided);
        if (!seat.isSilent) prompt.push(asked);
        return asked;
      }),
    );
    const grace = () => sleep(this.deps.clock, GRACE_MS, over.signal);
    const heard = Promise.all(prompt).then(() => (this.isSilenceOfWeight() ? grace() : undefined));
    await Promise.race([all, heard, decided.then(grace)]);
    over.abort();
  }

  /** Whether one that is known to be silent could change the choice, if it answered after all. */
  private isSilenceOfWeight(): boolean {
    const isOutsideOfClusters = ({ answer }: Seat) => answer?.kind === 'writable' && answer.flavour.kind === 'plain';
    return this.seats.every(({ answer }) => answer === undefined) || this.seats.some(isOutsideOfClusters);
  }

  private async ask(seat: Seat, isDecided: () => void): Promise<void> {
    const answer = await seat.probe.ask();
    seat.answer = answer;
    seat.isSilent = answer.kind === 'silent';
    const flavour = answer.kind === 'silent' ? undefined : answer.flavour;
    if (
      flavour?.kind === 'group' &&
      (this.cluster ?? flavour.name) === flavour.name &&
      flavour.view > this.newestView
    ) {
      this.newestView = flavour.view;
    }
    if (answer.kind !== 'writable') return;
    seat.aheadMs = answer.aheadMs;
    // Outside of clusters only silence that lasted its full time lets another host take over (P2, C4).
    if (seat === this.seat || answer.flavour.kind !== 'plain') isDecided();
  }

  private settle(seat: Seat): void {
    const { logger, clock } = this.deps;
    const { answer } = seat;
    if (answer?.kind !== 'writable') return;
    const before = this.seat;
    const searchedMs = this.doubts === 0 ? 0 : Math.round(clock.monotonicMs() - this.doubtedAtMs);
    this.doubts = 0;
    this.severalTold = false;
    if (before === seat && this.found !== undefined) {
      if (searchedMs > 0) logger.info({ host: seat.name, searchedMs }, 'the database host answers again');
      return;
    }
    const { flavour } = answer;
    if (flavour.kind !== 'plain') this.cluster = flavour.name;
    this.seat = seat;
    this.found = { name: seat.name, address: seat.address, flavour };
    logger.info({ host: seat.name, from: before?.name, kind: flavour.kind, searchedMs }, 'the database host is found');
    this.compareClocks(before ?? seat);
    this.tell();
  }

  /** The primary is silent, or says that it is none any more, and no other one is. */
  private doubt(choice: Exclude<Choice<Seat>, { kind: 'host' }>): void {
    const { logger, clock } = this.deps;
    const { seat } = this;
    this.whyNone = choice.why;
    if (this.doubts === 0) this.doubtedAtMs = clock.monotonicMs();
    this.doubts += 1;
    if (choice.kind === 'several' && !this.severalTold) {
      this.severalTold = true;
      logger.error({ why: choice.why }, 'several database hosts take writes; none is chosen');
    }
    if (this.found === undefined) return;
    if (this.doubts === 1) {
      logger.warn({ host: this.found.name, why: choice.why }, 'the database host is in doubt; looking for another');
    }
    const own = seat?.answer;
    if (own === undefined || own.kind === 'silent') return;
    const why = own.kind === 'refusing' ? own.why : 'its group has left it behind';
    logger.warn({ host: this.found.name, why }, 'the database host takes no writes any more');
    this.found = undefined;
    this.tell();
  }

  private compareClocks(reference: Seat): void {
    for (const seat of this.seats) {
      if (seat.aheadMs === undefined || reference.aheadMs === undefined) continue;
      const aheadMs = seat.aheadMs - reference.aheadMs;
      if (Math.abs(aheadMs) <= CLOCK_STEP_MS) continue;
      const fields = { host: seat.name, aheadMs, of: reference.name };
      this.deps.logger.warn(fields, 'the clocks of the database hosts differ');
    }
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
