/**
 * One call's way through the coordinators: which one is asked next, when, and what its end is.
 * T1. It moves on only when another coordinator may do better; how a failure is read stands in failure.ts.
 * T2. No wait of it is longer than the patience that is left, and its signal ends every one of them (F2).
 */
import { Abort } from '../../lib/abort';
import { backoffMs, type BackoffPolicy } from '../../lib/backoff';
import { type Clock, sleep } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { Random } from '../../lib/random';
import { NOWHERE, type Placed } from '../../lib/roster';
import { readStatus, type StatusReport } from '../../wire/status';
import { TccRequestError, UnavailableError } from './errors';
import { isServiceError, meaningOf } from './failure';
import type { CallLimits, Transport } from './transport';

/** Between attempts: short at first, because the next coordinator is probably well; two seconds once all of them failed. */
const BACKOFF: BackoffPolicy = { firstMs: 20, factor: 2, capMs: 2_000, jitter: 0.5 };

/** How often a failure without a reason is repeated: a proxy's hiccup is over by then, a bug in the server is not. */
const UNEXPLAINED_ATTEMPTS = 3;

/**
 * How many attempts in a row may run out of time at a coordinator whose connection stands before the next one is asked: one,
 * since it has shown that it lives (F4), so the transaction takes long, and another coordinator would repeat its calls.
 */
const LATE_ATTEMPTS_HERE = 1;

/** What a call may cost, whatever it asks. */
export interface Terms {
  /** How long to go on in all. */
  readonly patienceMs: number;
  /** How long one attempt may take. */
  readonly attemptMs: number;
  /** The transaction it concerns. */
  readonly gid?: string | undefined;
  /** Whether it changes something, so that no answer means an unknown outcome. */
  readonly changes: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Makes the coordinator at `index` the one that later calls ask first (F3); only where `insteadOf` is that now, when it is given. */
export type Prefer = (index: number, insteadOf?: number) => void;

export interface TurnDeps {
  readonly transport: Pick<Transport, 'isConnected'>;
  readonly prefer: Prefer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Turn implements Placed {
  place = NOWHERE;
  private readonly terms: Terms;
  private readonly addresses: readonly string[];
  private readonly deps: TurnDeps;
  private readonly controller = new Abort();
  private readonly onAbort = () => this.stop(this.terms.signal?.reason);
  private index: number;
  private startedAt: number;
  private failures = 0;
  private unexplained = 0;
  private lateHere = 0;
  private pendings = 0;
  /** What the last answer that was not the end said. */
  private standing = '';
  /** What went wrong since. */
  private trouble = '';

  constructor(terms: Terms, start: { readonly addresses: readonly string[]; readonly index: number }, deps: TurnDeps) {
    this.terms = terms;
    this.addresses = start.addresses;
    this.index = start.index;
    this.deps = deps;
    this.startedAt = deps.clock.monotonicMs();
    terms.signal?.addEventListener('abort', this.onAbort);
  }

  get gid(): string | undefined {
    return this.terms.gid;
  }

  get address(): string {
    return this.addresses[this.index] ?? '';
  }

  leftMs(): number {
    return this.terms.patienceMs - (this.deps.clock.monotonicMs() - this.startedAt);
  }

  limits(): CallLimits {
    return { timeoutMs: Math.min(this.terms.attemptMs, this.leftMs()), signal: this.controller };
  }

  /** There was an answer: this coordinator is the one to ask (F3). */
  answered(): void {
    this.failures = 0;
    this.unexplained = 0;
    this.lateHere = 0;
    this.deps.prefer(this.index);
  }

  /** Patience begins anew. */
  refreshed(): void {
    this.startedAt = this.deps.clock.monotonicMs();
    this.pendings = 0;
  }

  /** The answer was not the end: waits a little before the same coordinator is asked again. */
  async goesOn(pending: string): Promise<void> {
    this.pendings += 1;
    this.standing = pending;
    this.trouble = '';
    await this.pause(backoffMs(BACKOFF, this.pendings, this.deps.random), undefined);
  }

  /** Returns when the next attempt is due, at `address`; throws when there is none. */
  async failed(error: unknown): Promise<void> {
    this.controller.throwIfAborted();
    if (!isServiceError(error)) throw error;
    const report = readStatus(error);
    // grpc-js ends some texts with a heading that has nothing under it.
    const words = report.message.replace(/\s*Resolution note:\s*$/, '');
    this.trouble = `the last answer was ${report.status} from ${this.address}: ${words}`;
    this.log(report);
    switch (meaningOf(report)) {
      case 'final':
        throw requestError(report, this.gid, error);
      case 'late':
        if (this.staysAfter(report)) return this.pause(backoffMs(BACKOFF, 1, this.deps.random), error);
        break;
      case 'unexplained':
        this.unexplained += 1;
        if (this.unexplained < UNEXPLAINED_ATTEMPTS) break;
        throw this.terms.changes ? this.gaveUp(error) : requestError(report, this.gid, error);
      case 'elsewhere':
        break;
    }
    this.moveOn();
    await this.pause(this.delayMs(report), error);
  }

  /** Cancels what is under way. */
  stop(reason: unknown): void {
    this.controller.abort(reason);
  }

  end(): void {
    this.terms.signal?.removeEventListener('abort', this.onAbort);
  }

  private staysAfter(report: StatusReport): boolean {
    if (report.reason === 'WAIT_ABANDONED') return true;
    this.lateHere += 1;
    return this.lateHere <= LATE_ATTEMPTS_HERE && this.deps.transport.isConnected(this.address);
  }

  private moveOn(): void {
    const failed = this.index;
    this.failures += 1;
    this.lateHere = 0;
    this.index = (failed + 1) % this.addresses.length;
    this.deps.prefer(this.index, failed);
  }

  private delayMs(report: StatusReport): number {
    const own = backoffMs(BACKOFF, this.failures, this.deps.random);
    const allFailed = this.failures >= this.addresses.length;
    return allFailed ? Math.max(own, Math.min(report.retryAfterMs ?? 0, BACKOFF.capMs)) : own;
  }

  private async pause(delayMs: number, cause: unknown): Promise<void> {
    if (this.leftMs() <= delayMs) throw this.gaveUp(cause);
    await sleep(this.deps.clock, delayMs, this.controller);
    this.controller.throwIfAborted();
  }

  private gaveUp(cause: unknown): UnavailableError {
    const { gid, changes, patienceMs } = this.terms;
    const known = [this.standing, this.trouble].map((words) => (words === '' ? '' : `; ${words}`)).join('');
    const spent = `within ${patienceMs} ms from ${this.addresses.join(', ')}${known}`;
    const text =
      gid !== undefined && changes
        ? `the outcome of transaction ${gid} is not known: no final answer came ${spent}. ` +
          `It may still be confirmed or cancelled: send the same gid again, or ask get('${gid}')`
        : `no answer came ${spent}`;
    return new UnavailableError(text, { gid, cause });
  }

  private log({ status, reason }: StatusReport): void {
    const { gid } = this.terms;
    this.deps.logger.debug(
      { gid, address: this.address, status, reason, failures: this.failures },
      'a coordinator did not answer',
    );
  }
}

function requestError(report: StatusReport, gid: string | undefined, cause: Error): TccRequestError {
  const { reason, status, message, violations, metadata } = report;
  return new TccRequestError(reason ?? status, message, { gid, cause, violations, metadata });
}
