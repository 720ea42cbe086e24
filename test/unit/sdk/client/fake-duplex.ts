import { EventEmitter } from 'node:events';

import { Metadata, type status } from '@grpc/grpc-js';

import { type EncodedFrame, executeStreamMethod, type Frame, type RawReply } from '../../../../src/wire/execute-stream';
import type { ExecuteStreamCall__Output } from '../../../../src/wire/generated/tcc/v1/ExecuteStreamCall';
import { headersOfBound } from '../../../../src/wire/message-bound';
import { tccV1 } from '../../../../src/wire/proto';

/** The stream as grpc-js would give it, with a test at the other end. */
export class FakeDuplex extends EventEmitter {
  readonly frames: ExecuteStreamCall__Output[][] = [];
  readonly frameBytes: number[] = [];
  takesMore = true;
  ended = false;
  cancelled = false;

  write(frame: EncodedFrame): boolean {
    const bytes = executeStreamMethod.requestSerialize(frame);
    this.frameBytes.push(bytes.length);
    this.frames.push(tccV1.TransactionService.service.ExecuteStream.requestDeserialize(bytes).entries);
    return this.takesMore;
  }

  end(): void {
    this.ended = true;
  }

  cancel(): void {
    this.cancelled = true;
  }

  read(): null {
    return null;
  }

  get entries(): ExecuteStreamCall__Output[] {
    return this.frames.flat();
  }

  /** The headers come, with the bound of a coordinator that says it. */
  welcome(messageBytes?: number): void {
    this.emit('metadata', messageBytes === undefined ? new Metadata() : headersOfBound(messageBytes));
  }

  answer(...replies: readonly Uint8Array[]): void {
    const bytes = executeStreamMethod.responseSerialize(replies);
    this.emit('data', executeStreamMethod.responseDeserialize(bytes) satisfies Frame<RawReply>);
  }

  finish(code: status, details: string, metadata = new Metadata()): void {
    this.emit('status', { code, details, metadata });
  }
}
