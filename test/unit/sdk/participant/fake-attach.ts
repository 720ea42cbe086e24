import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';

import { TccError } from '../../../../src/lib/errors';
import type {
  AttachDown,
  AttachUp,
  RawCallEntry,
  RawHello,
  RawReplyEntry,
  RawWelcome,
} from '../../../../src/wire/attach';
import { attachMethod } from '../../../../src/wire/attach';
import { toStatus } from '../../../../src/wire/status';
import { eventually } from '../../../support/eventually';

/** One stream, as the coordinator has it. */
export class FakeStream {
  readonly frames: (readonly RawReplyEntry[])[] = [];
  hello: RawHello | undefined;
  goodbyes = 0;
  isOver = false;
  private readonly call: ServerDuplexStream<AttachUp, AttachDown>;

  constructor(call: ServerDuplexStream<AttachUp, AttachDown>, onHello: (stream: FakeStream) => void) {
    this.call = call;
    call.on('data', (message: AttachUp) => {
      if (message.replies) this.frames.push(message.replies.entries);
      if (message.goodbye) this.goodbyes += 1;
      if (!message.hello) return;
      this.hello = message.hello;
      onHello(this);
    });
    for (const event of ['end', 'cancelled', 'error']) call.on(event, () => (this.isOver = true));
  }

  get replies(): readonly RawReplyEntry[] {
    return this.frames.flat();
  }

  say(message: AttachDown): void {
    this.call.write(message);
  }

  calls(...entries: readonly RawCallEntry[]): void {
    this.say({ calls: { entries } });
  }

  /** Ends it in good order. */
  end(): void {
    this.call.end();
  }

  fail(): void {
    this.call.emit('error', toStatus(new TccError('WRONG_STATE', 'replaced')));
  }
}

/** A coordinator that only attaches. */
export class FakeAttach {
  readonly streams: FakeStream[] = [];
  /** `welcome` everybody at once; `hang`: say nothing; `refuse`: end every stream with DRAINING. */
  mood: 'welcome' | 'hang' | 'refuse' = 'welcome';
  welcome: Partial<RawWelcome> = {};
  address = '';
  private server = new Server();

  static async start(port = 0): Promise<FakeAttach> {
    const made = new FakeAttach();
    await made.listen(port);
    return made;
  }

  async listen(port: number): Promise<void> {
    this.server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
    this.server.addService(
      { Attach: attachMethod },
      {
        Attach: (call: ServerDuplexStream<AttachUp, AttachDown>) => {
          const stream = new FakeStream(call, () => {
            if (this.mood === 'welcome') stream.say({ welcome: this.welcomeOf() });
          });
          this.streams.push(stream);
          if (this.mood === 'refuse') call.emit('error', toStatus(new TccError('DRAINING', 'not now')));
        },
      },
    );
    const bound = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
        error ? reject(error) : resolve(at),
      );
    });
    this.address = `127.0.0.1:${bound}`;
  }

  welcomeOf(): RawWelcome {
    return {
      coordinatorId: this.address,
      coordinators: [this.address],
      maxFrameEntries: 1_024,
      maxFrameBytes: 4_194_304,
      ...this.welcome,
    };
  }

  /** The stream number `index`, once it has said hello. */
  stream(index = 0): Promise<FakeStream> {
    return eventually(
      () => {
        const stream = this.streams[index];
        return stream?.hello === undefined ? false : stream;
      },
      { everyMs: 2 },
    );
  }

  stop(): void {
    this.server.forceShutdown();
  }
}

/** A call as it travels. */
export function entry(id: number, changes: Partial<NonNullable<RawCallEntry['call']>> = {}, phase = 1): RawCallEntry {
  return {
    id,
    phase,
    call: {
      gid: `g-${id}`,
      branchId: 'b',
      action: 'deduct',
      attempt: 1,
      remainingMs: 5_000,
      payload: null,
      ...changes,
    },
  };
}
