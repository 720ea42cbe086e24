import { Client, credentials, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js';

import {
  attachMethod,
  type AttachDown,
  type AttachUp,
  type RawCallEntry,
  type RawHello,
  type RawReplyEntry,
} from '../../../src/wire/attach';
import { channelOptions } from '../../../src/wire/channel';
import { readStatus, type StatusReport } from '../../../src/wire/status';
import { eventually } from '../../support/eventually';

/** One stream of an instance that is no SDK: it says what the test tells it to. */
export class RawInstance {
  /** Everything but frames of calls. */
  readonly heard: AttachDown[] = [];
  readonly frames: (readonly RawCallEntry[])[] = [];
  /** How the stream ended: with this status; undefined when the coordinator ended it in good order. */
  readonly ended: Promise<StatusReport | undefined>;
  isOver = false;
  /** Answers each call at once while it is set. */
  answer: ((entry: RawCallEntry) => RawReplyEntry | undefined) | undefined;
  readonly stream: ClientDuplexStream<AttachUp | Buffer, AttachDown>;
  private readonly client: Client;

  constructor(address: string) {
    this.client = new Client(address, credentials.createInsecure(), {
      ...channelOptions,
      'grpc.max_send_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
    this.stream = this.client.makeBidiStreamRequest(
      attachMethod.path,
      (message: AttachUp | Buffer) => (Buffer.isBuffer(message) ? message : attachMethod.requestSerialize(message)),
      attachMethod.responseDeserialize,
      new Metadata(),
    );
    this.stream.on('data', (message: AttachDown) => this.received(message));
    this.ended = new Promise((resolve) => {
      const end = (report: StatusReport | undefined) => {
        this.isOver = true;
        resolve(report);
      };
      this.stream.on('error', (error: ServiceError) => end(readStatus(error)));
      this.stream.on('end', () => end(undefined));
    });
  }

  /** A message, or bytes that are to pass for one. */
  say(message: AttachUp | Buffer): void {
    this.stream.write(message);
  }

  /** Says hello, and waits for the welcome. */
  async hello(changes: Partial<RawHello> = {}): Promise<this> {
    this.say({ hello: helloOf(changes) });
    await eventually(() => this.heard.length > 0 || this.isOver, { everyMs: 2 });
    return this;
  }

  reply(...entries: readonly RawReplyEntry[]): void {
    this.say({ replies: { entries } });
  }

  /** Answers every call that has come so far with OK. */
  replyToAll(): void {
    this.reply(...this.calls.map(({ id }) => ({ id, reply: {} })));
  }

  get calls(): readonly RawCallEntry[] {
    return this.frames.flat();
  }

  get gids(): string[] {
    return this.calls.map(({ call }) => call?.gid ?? '');
  }

  close(): void {
    this.stream.cancel();
    this.client.close();
  }

  private received(message: AttachDown): void {
    if (!message.calls) {
      this.heard.push(message);
      return;
    }
    const { entries } = message.calls;
    this.frames.push(entries);
    if (this.answer === undefined) return;
    const replies = entries.flatMap((entry) => this.answer?.(entry) ?? []);
    if (replies.length > 0) this.reply(...replies);
  }
}

export function helloOf(changes: Partial<RawHello> = {}): RawHello {
  return {
    participant: 'stock',
    instanceId: 's-1',
    actions: [{ name: 'deduct' }],
    maxCallsInFlight: 0,
    maxBytesInFlight: 0,
    address: '',
    ...changes,
  };
}

/** Done, whatever was asked. */
export const yes = ({ id }: RawCallEntry): RawReplyEntry => ({ id, reply: {} });
