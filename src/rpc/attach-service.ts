import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';

import type { Attachments } from '../invoker/attachments';
import { type Clock, sleep } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import type { AttachDown, AttachUp, RawWelcome } from '../wire/attach';
import { FRAME_ENTRIES } from '../wire/framer';
import { toStatus } from '../wire/status';
import { type AttachLimits, AttachSession, type SessionDeps } from './attach-session';

/** What the service needs besides its limits. */
export interface AttachDeps {
  readonly attachments: Attachments;
  readonly registry: SessionDeps['registry'];
  readonly coordinatorId: string;
  /** host:port of every living coordinator. */
  readonly coordinators: () => readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Streams that may stand at once: each instance keeps one, at a few dozen kB with its HTTP/2 session. */
export const MOST_STREAMS = 5_000;

/** Every Attach stream of this coordinator. */
export class AttachService {
  private readonly limits: AttachLimits;
  private readonly deps: AttachDeps;
  /** In the order in which their streams were opened. */
  private readonly sessions = new Set<AttachSession>();
  private stopping = false;

  constructor(limits: AttachLimits, deps: AttachDeps) {
    this.limits = limits;
    this.deps = deps;
  }

  readonly attach: handleBidiStreamingCall<AttachUp, AttachDown> = (call) => {
    const refused = this.refusal();
    if (refused !== undefined) {
      call.emit('error', toStatus(refused));
      return;
    }
    const session = new AttachSession(streamOf(call), {
      ...this.deps,
      limits: this.limits,
      welcome: () => this.welcome(),
      accepted: (newer) => this.replaceOlder(newer),
      ended: (over) => this.sessions.delete(over),
    });
    this.sessions.add(session);
    call.on('data', (message: AttachUp) => session.received(message));
    call.on('drain', () => session.drained());
    call.on('end', () => session.closed());
    call.on('cancelled', () => session.closed());
    call.on('error', () => session.closed());
  };

  /** Tells every instance of the coordinators there are now. */
  announceCoordinators(): void {
    for (const session of this.sessions) session.update();
  }

  /** Says goodbye on every stream, waits up to `patienceMs` for the calls that are out, and ends them. */
  async stop(patienceMs: number): Promise<void> {
    this.stopping = true;
    const patience = new AbortController();
    const timer = sleep(this.deps.clock, patienceMs, patience.signal).then(() => patience.abort());
    await Promise.all([...this.sessions].map((session) => session.dismiss(patience.signal)));
    patience.abort();
    await timer;
  }

  private refusal(): TccError | undefined {
    if (this.stopping) return new TccError('DRAINING', 'this coordinator is shutting down; attach to another one');
    if (this.sessions.size < MOST_STREAMS) return undefined;
    return new TccError(
      'TOO_MANY_INSTANCES',
      `this coordinator has ${MOST_STREAMS} attached streams, as many as it may`,
      { metadata: { limit: 'attachedStreams', most: String(MOST_STREAMS) } },
    );
  }

  private replaceOlder(newer: AttachSession): void {
    for (const session of this.sessions) {
      if (session === newer) return;
      if (session.key === newer.key) session.replaced();
    }
  }

  private welcome(): RawWelcome {
    return {
      coordinatorId: this.deps.coordinatorId,
      coordinators: this.deps.coordinators(),
      maxFrameEntries: FRAME_ENTRIES,
      maxFrameBytes: this.limits.messageBytes,
    };
  }
}

function streamOf(call: ServerDuplexStream<AttachUp, AttachDown>) {
  return {
    write: (message: AttachDown) => call.write(message),
    end: () => call.end(),
    fail: (error: unknown) => {
      call.emit('error', toStatus(error));
    },
  };
}
