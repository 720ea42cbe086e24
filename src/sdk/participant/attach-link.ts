/**
 * One attached stream to one coordinator: hello, then frames of calls in and frames of replies out.
 * L1. Every call of a frame is answered by one reply, in any order; replies gather per turn of the event loop.
 * L2. When the stream ends, however it does, `ended` is called once and nothing of it is left (I13).
 */
import {
  Client,
  Metadata,
  type ChannelCredentials,
  type ClientDuplexStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';

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
import { channelOptions } from '../../wire/channel';
import { Framer } from '../../wire/framer';
import { failed, type Answer } from './answer';
import type { CallHandler } from './call-handler';

export interface AttachLinkDeps {
  readonly handler: Pick<CallHandler, 'handle'>;
  readonly credentials: ChannelCredentials;
  /** The coordinator has accepted, or says that the coordinators have changed. */
  readonly welcomed: (welcome: RawWelcome) => void;
  /** The stream is over; without an error when the coordinator ended it. */
  readonly ended: (error: ServiceError | undefined) => void;
}

export class AttachLink {
  readonly address: string;
  private readonly deps: AttachLinkDeps;
  private readonly client: Client;
  private readonly stream: ClientDuplexStream<AttachUp, AttachDown>;
  private readonly framer: Framer<RawReplyEntry>;
  private over = false;

  constructor(address: string, hello: RawHello, deps: AttachLinkDeps) {
    this.address = address;
    this.deps = deps;
    this.client = new Client(address, deps.credentials, channelOptions);
    this.stream = this.client.makeBidiStreamRequest(
      attachMethod.path,
      attachMethod.requestSerialize,
      attachMethod.responseDeserialize,
      new Metadata(),
    );
    this.framer = new Framer((entries) => this.stream.write({ replies: { entries } }));
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

  /** Ends the stream at once. */
  close(): void {
    if (this.over) return;
    this.stream.cancel();
    this.finish(undefined);
  }

  private received(message: AttachDown): void {
    if (message.calls) {
      for (const entry of message.calls.entries) this.called(entry);
    } else if (message.welcome) {
      this.deps.welcomed(message.welcome);
    } else if (message.update) {
      this.deps.welcomed(message.update);
    }
    // A goodbye needs no answer: the coordinator waits for the replies that are due, and ends the stream.
  }

  private called({ id, phase, call }: RawCallEntry): void {
    const name = phaseNames[phase];
    if (name === undefined) {
      this.reply(id, failed('UNIMPLEMENTED', `this participant knows no phase ${phase}`));
      return;
    }
    void this.deps.handler.handle(name, call).then((answer) => this.reply(id, answer));
  }

  private reply(id: number, answer: Answer): void {
    if (this.over) return;
    const entry = entryOf(id, answer);
    this.framer.push(entry, replyEntryBytes(entry));
  }

  private finish(error: ServiceError | undefined): void {
    if (this.over) return;
    this.over = true;
    this.framer.close();
    // What the coordinator ended is half open until this side ends as well.
    this.stream.end();
    this.client.close();
    this.deps.ended(error);
  }
}

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
