import type { Metadata, status } from '@grpc/grpc-js';
import {
  Server,
  ServerCredentials,
  type MethodDefinition,
  type sendUnaryData,
  type ServerUnaryCall,
} from '@grpc/grpc-js';

import type { Phase } from '../../../src/engine/model';
import type { ParticipantCall } from '../../../src/invoker/invoker';
import { serverOptions } from '../../../src/wire/channel';
import type { BranchCall__Output as WireCall } from '../../../src/wire/generated/tcc/v1/BranchCall';
import type { BranchReply } from '../../../src/wire/generated/tcc/v1/BranchReply';
import { tccV1 } from '../../../src/wire/proto';

export interface Seen {
  readonly phase: Phase;
  readonly call: WireCall;
  readonly deadlineMs: number;
}

export type Answer = BranchReply | { readonly code: status; readonly details: string };
export type Handler = (seen: Seen) => Answer | Promise<Answer>;

/** A participant that is a real gRPC server on loopback. */
export class RealParticipant {
  readonly seen: Seen[] = [];
  /** What arrived at the native method. */
  readonly native: { readonly request: Buffer; readonly metadata: Metadata }[] = [];
  /** What the native method answers. */
  nativeReply = Buffer.alloc(0);
  address = '';
  /** The most calls that it had in its hands at once. */
  most = 0;
  private inHand = 0;
  private readonly handler: Handler;
  private server: Server | undefined;

  constructor(handler: Handler = () => ({})) {
    this.handler = handler;
  }

  async start(port = 0): Promise<this> {
    const server = new Server(serverOptions({ messageBytes: 16 * 1024 * 1024 }));
    server.addService(tccV1.ParticipantService.service, {
      Try: this.answer('try'),
      Confirm: this.answer('confirm'),
      Cancel: this.answer('cancel'),
    });
    server.addService(
      { Reserve: nativeMethod },
      {
        Reserve: (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => {
          this.native.push({ request: call.request, metadata: call.metadata });
          callback(null, this.nativeReply);
        },
      },
    );
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) => {
        if (error) reject(error);
        else resolve(at);
      });
    });
    this.address = `127.0.0.1:${bound}`;
    this.server = server;
    return this;
  }

  stop(): void {
    this.server?.forceShutdown();
  }

  private answer(phase: Phase) {
    return (call: ServerUnaryCall<{ call: WireCall }, unknown>, callback: sendUnaryData<{ reply: BranchReply }>) => {
      const seen = { phase, call: call.request.call, deadlineMs: Number(call.getDeadline()) };
      this.seen.push(seen);
      this.inHand += 1;
      this.most = Math.max(this.most, this.inHand);
      call.once('cancelled', () => (this.inHand -= 1));
      void Promise.resolve(this.handler(seen)).then((answer) => {
        this.inHand -= 1;
        if ('code' in answer) callback(answer);
        else callback(null, { reply: answer });
      });
    };
  }
}

const bytes = (value: Buffer): Buffer => value;
const nativeMethod: MethodDefinition<Buffer, Buffer> = {
  path: '/stock.v1.StockService/Reserve',
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

export function call(more: Partial<ParticipantCall> = {}): ParticipantCall {
  return {
    participant: 'stock',
    action: 'deduct',
    phase: 'try',
    gid: 'order-1',
    branchId: 'stock-deduct',
    attempt: 1,
    payload: { data: Buffer.from('{"sku":"A"}'), contentType: 'application/json' },
    timeoutMs: 3_000,
    ...more,
  };
}
