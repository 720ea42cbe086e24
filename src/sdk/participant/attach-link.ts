/**
 * One attached stream to one coordinator: hello, then frames of calls in and frames of replies out.
 * L1. Every call of a frame is answered by one reply, in any order; replies gather per turn of the event loop. One that is too
 *     large for the coordinator, which only a Try's can be, is answered as a failure, and harms no other.
 * L2. When the stream ends, however it does, `ended` is called once, the calls that run learn that nobody waits for them, and
 *     nothing of it is left (I13).
 */
import {
  Client,
  Metadata,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';

import { NOWHERE, type Placed, Roster } from '../../lib/roster';
import {
  attachMethod,
  type AttachDown,
  type AttachUp,
  fenceNumbers,
  phaseNames,
  type RawCallEntry,
  type RawHello,
  type RawReplyEntry,
  type RawWelcome,
  replyEntryBytes,
} from '../../wire/attach';
import { channelOptions, MESSAGE_BYTES } from '../../wire/channel';
import { FRAME_BYTES, FRAME_ENTRIES, Framer } from '../../wire/framer';
import { failed, replyTooLarge, type Answer } from './answer';
import type { CallHandler, CallLimits } from './call-handler';

/** A stream to a coordinator, and the connection that it stands on. */
export interface AttachConnection {
  readonly stream: ClientDuplexStream<AttachUp, AttachDown>;
  close(): void;
}

export interface AttachLinkDeps {
  readonly handler: Pick<CallHandler, 'handle'>;
  readonly credentials: ChannelCredentials;
  /** Opens the stream to an address. Default: by gRPC, with these credentials. */
  readonly connect?: (address: string) => AttachConnection;
  /** The coordinator has accepted, or says that the coordinators have changed. */
  readonly welcomed: (welcome: RawWelcome) => void;
  /** The stream is over; without an error when the coordinator ended it. */
  readonly ended: (error: Error | undefined) => void;
}

/** A coordinator's messages are as large as it is configured to take them from applications, and it bounds them itself. */
const streamOptions = {
  ...channelOptions,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
};

export class AttachLink {
  readonly address: string;
  private readonly deps: AttachLinkDeps;
  private readonly connection: AttachConnection;
  private readonly stream: ClientDuplexStream<AttachUp, AttachDown>;
  private framer: Framer<RawReplyEntry>;
  /** What one message to the coordinator may hold. */
  private messageBytes = MESSAGE_BYTES;
  /** Calls that run: each is told when nobody waits for it any more. */
  private readonly running = new Roster<Running>();
  private over = false;

  constructor(address: string, hello: RawHello, deps: AttachLinkDeps) {
    this.address = address;
    this.deps = deps;
    this.connection = deps.connect?.(address) ?? connectByGrpc(address, deps.credentials);
    this.stream = this.connection.stream;
    this.framer = new Framer((entries) => this.send(entries));
    this.stream.on('data', (message: AttachDown) => this.received(message));
    this.stream.on('drain', () => this.framer.drained());
    this.stream.on('error', (error: ServiceError) => this.finish(error));
    this.stream.on('end', () => this.finish(undefined));
    this.stream.write({ hello });
  }

  /** Asks for no more calls; the coordinator ends the stream when it has the replies to those that are out. */
  goodbye(): void {
    if (!this.over) this.stream.write({ goodbye: {} });
  }

  /** Ends the stream at once; `reason` is what `ended` hears. */
  close(reason?: Error): void {
    if (this.over) return;
    this.stream.cancel();
    this.finish(reason);
  }

  private received(message: AttachDown): void {
    if (message.calls) {
      for (const entry of message.calls.entries) this.called(entry);
    } else if (message.welcome) {
      this.observe(message.welcome);
      this.deps.welcomed(message.welcome);
    } else if (message.update) {
      this.deps.welcomed(message.update);
    } else if (message.fault !== undefined) {
      // The next stream may do better; which calls were in it nobody can say.
      this.close(new Error(message.fault));
    }
    // A goodbye needs no answer: the coordinator waits for the replies that are due, and ends the stream.
  }

  private called({ id, phase, call, unreadable }: RawCallEntry): void {
    if (unreadable !== undefined) {
      this.reply(id, failed('INVALID_ARGUMENT', unreadable));
      return;
    }
    const name = phaseNames[phase];
    if (name === undefined) {
      this.reply(id, failed('UNIMPLEMENTED', `this participant knows no phase ${phase}`));
      return;
    }
    const running = new Running();
    this.running.add(running);
    void this.deps.handler.handle(name, call, running).then((answer) => {
      this.running.delete(running);
      this.reply(id, answer);
    });
  }

  /** Keeps to what the coordinator takes. No reply has gathered by then: calls come after the welcome. */
  private observe({ maxFrameBytes, maxFrameEntries }: RawWelcome): void {
    this.messageBytes = maxFrameBytes || MESSAGE_BYTES;
    // Half a message: what an entry takes beside its payload is an estimate.
    const frameBytes = Math.min(FRAME_BYTES, Math.floor(this.messageBytes / 2));
    const frameEntries = Math.min(FRAME_ENTRIES, maxFrameEntries || FRAME_ENTRIES);
    this.framer = new Framer((entries) => this.send(entries), frameBytes, frameEntries);
  }

  private send(entries: readonly RawReplyEntry[]): boolean {
    return this.stream.write({ replies: { entries } });
  }

  private reply(id: number, answer: Answer): void {
    if (this.over) return;
    const entry = entryOf(id, answer);
    const bytes = replyEntryBytes(entry);
    if (bytes + FRAME_ROOM <= this.messageBytes) this.framer.push(entry, bytes, this.running.size === 0);
    else this.reply(id, replyTooLarge(bytes, this.messageBytes - FRAME_ROOM));
  }

  private finish(error: Error | undefined): void {
    if (this.over) return;
    this.over = true;
    this.framer.close();
    for (const { gone } of this.running.all()) gone?.();
    // What the coordinator ended is half open until this side ends as well.
    this.stream.end();
    this.connection.close();
    this.deps.ended(error);
  }
}

/** A call that runs. */
class Running implements CallLimits, Placed {
  place = NOWHERE;
  /** Tells it that nobody waits for it any more. */
  gone: (() => void) | undefined;

  onGone(gone: () => void): void {
    this.gone = gone;
  }
}

function connectByGrpc(address: string, credentials: ChannelCredentials): AttachConnection {
  const client = new Client(address, credentials, streamOptions);
  const { path, requestSerialize, responseDeserialize } = attachMethod;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
  return { stream, close: () => client.close() };
}

/** What a frame has around its largest entry: tags, lengths, the content type. */
const FRAME_ROOM = 256;

function entryOf(id: number, answer: Answer): RawReplyEntry {
  if (answer.kind === 'failed') {
    const { fence, message } = answer;
    return {
      id,
      failure: { code: status[answer.status], message, fence: fence === undefined ? 0 : fenceNumbers[fence] },
    };
  }
  const { payload, fence } = answer;
  return { id, reply: { payload: payload ?? null, fence: fence === undefined ? 0 : fenceNumbers[fence] } };
}
