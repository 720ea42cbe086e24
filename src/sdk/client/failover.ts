import { Abort } from '../../lib/abort';
import { backoffMs, type BackoffPolicy } from '../../lib/backoff';
import { type Clock, sleep } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { Random } from '../../lib/random';
import { readStatus, type StatusReport } from '../../wire/status';
import { TccClientError, TccRequestError, UnavailableError } from './errors';
import { isServiceError, meaningOf } from './failure';
import { Pulse, type Vitals } from './pulse';
import type { CallLimits, Method, Transport } from './transport';

/**
 * The one retry loop of the client: it sends a request to the coordinator that worked last, and on failure to the next one,
 * until there is an answer or the patience is over.
 * F1. The request is the same in every attempt, so a transaction never runs twice: its gid is chosen before the first.
 * F2. A call ends by an answer, a final error, its signal, its patience, or close(); never otherwise, and leaves nothing.
 * F3. The coordinator that answered last is asked first by every later call.
 * F4. One that hangs with its connection standing is left as one that is gone (pulse.ts), where there is another.
 */

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

/** One request and how long it may take. */
export interface Ask<Request, Response> extends Terms {
  readonly method: Method<Request, Response>;
  /** Builds the message from the patience that is left: the same content every time (F1). */
  readonly request: (leftMs: number) => Request;
  /** Says in a sentence what is still going on when the reply is not the end yet; then the same is asked again. */
  readonly pending?: ((response: Response) => string | undefined) | undefined;
}

interface FailoverDeps {
  readonly transport: Transport;
  /** Where there is none, a coordinator that hangs is left after late attempts only. */
  readonly vitals?: Vitals;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class Failover {
  readonly addresses: readonly string[];
  private readonly deps: TurnDeps;
  private readonly turns = new Set<Turn>();
  /** By address; empty when there is nowhere else to go. */
  private readonly pulses = new Map<string, Pulse>();
  private preferred = 0;
  private closed = false;

  constructor(options: { readonly addresses: readonly string[] }, deps: FailoverDeps) {
    if (options.addresses.length === 0) throw new TypeError('addresses must name at least one coordinator');
    this.addresses = options.addresses;
    const prefer: Prefer = (index, insteadOf) => {
      if (insteadOf === undefined || this.preferred === insteadOf) this.preferred = index;
    };
    this.deps = { ...deps, prefer };
    const { vitals, clock, logger } = deps;
    if (vitals === undefined || options.addresses.length === 1) return;
    const lost = (address: string) => logger.debug({ address }, 'a coordinator gives no sign of life');
    for (const address of options.addresses) this.pulses.set(address, new Pulse(address, { clock, vitals, lost }));
  }

  /** Resolves with the answer. Rejects with UnavailableError, TccRequestError, or the signal's reason. */
  async call<Request, Response>(ask: Ask<Request, Response>): Promise<Response> {
    const turn = this.begin(ask);
    try {
      for (;;) {
        const request = ask.request(turn.leftMs());
        const pulse = this.pulses.get(turn.address);
        let response: Response;
        pulse?.asked();
        try {
          response = await this.deps.transport.send(turn.address, ask.method, request, turn.limits());
        } catch (error) {
          pulse?.settled(false);
          await turn.failed(error);
          continue;
        }
        pulse?.settled(true);
        turn.answered();
        const pending = ask.pending?.(response);
        if (pending === undefined) return response;
        await turn.goesOn(pending);
      }
    } finally {
      this.end(turn);
    }
  }

  /**
   * Follows a server stream across coordinators until `isLast` says so. Patience counts from the last message. A message may
   * come again after a failover.
   */
  async *follow<Request, Response>(
    ask: Ask<Request, Response>,
    isLast: (response: Response) => boolean,
  ): AsyncGenerator<Response, void, undefined> {
    const turn = this.begin(ask);
    try {
      for (;;) {
        let failure: unknown;
        const stream = this.deps.transport.follow(turn.address, ask.method, ask.request(turn.leftMs()), turn.limits());
        const messages = stream[Symbol.asyncIterator]();
        try {
          for (;;) {
            const next = await messages.next().catch((error: unknown) => ({ error }));
            if ('error' in next) failure = next.error;
            if ('error' in next || next.done === true) break;
            turn.answered();
            yield next.value;
            turn.refreshed();
            if (isLast(next.value)) return;
          }
        } finally {
          await messages.return?.();
        }
        if (failure === undefined) await turn.goesOn('the stream ended early');
        else await turn.failed(failure);
      }
    } finally {
      this.end(turn);
    }
  }

  /** Ends every call that is under way with an error and closes the connections. */
  close(): void {
    this.closed = true;
    for (const turn of this.turns) turn.stop(closedError(turn.gid));
    this.deps.transport.close();
  }

  private begin(terms: Terms): Turn {
    if (this.closed) throw closedError(terms.gid);
    terms.signal?.throwIfAborted();
    const turn = new Turn(terms, { addresses: this.addresses, index: this.preferred }, this.deps);
    this.turns.add(turn);
    return turn;
  }

  private end(turn: Turn): void {
    this.turns.delete(turn);
    turn.end();
  }
}

type Prefer = (index: number, insteadOf?: number) => void;

type TurnDeps = FailoverDeps & { readonly prefer: Prefer };

/** One call's way through the coordinators. */
class Turn {
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

function closedError(gid: string | undefined): TccClientError {
  return new TccClientError('CLOSED', 'the client is closed', { gid });
}
