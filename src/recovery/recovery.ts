/**
 * Looks for what is due and hands it to the coordinator; keeps the leases of what is in hand; clears what is past its
 * retention. Any number of coordinators may scan: claiming is a compare-and-set per row.
 * R1. Whatever is open becomes due again by itself (lease, retry or deadline), so nothing is forgotten (I11).
 * R2. At most RESUMED_AT_ONCE transactions are carried on at once, and half of what the coordinator may hold, and not all of them from
 *     the start: a mountain of old ones starves no new one, and one that waits for a sick participant gives its place back after a round.
 * R3. An error of the database ends a round, never the scanner.
 */
import type { Stoppable } from '../lib/lifecycle';
import { Loop, SHORTEST_PAUSE_MS, type LoopDeps } from '../lib/loop';
import type { Transaction } from '../engine/model';
import type { Journal } from '../journal/journal';

/** What the scanner needs of the coordinator. */
export interface Resumer {
  resume(transactions: readonly Transaction[]): Promise<void>;
  heldFor(ms: number): readonly string[];
}

export interface RecoveryOptions {
  readonly worker: string;
  readonly leaseMs: number;
  /** The longest pause between two scans, in milliseconds. */
  readonly scanMs: number;
  /** How many due transactions one scan takes at most. */
  readonly scanSize: number;
  /** How many transactions the coordinator may hold (default: no bound). What is carried on here leaves half of that to new ones. */
  readonly openTransactions?: number;
}

export interface RecoveryDeps extends LoopDeps {
  readonly journal: Pick<Journal, 'due' | 'claim' | 'renew' | 'purge'>;
  readonly coordinator: Resumer;
}

/** Bounds memory during recovery, and the calls that a mountain of due transactions makes at once. */
const RESUMED_AT_ONCE = 2_000;
/**
 * So many to begin with; each that is let go of makes room for itself and for one more. A coordinator that has just started is slow,
 * and its participants are on their way back: the first new orders would stand behind thousands of old transactions.
 */
const RESUMED_AT_FIRST = 128;
/** Then as many as may be: the first ones may all be waiting for a participant that hangs, and the others need not wait with them. */
const FIRST_MS = 1_000;
/** One multi-row statement's worth of gids to renew. */
const RENEW_SIZE = 500;
/** A purge deletes this many transactions in one go, and goes on at once while there are more: short locks, no bursts. */
const PURGE_SIZE = 200;
/** The pause between purges when there was nothing left to clear. */
const PURGE_PAUSE_MS = 10_000;

export class Recovery implements Stoppable {
  readonly name = 'recovery';
  private readonly options: RecoveryOptions;
  private readonly deps: RecoveryDeps;
  private readonly loops: Loop[];
  private readonly resumedAtOnce: number;
  private resumed = 0;
  /** How many may be carried on at first. */
  private room = RESUMED_AT_FIRST;
  private firstUntilMs = 0;

  constructor(options: RecoveryOptions, deps: RecoveryDeps) {
    this.options = options;
    this.deps = deps;
    const { leaseMs, scanMs, openTransactions = Infinity } = options;
    this.resumedAtOnce = Math.min(RESUMED_AT_ONCE, Math.ceil(openTransactions / 2));
    this.loops = [
      new Loop('scan', scanMs, deps, () => this.scan()),
      new Loop('renew leases', leaseMs / 3, deps, () => this.renew()),
      new Loop('purge', PURGE_PAUSE_MS, deps, () => this.purge()),
    ];
  }

  /** Starts scanning at once: what a dead coordinator left may be due already. */
  start(): void {
    this.firstUntilMs = this.deps.clock.monotonicMs() + FIRST_MS;
    for (const loop of this.loops) loop.start();
  }

  /** Claims nothing more; what was resumed is the coordinator's to drain. */
  async stop(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  private async scan(): Promise<number> {
    const { journal, coordinator, logger } = this.deps;
    const { worker, leaseMs, scanMs, scanSize } = this.options;
    const room = Math.min(scanSize, this.most() - this.resumed);
    // Full: look again as soon as a place may be free. That costs no statement.
    if (room <= 0) return SHORTEST_PAUSE_MS;
    const due = await journal.due(room);
    if (due.gids.length === 0) return Math.min(scanMs, due.nextInMs ?? scanMs);
    const claimed = await journal.claim(due.gids, { worker, leaseMs }, 'due');
    if (claimed.length > 0) logger.debug({ count: claimed.length }, 'took due transactions');
    for (const transaction of claimed) {
      this.resumed += 1;
      void coordinator
        .resume([transaction])
        .catch((error: unknown) => {
          logger.error({ gid: transaction.gid, err: error }, 'a due transaction could not be carried on');
        })
        .finally(() => this.letGo());
    }
    return due.gids.length === room ? 0 : scanMs;
  }

  /** How many may be carried on now. */
  private most(): number {
    const isFirst = this.deps.clock.monotonicMs() < this.firstUntilMs;
    return isFirst ? Math.min(this.room, this.resumedAtOnce) : this.resumedAtOnce;
  }

  private letGo(): void {
    this.resumed -= 1;
    this.room += 1;
  }

  private async renew(): Promise<number> {
    const { worker, leaseMs } = this.options;
    const gids = this.deps.coordinator.heldFor(leaseMs / 3);
    for (let from = 0; from < gids.length; from += RENEW_SIZE) {
      await this.deps.journal.renew(gids.slice(from, from + RENEW_SIZE), { worker, leaseMs });
    }
    return leaseMs / 3;
  }

  private async purge(): Promise<number> {
    const purged = await this.deps.journal.purge(PURGE_SIZE);
    return purged === PURGE_SIZE ? 0 : PURGE_PAUSE_MS;
  }
}
