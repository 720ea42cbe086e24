/**
 * Keeps one instance attached to every coordinator: those of the options, and those that a welcome names.
 * A1. One stream per coordinator; a stream that ends is opened again, at once after a while in use, with backoff after failures.
 *     Where two addresses lead to one coordinator, the second rests while the stream of the first stands: an instance has one
 *     stream there, and they would replace each other without end.
 * A2. It never gives up on the coordinators of the options. One that was only heard of is let go when it cannot be reached
 *     and those that are attached do not name it any more.
 * A3. After `stop` no timer, stream or connection is left (I13).
 */
import { backoffMs, type BackoffPolicy } from '../../lib/backoff';
import { type Clock, sleep, type Timer } from '../../lib/clock';
import type { Stoppable } from '../../lib/lifecycle';
import type { Logger } from '../../lib/logger';
import type { Random } from '../../lib/random';
import type { RawHello, RawWelcome } from '../../wire/attach';
import { AttachLink, type AttachLinkDeps } from './attach-link';

export interface AttachmentsOptions {
  /** host:port of each coordinator that is known from the start, at least one. */
  readonly coordinators: readonly string[];
  readonly hello: RawHello;
}

export interface AttachmentsDeps extends Pick<AttachLinkDeps, 'handler' | 'credentials' | 'connect'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * After a stream that could not be opened. The cap is below the time that a Try is repeated in: an order that comes to a
 * coordinator right after its restart must not be cancelled because its participants are still on their way back. And it is what
 * that order waits for: measured, the first ones after a restart took 0.31 s with a cap of 500.
 */
const REOPEN: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 250, jitter: 0.5 };

/** A stream that stood for so long was in use: what ended it is news, and no reason to stay away. */
const STEADY_MS = 2_000;

/** A coordinator that has not welcomed the instance by then hangs. It writes one row first, and gives its database two seconds. */
const WELCOME_MS = 5_000;

/** Coordinators that are attached to at most: more than any cluster has, so that a wrong list cannot open connections without end. */
const MOST_COORDINATORS = 64;

interface Line {
  readonly address: string;
  link: AttachLink | undefined;
  timer: Timer | undefined;
  failures: number;
  /** The stream that stands, or stood last, was welcomed. */
  welcomed: boolean;
  /** When that was, in monotonic milliseconds. */
  welcomedAtMs: number;
  /** The coordinator of its last welcome. */
  coordinatorId: string;
  /** The coordinators that its last welcome named. */
  named: readonly string[];
  /** The line that stands for the same coordinator: this one rests meanwhile. */
  twin: Line | undefined;
}

export class AttachedCoordinators implements Stoppable {
  readonly name = 'attachments';
  private readonly options: AttachmentsOptions;
  private readonly deps: AttachmentsDeps;
  private readonly lines = new Map<string, Line>();
  private stopping = false;
  private settleFirst: () => void = () => undefined;
  private readonly first: Promise<void>;
  private whenEmpty: () => void = () => undefined;

  constructor(options: AttachmentsOptions, deps: AttachmentsDeps) {
    this.options = options;
    this.deps = deps;
    this.first = new Promise((resolve) => {
      this.settleFirst = resolve;
    });
  }

  /** Resolves when a coordinator has welcomed the instance, or when each has been tried once in vain. */
  start(): Promise<void> {
    for (const address of this.options.coordinators) this.add(address);
    return this.first;
  }

  /** Whether a coordinator may be sending calls to this instance. */
  get known(): boolean {
    return [...this.lines.values()].some(({ welcomed }) => welcomed);
  }

  /** Says goodbye everywhere and waits up to `patienceMs` until every coordinator has its replies. */
  async stop(patienceMs = 0): Promise<void> {
    this.stopping = true;
    this.settleFirst();
    for (const line of this.lines.values()) {
      if (line.welcomed && line.link !== undefined) line.link.goodbye();
      else this.end(line);
    }
    const over = new AbortController();
    const empty = new Promise<void>((resolve) => {
      this.whenEmpty = resolve;
    }).then(() => over.abort());
    this.tellWhenEmpty();
    await sleep(this.deps.clock, patienceMs, over.signal);
    for (const line of [...this.lines.values()]) this.end(line);
    this.tellWhenEmpty();
    await empty;
  }

  private add(address: string): void {
    if (this.stopping || this.lines.has(address) || this.lines.size >= MOST_COORDINATORS) return;
    const line: Line = {
      address,
      link: undefined,
      timer: undefined,
      failures: 0,
      welcomed: false,
      welcomedAtMs: 0,
      coordinatorId: '',
      named: [],
      twin: undefined,
    };
    this.lines.set(address, line);
    this.open(line);
  }

