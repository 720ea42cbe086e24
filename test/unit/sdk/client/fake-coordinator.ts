import { randomUUID } from 'node:crypto';

import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';

import { TccError, type ErrorCode } from '../../../../src/lib/errors';
import type { Transaction } from '../../../../src/wire/generated/tcc/v1/Transaction';
import { methodNames, type CallKind } from '../../../../src/wire/execute-stream';
import type { ExecuteStreamReply } from '../../../../src/wire/generated/tcc/v1/ExecuteStreamReply';
import type { ExecuteStreamRequest__Output } from '../../../../src/wire/generated/tcc/v1/ExecuteStreamRequest';
import type { ExecuteStreamResponse } from '../../../../src/wire/generated/tcc/v1/ExecuteStreamResponse';
import { tccV1 } from '../../../../src/wire/proto';
import { DETAILS_TRAILER } from '../../../../src/wire/error-details';
import { toStatus, type WireStatus } from '../../../../src/wire/status';
import { freeAddress } from '../../../e2e/support/ports';

type CallStream = ServerDuplexStream<ExecuteStreamRequest__Output, ExecuteStreamResponse>;

/** What a scripted coordinator answers: a message, an error, or `silence` until the caller goes away. */
export type Answer = (request: Record<string, unknown>, call: { readonly count: number }) => unknown;

export const silence = Symbol('silence');

/** A coordinator whose answers a test writes: real gRPC on a loopback port, no transactions behind it. */
export class FakeCoordinator {
  /** Every request that arrived, by method. */
  readonly requests: { readonly method: string; readonly request: Record<string, unknown> }[] = [];
  address = '';
  /** Every frame that arrived on a stream of calls: how many entries it had. */
  readonly frames: number[] = [];
  /** Streams of calls that were opened, and those of them that have ended. */
  streams = { opened: 0, ended: 0 };
  /** Entries that the client gave up, by id. */
  readonly abandoned: number[] = [];
  /** What streams of calls are refused with; entries are served like unary calls while it is undefined. */
  refuseStreams: Error | undefined;
  private readonly openStreams = new Set<CallStream>();
  private server = new Server();
  private readonly answers = new Map<string, Answer>();

  /** Listens; on the port of before after a stop, which nobody else takes meanwhile. */
  async start(): Promise<this> {
    this.server = new Server();
    const { TransactionService, AdminService, RegistryService } = tccV1;
    for (const { service } of [TransactionService, AdminService, RegistryService]) {
      const handlers = Object.entries(service).map(([name, method]) => [
        name,
        name === 'ExecuteStream'
          ? (call: CallStream) => this.calls(call)
          : (method as { responseStream: boolean }).responseStream
            ? this.streamed(name)
            : this.unary(name),
      ]);
      this.server.addService(service, Object.fromEntries(handlers) as never);
    }
    const address = this.address === '' ? await freeAddress() : this.address;
    const port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  /** Drops every connection, and calls that are under way with it. */
  stop(): void {
    this.server.forceShutdown();
  }

  /** Ends every stream of calls with a status, and keeps the connections. */
  endStreams(error: Error): void {
    for (const stream of this.openStreams) stream.emit('error', asStatus(error));
  }

  on(method: string, answer: Answer): this {
    this.answers.set(method, answer);
    return this;
  }

  /** What arrived for one method. */
  seen(method: string): Record<string, unknown>[] {
    return this.requests.filter((entry) => entry.method === method).map(({ request }) => request);
  }

  private unary(name: string) {
    return (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => {
      const answer = this.answer(name, call.request);
      if (answer === silence) return;
      if (answer instanceof Error) callback(asStatus(answer), null);
      else callback(null, answer);
    };
  }

  /** A stream's answer is a list: messages, and an error or `silence` as the last one. */
  private streamed(name: string) {
    return (call: ServerWritableStream<unknown, unknown>) => {
      const answer = this.answer(name, call.request);
      for (const message of Array.isArray(answer) ? (answer as unknown[]) : [answer]) {
        if (message === silence) return;
        if (message instanceof Error) {
          call.emit('error', asStatus(message));
          return;
        }
        call.write(message);
      }
      call.end();
    };
  }

  /** Entries are read and written by proto-loader here, which the client's own encoding must agree with. */
  private calls(call: CallStream): void {
    this.streams.opened += 1;
    if (this.refuseStreams !== undefined) {
      call.emit('error', asStatus(this.refuseStreams));
      return;
    }
    this.openStreams.add(call);
    call.on('cancelled', () => {
      this.openStreams.delete(call);
      this.streams.ended += 1;
    });
    call.on('end', () => call.end());
    call.on('data', ({ entries }: ExecuteStreamRequest__Output) => {
      this.frames.push(entries.length);
      const replies = entries.flatMap((entry) => this.entry(entry));
      if (replies.length > 0) call.write({ entries: replies });
    });
  }

  private entry(entry: ExecuteStreamRequest__Output['entries'][number]): ExecuteStreamReply[] {
    const { id, request: kind } = entry;
    if (kind === 'abandon') this.abandoned.push(id);
    if (kind === undefined || kind === 'abandon') return [];
    const answer = this.answer(methodNames[kind satisfies CallKind], entry[kind]);
    if (answer === silence) return [];
    if (!(answer instanceof Error)) return [{ id, [kind]: answer }];
    const { code, details, metadata } = asStatus(answer) as Partial<WireStatus>;
    const [trailer = ''] = metadata?.get(DETAILS_TRAILER) ?? [];
    return [{ id, failure: { code: code ?? 0, message: details ?? '', details: trailer } }];
  }

  private answer(method: string, request: unknown): unknown {
    const count = this.seen(method).length + 1;
    this.requests.push({ method, request: request as Record<string, unknown> });
    const answer = this.answers.get(method);
    if (answer === undefined) return new TccError('INVALID_REQUEST', `the test has no answer for ${method}`);
    try {
      return answer(request as Record<string, unknown>, { count });
    } catch (error) {
      return error;
    }
  }
}

/** TccErrors as the real server sends them; others are sent as they are, so that a test can make any status. */
function asStatus(error: Error): never {
  return (error instanceof TccError ? toStatus(error) : error) as never;
}

export function failure(code: ErrorCode, message: string = code, metadata: Record<string, string> = {}): TccError {
  return new TccError(code, message, { metadata });
}

/** A bare gRPC status, as a proxy or another implementation would send it. */
export function bareStatus(code: number, details: string): Error {
  return Object.assign(new Error(details), { code, details });
}

export const BEGAN_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export function transaction(fields: Partial<Transaction> = {}): Transaction {
  return {
    gid: 'order-1',
    name: 'place-order',
    status: 'TRANSACTION_STATUS_CONFIRMED',
    createdAtMs: BEGAN_MS,
    deadlineAtMs: BEGAN_MS + 30_000,
    decidedAtMs: BEGAN_MS + 20,
    finishedAtMs: BEGAN_MS + 40,
    ...fields,
  };
}

export function json(value: unknown): { data: Buffer; contentType: string } {
  return { data: Buffer.from(JSON.stringify(value)), contentType: 'application/json' };
}

/** An address on which nobody listens, and nobody else will. */
export function deadAddress(): Promise<string> {
  return freeAddress();
}

export function uniqueGid(): string {
  return `order-${randomUUID()}`;
}
