/**
 * One Attach stream, from hello to its end.
 * S1. Calls leave only after the welcome, and the welcome only after the instance is registered.
 * S2. However the stream ends, its calls become unknown at once and nothing of it is left (I13).
 * S3. A stream that breaks the protocol is ended with a status that says how; so is one that keeps its hello to itself.
 */
import type { Attachments } from '../invoker/attachments';
import { Attachment } from '../invoker/attachment';
import type { NewInstance } from '../journal/participants';
import type { Clock, Timer } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import type { AttachDown, AttachUp, RawWelcome } from '../wire/attach';
import { FRAME_BYTES, FRAME_ENTRIES } from '../wire/framer';
import { readHello } from './validate-attach';
import type { RequestLimits } from './validate';

/** The stream as gRPC gives it. */
export interface AttachStream {
  write(message: AttachDown): boolean;
  end(): void;
  /** Ends the stream with a status. */
  fail(error: unknown): void;
}

export interface AttachLimits extends RequestLimits {
  /** The largest message, either way, in bytes. */
  readonly messageBytes: number;
}

export interface SessionDeps {
  readonly attachments: Attachments;
  readonly registry: {
    register(instance: NewInstance, lifetimeMs: number): Promise<void>;
    deregister(participant: string, instanceId: string): Promise<void>;
  };
  readonly welcome: () => RawWelcome;
  readonly limits: AttachLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The instance is registered, and this session speaks for it from now on. */
  readonly accepted: (session: AttachSession) => void;
  /** The session is over. */
  readonly ended: (session: AttachSession) => void;
}

/** An attached instance is registered for so long, and renewed at a third of it: other coordinators then know that it lives. */
const LIFETIME_MS = 15_000;

/**
 * How long a stream may stand without a hello, in milliseconds. SDKs say it at once, so that only a very slow network needs more than
 * a round trip; a stream that says nothing takes one of the places that instances need.
 */
export const HELLO_MS = 10_000;

export class AttachSession {
  private readonly stream: AttachStream;
  private readonly deps: SessionDeps;
  /** Ends the wait for the hello. */
  private readonly patience: Timer;
  private attachment: Attachment | undefined;
  private instance: NewInstance | undefined;
  private renewal: Timer | undefined;
  private helloSeen = false;
  private over = false;

  constructor(stream: AttachStream, deps: SessionDeps) {
    this.stream = stream;
    this.deps = deps;
    this.patience = deps.clock.startTimer(HELLO_MS, () => {
      this.fail(protocolError(`no hello came within ${HELLO_MS} ms`));
    });
  }

  /** Names the instance among all; undefined before its hello. */
  get key(): string | undefined {
    return this.instance && `${this.instance.participant}/${this.instance.instanceId}`;
  }

  received(message: AttachUp): void {
    if (this.over) return;
    try {
      if (message.fault !== undefined) throw protocolError(message.fault);
      if (message.replies) this.replied(message.replies.entries.length, message);
      else if (message.hello) void this.hello(message).catch((error: unknown) => this.fail(error));
      else if (message.goodbye) void this.goodbye();
      else throw protocolError('a message of the stream has none of hello, replies and goodbye');
    } catch (error) {
      this.fail(error);
    }
  }

  /** The stream takes more. */
  drained(): void {
    this.attachment?.drained();
  }

  /** The instance is gone, or has ended its side. */
  closed(): void {
    if (this.over) return;
    this.finish();
    this.stream.end();
  }

  /** This coordinator stops: no new calls; resolves when those that are out are answered or `patience` is aborted. */
  async dismiss(patience: AbortSignal): Promise<void> {
    if (this.over) return;
    this.stream.write({ goodbye: {} });
    const { attachment } = this;
    if (attachment !== undefined) {
      await Promise.race([
        attachment.refuseNew(),
        new Promise((resolve) => patience.addEventListener('abort', resolve)),
      ]);
    }
    this.closed();
  }

  /** A newer stream of the same instance takes its place. */
  replaced(): void {
    this.fail(new TccError('WRONG_STATE', 'the same instance has attached again; this stream is replaced'));
  }

  /** Tells the instance of the coordinators there are now. */
  update(): void {
    if (this.attachment !== undefined && !this.over) this.stream.write({ update: this.deps.welcome() });
  }

  private replied(count: number, { replies }: AttachUp): void {
    if (this.attachment === undefined) throw protocolError('replies came before the hello was answered');
    if (count > FRAME_ENTRIES) {
      throw protocolError(`a frame has ${count} replies; at most ${FRAME_ENTRIES} are allowed (max_frame_entries)`);
    }
    this.attachment.answered(replies?.entries ?? []);
  }

  private async hello(message: AttachUp): Promise<void> {
    if (this.helloSeen) throw protocolError('a stream says hello once');
    this.helloSeen = true;
    this.patience.stop();
    const { attachments, clock, limits, logger } = this.deps;
    const { instance, maxCalls, maxBytes } = readHello(message.hello, limits);
    this.instance = instance;
    await this.deps.registry.register(instance, LIFETIME_MS);
    if (this.over) return;
    this.deps.accepted(this);
    const { participant, instanceId } = instance;
    const attachment = new Attachment(
      {
        participant,
        instanceId,
        actions: new Set(instance.actions.map(({ name }) => name)),
        maxCalls,
        maxBytes,
        // Half a message at most: what an entry takes beside its payload is an estimate.
        frameBytes: Math.min(FRAME_BYTES, Math.floor(limits.messageBytes / 2)),
        payloadBytes: limits.payloadBytes,
      },
      {
        clock,
        send: (entries) => this.stream.write({ calls: { entries } }),
        roomChanged: () => attachments.roomChanged(participant),
      },
    );
    this.stream.write({ welcome: this.deps.welcome() });
    this.attachment = attachment;
    attachments.add(attachment);
    this.scheduleRenewal(instance);
    logger.info({ participant, instanceId }, 'an instance attached');
  }

  private async goodbye(): Promise<void> {
    const { attachment, instance } = this;
    if (attachment === undefined || instance === undefined) {
      this.closed();
      return;
    }
    // It may be gone before the store has heard of it, and then expires there by itself.
    void this.deps.registry.deregister(instance.participant, instance.instanceId).catch((error: unknown) => {
      this.deps.logger.debug({ err: error }, 'an instance that said goodbye was not deregistered');
    });
    this.renewal?.stop();
    await attachment.refuseNew();
    this.closed();
  }

  private scheduleRenewal(instance: NewInstance): void {
    this.renewal = this.deps.clock.startTimer(LIFETIME_MS / 3, () => {
      // A database outage makes no registration expire, and the stream itself says that the instance lives.
      void this.deps.registry.register(instance, LIFETIME_MS).catch((error: unknown) => {
        this.deps.logger.debug({ err: error }, 'an attached instance was not renewed');
      });
      if (!this.over) this.scheduleRenewal(instance);
    });
  }

  private fail(error: unknown): void {
    if (this.over) return;
    this.finish();
    this.stream.fail(error);
  }

  private finish(): void {
    this.over = true;
    this.patience.stop();
    this.renewal?.stop();
    if (this.attachment !== undefined) {
      this.attachment.broken();
      this.deps.attachments.remove(this.attachment);
      const { participant, instanceId } = this.attachment;
      this.deps.logger.info({ participant, instanceId }, 'an instance detached');
    }
    this.deps.ended(this);
  }
}

function protocolError(message: string): TccError {
  return new TccError('INVALID_REQUEST', message);
}