  private open(line: Line): void {
    const { handler, credentials, connect, clock, logger } = this.deps;
    const { address } = line;
    line.welcomed = false;
    const link = new AttachLink(address, this.options.hello, {
      handler,
      credentials,
      ...(connect === undefined ? {} : { connect }),
      welcomed: (welcome) => this.welcomed(line, welcome),
      ended: (error) => this.ended(line, error),
    });
    line.link = link;
    line.timer = clock.startTimer(WELCOME_MS, () => link.close(new Error(`no welcome within ${WELCOME_MS} ms`)));
    logger.debug({ coordinator: address }, 'attaching to a coordinator');
  }

  private welcomed(line: Line, { coordinatorId, coordinators }: RawWelcome): void {
    line.timer?.stop();
    if (!line.welcomed) {
      line.welcomedAtMs = this.deps.clock.monotonicMs();
      this.deps.logger.info({ coordinator: line.address, coordinatorId }, 'attached to a coordinator');
    }
    line.welcomed = true;
    line.coordinatorId = coordinatorId;
    line.named = coordinators;
    this.settleFirst();
    // Where there is one, it is this one, by whatever address it goes.
    if (coordinators.length > 1) for (const address of coordinators) this.add(address);
  }

  private ended(line: Line, error: Error | undefined): void {
    line.link = undefined;
    line.timer?.stop();
    if (this.stopping) {
      this.end(line);
      return;
    }
    if (this.rests(line)) return;
    this.count(line, error);
    if (!line.welcomed) this.wakeTwinsOf(line);
    if ([...this.lines.values()].every(({ failures, twin }) => failures > 0 || twin !== undefined)) this.settleFirst();
    if (line.failures > 0 && !this.isWanted(line.address)) {
      this.deps.logger.info({ coordinator: line.address }, 'a coordinator is not there any more');
      this.end(line);
      return;
    }
    const delayMs = backoffMs(REOPEN, line.failures + 1, this.deps.random);
    line.timer = this.deps.clock.startTimer(delayMs, () => {
      if (!this.rests(line)) this.open(line);
    });
  }

  /** Keeps the book of failures: a stream that was in use ends the row of them. */
  private count(line: Line, error: Error | undefined): void {
    const stoodMs = line.welcomed ? this.deps.clock.monotonicMs() - line.welcomedAtMs : 0;
    line.failures = stoodMs >= STEADY_MS ? 0 : line.failures + 1;
    const fields = { coordinator: line.address, failures: line.failures, reason: error?.message ?? 'the stream ended' };
    if (line.failures > 1) this.deps.logger.debug(fields, 'cannot attach to a coordinator; trying again');
    else if (line.welcomed) this.deps.logger.info(fields, 'a stream to a coordinator ended; attaching again');
    else this.deps.logger.warn(fields, 'cannot attach to a coordinator; trying again');
  }

  /** Lets it rest where another line stands for the coordinator that it was welcomed by last (A1). */
  private rests(line: Line): boolean {
    line.twin = this.standing().find(({ coordinatorId }) => coordinatorId === line.coordinatorId);
    if (line.twin === undefined) return false;
    const fields = { coordinator: line.address, other: line.twin.address };
    this.deps.logger.info(fields, 'two addresses lead to one coordinator; one stream is enough');
    return true;
  }

  private wakeTwinsOf(line: Line): void {
    if (this.stopping) return;
    for (const other of this.lines.values()) {
      if (other.twin !== line) continue;
      other.twin = undefined;
      this.open(other);
    }
  }

  private standing(): readonly Line[] {
    return [...this.lines.values()].filter(({ link, welcomed }) => link !== undefined && welcomed);
  }

  /** One that was only heard of is not wanted when coordinators are attached and none of them names it (A2). */
  private isWanted(address: string): boolean {
    if (this.options.coordinators.includes(address)) return true;
    const standing = this.standing();
    return standing.length === 0 || standing.some(({ named }) => named.includes(address));
  }

  private end(line: Line): void {
    line.timer?.stop();
    this.lines.delete(line.address);
    line.link?.close();
    this.wakeTwinsOf(line);
    this.tellWhenEmpty();
  }

  private tellWhenEmpty(): void {
    if (this.stopping && this.lines.size === 0) this.whenEmpty();
  }
}
