/**
 * Where transactions wait after the journal was away. Whatever could not be begun during an election or a restart is begun in one
 * moment: held steps go in one commit, and clients repeat what was refused. Started at once, their Trys would fill every
 * participant's queue, each Confirm would wait behind the Trys of all the others, and nobody would have an outcome
 * until nearly all of them are through: the more had waited, the longer. Here the first few go through all of their phases, and
 * pull the others after them.
 * K1. FIRST go at once, and two more for each that has ended: the pace is the participants' own, and grows with it.
 * K2. Each goes in the order of its coming, unless it leaves before. One that takes longer than PLACE_MS gives its place up: a
 *     participant that does not answer holds back nobody else's.
 * K3. Nobody waits here while the journal is well and has been for AFTERMATH_MS.
 * K4. While nobody is here no timer runs (I13).
 */
import type { Clock } from '../lib/clock';
import { EarliestTimer } from '../lib/earliest-timer';
import { isTccError } from '../lib/errors';

/** A begin that took longer was held up: more than a coordinator with all of its places taken lets one wait, and less than an election. */
export const HELD_UP_MS = 1_500;

/** Clients that were refused are back after two seconds at most (turn.ts). */
export const AFTERMATH_MS = 2_500;

/** Two coordinators fill the pool of a service with ten connections, and not its queue. */
export const FIRST = 8;

/** Several times what a transaction takes whose participants answer. */
export const PLACE_MS = 500;

/** Whoever waits here. */
export interface InLine {
  /** It may go. */
  letGoOn(): void;
}

export class CatchUp {
  private readonly clock: Clock;
  private readonly waiting = new Set<InLine>();
  /** Until when each has its place, monotonic ms: in the order of these times. */
  private readonly going = new Map<InLine, number>();
  private readonly expiry: EarliestTimer;
  private atOnce = FIRST;
  private troubledAtMs = -Infinity;

  constructor(clock: Clock) {
    this.clock = clock;
    this.expiry = new EarliestTimer(clock, (nowMs) => this.expire(nowMs));
  }

  /** Whether what is begun now has to wait for its turn here. */
  get isOn(): boolean {
    return this.clock.monotonicMs() - this.troubledAtMs < AFTERMATH_MS;
  }

  /** A begin that was put at `putAtMs` (monotonic) is durable. */
  began(putAtMs: number): void {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - putAtMs > HELD_UP_MS) this.troubledAtMs = nowMs;
  }

  /** A begin has failed. */
  failed(error: unknown): void {
    if (isTccError(error, 'JOURNAL_UNAVAILABLE')) this.troubledAtMs = this.clock.monotonicMs();
  }

  /** May let it go on before it returns. */
  join(one: InLine): void {
    this.waiting.add(one);
    this.advance();
  }

  /** It has ended, or need not wait any more. */
  leave(one: InLine): void {
    if (this.waiting.delete(one) || !this.going.delete(one)) return;
    this.atOnce += 1;
    this.advance();
    if (this.going.size > 0) return;
    this.atOnce = FIRST;
    this.expiry.clear();
  }

  /** Nobody goes on any more. */
  stop(): void {
    this.waiting.clear();
    this.expiry.stop();
  }

  private advance(): void {
    const untilMs = this.clock.monotonicMs() + PLACE_MS;
    for (const one of this.waiting) {
      if (this.going.size >= this.atOnce) return;
      this.waiting.delete(one);
      this.going.set(one, untilMs);
      this.expiry.include(untilMs);
      one.letGoOn();
    }
  }

  private expire(nowMs: number): number | undefined {
    for (const [one, untilMs] of this.going) if (untilMs <= nowMs) this.leave(one);
    const [next] = this.going.values();
    return next;
  }
}
