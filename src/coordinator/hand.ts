/**
 * The transactions in this coordinator's hands: one driver per gid, and how many may be open at once.
 * H1. At most one driver per gid in this process.
 * H2. New work is admitted only below the bound, before the database is touched. What must go on (commands, recovery) is always admitted.
 * H3. One timer serves all deadlines, and none while nothing is in hand (I13).
 */
import { ChurnMap } from '../lib/churn-map';
import { DEADLINE_GRAIN_MS, EarliestTimer } from '../lib/earliest-timer';
import { TccError } from '../lib/errors';
import type { Transaction } from '../engine/model';

import { Driver, type DriverDeps } from './driver';
import { draining } from './refusals';

export interface HandOptions {
  /** `limits.openTransactions`: what one coordinator holds in memory, at about 4 kB each without payloads. */
  readonly openTransactions: number;
}

export type HandDeps = Omit<DriverDeps, 'released' | 'expiring'> & {
  /** A driver had to let go of its transaction. */
  readonly failed: (gid: string, error: TccError) => void;
};

export class Hand {
  private readonly options: HandOptions;
  private readonly deps: HandDeps;
  private readonly driverDeps: DriverDeps;
  private readonly drivers = new ChurnMap<string, Driver>();
  /** Interactive transactions that were begun here, and until when (monotonic ms) they can be open. */
  private readonly interactive = new Map<string, number>();
  private readonly deadlines: EarliestTimer;
  private readonly whenReleased = new Map<string, (() => void)[]>();
  /** Begins that are on their way to the journal. */
  private beginning = 0;
  private draining = false;
  private closed = false;
  private whenEmpty: (() => void)[] = [];

  constructor(options: HandOptions, deps: HandDeps) {
    this.options = options;
    this.deps = deps;
    this.deadlines = new EarliestTimer(deps.clock, (nowMs) => this.expire(nowMs), DEADLINE_GRAIN_MS);
    this.driverDeps = {
      ...deps,
      expiring: (atMs) => this.deadlines.include(atMs),
      released: (driver, error) => this.released(driver, error),
    };
  }

  /** Whether it has let go of everything, and takes nothing any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  get size(): number {
    return this.drivers.size;
  }

  has(gid: string): boolean {
    return this.drivers.has(gid);
  }

  get(gid: string): Driver | undefined {
    return this.drivers.get(gid);
  }

  /** Lets one more begin when there is room for it (H2), until `admitted`. Throws DRAINING or TOO_MANY_OPEN_TRANSACTIONS. */
  admit(): void {
    this.refuseWhenDraining();
    if (this.open() >= this.options.openTransactions) {
      this.forgetExpired();
      if (this.open() >= this.options.openTransactions) {
        throw new TccError(
          'TOO_MANY_OPEN_TRANSACTIONS',
          `this coordinator has ${this.options.openTransactions} open transactions, which is its limit; try again or on another coordinator`,
        );
      }
    }
    this.beginning += 1;
  }

  /** What was admitted has begun, or failed to. */
  admitted(): void {
    this.beginning -= 1;
    this.tellWhenEmpty();
  }

  refuseWhenDraining(): void {
    if (this.draining) throw draining('use another one');
  }

  /** Counts an interactive transaction as open until its decision comes through here or its time is over. */
  countInteractive(gid: string, forMs: number): void {
    this.interactive.set(gid, this.deps.clock.monotonicMs() + forMs);
  }

  /**
   * A driver for this transaction; undefined when there is one already (H1). The caller starts it. Throws DRAINING once
   * everything was let go of: nobody would stop what is begun then (I13).
   */
  take(transaction: Transaction): Driver | undefined {
    if (this.closed) throw draining('use another one');
    const { gid } = transaction;
    if (this.drivers.has(gid)) return undefined;
    const driver = new Driver(transaction, this.deps.clock.monotonicMs(), this.driverDeps);
    this.drivers.set(gid, driver);
    this.interactive.delete(gid);
    return driver;
  }

  /** Gids that have been in hand for at least this long: their leases need renewal. */
  heldFor(ms: number): readonly string[] {
    const before = this.deps.clock.monotonicMs() - ms;
    const held: string[] = [];
    // The map keeps the order of taking, so the first young one ends the search.
    for (const [gid, { takenAtMs }] of this.drivers) {
      if (takenAtMs > before) break;
      held.push(gid);
    }
    return held;
  }

  /** Resolves when the driver of this gid lets go; at once when there is none. */
  release(gid: string): Promise<void> {
    if (!this.drivers.has(gid)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiters = this.whenReleased.get(gid);
      if (waiters === undefined) this.whenReleased.set(gid, [resolve]);
      else waiters.push(resolve);
    });
  }

  /** Admits nothing new from now on. */
  drain(): void {
    this.draining = true;
  }

  /** Resolves when nothing is in hand. */
  empty(): Promise<void> {
    if (this.drivers.size === 0 && this.beginning === 0) return Promise.resolve();
    return new Promise((resolve) => this.whenEmpty.push(resolve));
  }

  /** Lets go of everything; whoever waits is told to ask again. */
  letGoOfAll(): readonly string[] {
    this.closed = true;
    const gids = [...this.drivers.keys()];
    for (const driver of [...this.drivers.values()]) {
      driver.letGo(draining('ask another one for the outcome'));
    }
    return gids;
  }

  private open(): number {
    return this.drivers.size + this.interactive.size + this.beginning;
  }

  private forgetExpired(): void {
    const now = this.deps.clock.monotonicMs();
    for (const [gid, until] of this.interactive) if (until <= now) this.interactive.delete(gid);
  }

  /** Tells the drivers whose time is over; says when the next one's is. */
  private expire(nowMs: number): number | undefined {
    let next = Infinity;
    for (const driver of [...this.drivers.values()]) {
      if (driver.endsAtMs <= nowMs) driver.expire();
      else next = Math.min(next, driver.endsAtMs);
    }
    return next === Infinity ? undefined : next;
  }

  private released(driver: Driver, error: TccError | undefined): void {
    const { gid } = driver;
    this.drivers.delete(gid);
    if (this.drivers.size === 0) this.deadlines.clear();
    if (error !== undefined) this.deps.failed(gid, error);
    const waiters = this.whenReleased.get(gid);
    if (waiters !== undefined) {
      this.whenReleased.delete(gid);
      for (const resolve of waiters) resolve();
    }
    this.tellWhenEmpty();
  }

  private tellWhenEmpty(): void {
    if (this.drivers.size > 0 || this.beginning > 0) return;
    for (const resolve of this.whenEmpty.splice(0)) resolve();
  }
}
