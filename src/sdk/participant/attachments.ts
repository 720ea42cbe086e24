/**
 * Keeps one instance attached to every coordinator: those of the options, and those that a welcome names.
 * A1. One stream per coordinator; a stream that ends is opened again, at once after a clean end, with backoff after failures.
 * A2. It never gives up on the coordinators of the options. One that was only heard of is let go when no welcome names it
 *     any more and it cannot be reached.
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

export interface AttachmentsDeps extends Pick<AttachLinkDeps, 'handler' | 'credentials'> {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** After a stream that could not be opened. The cap keeps an instance from staying away for long after an outage. */
const REOPEN: BackoffPolicy = { firstMs: 50, factor: 2, capMs: 2_000, jitter: 0.5 };

/** Coordinators that are attached to at most: more than any cluster has, so that a wrong list cannot open connections without end. */
const MOST_COORDINATORS = 64;

interface Line {
  readonly address: string;
  link: AttachLink | undefined;
  timer: Timer | undefined;
  failures: number;
  welcomed: boolean;
  /** The coordinators that its last welcome named. */
  named: readonly string[];
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
      line.timer?.stop();
      if (line.welcomed) line.link?.goodbye();
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
    const line: Line = { address, link: undefined, timer: undefined, failures: 0, welcomed: false, named: [] };
    this.lines.set(address, line);
    this.open(line);
  }

  private open(line: Line): void {
    const { handler, credentials, logger } = this.deps;
    const { address } = line;
    line.welcomed = false;
    line.link = new AttachLink(address, this.options.hello, {
      handler,
      credentials,
      welcomed: (welcome) => this.welcomed(line, welcome),
      ended: (error) => this.ended(line, error),
    });
    logger.debug({ coordinator: address }, 'attaching to a coordinator');
  }

  private welcomed(line: Line, { coordinatorId, coordinators }: RawWelcome): void {
    if (!line.welcomed)
      this.deps.logger.info({ coordinator: line.address, coordinatorId }, 'attached to a coordinator');
    line.welcomed = true;
    line.failures = 0;
    line.named = coordinators;
    this.settleFirst();
    for (const address of coordinators) this.add(address);
  }

  private ended(line: Line, error: Error | undefined): void {
    line.link = undefined;
    if (this.stopping) {
      this.end(line);
      return;
    }
    if (!line.welcomed) {
      line.failures += 1;
      const fields = {
        coordinator: line.address,
        failures: line.failures,
        reason: error?.message ?? 'the stream ended',
      };
      if (line.failures === 1) this.deps.logger.warn(fields, 'cannot attach to a coordinator; trying again');
      else this.deps.logger.debug(fields, 'cannot attach to a coordinator; trying again');
    }
    if ([...this.lines.values()].every(({ failures }) => failures > 0)) this.settleFirst();
    if (line.failures > 0 && !this.isWanted(line.address)) {
      this.end(line);
      return;
    }
    const delayMs = backoffMs(REOPEN, line.failures + 1, this.deps.random);
    line.timer = this.deps.clock.startTimer(delayMs, () => this.open(line));
  }

  private isWanted(address: string): boolean {
    if (this.options.coordinators.includes(address)) return true;
    return [...this.lines.values()].some((line) => line.welcomed && line.named.includes(address));
  }

  private end(line: Line): void {
    line.timer?.stop();
    this.lines.delete(line.address);
    line.link?.close();
    this.tellWhenEmpty();
  }

  private tellWhenEmpty(): void {
    if (this.stopping && this.lines.size === 0) this.whenEmpty();
  }
}
