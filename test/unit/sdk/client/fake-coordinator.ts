import { randomUUID } from 'node:crypto';

import {
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';

import { TccError, type ErrorCode } from '../../../../src/lib/errors';
import type { Transaction } from '../../../../src/wire/generated/tcc/v1/Transaction';
import { tccV1 } from '../../../../src/wire/proto';
import { toStatus } from '../../../../src/wire/status';

/** What a scripted coordinator answers: a message, an error, or `silence` until the caller goes away. */
export type Answer = (request: Record<string, unknown>, call: { readonly count: number }) => unknown;

export const silence = Symbol('silence');

/** A coordinator whose answers a test writes: real gRPC on a loopback port, no transactions behind it. */
export class FakeCoordinator {
  /** Every request that arrived, by method. */
  readonly requests: { readonly method: string; readonly request: Record<string, unknown> }[] = [];
  address = '';
  private server = new Server();
  private readonly answers = new Map<string, Answer>();

  /** Listens; on the port of before after a stop. */
  async start(): Promise<this> {
    this.server = new Server();
    const { TransactionService, AdminService, RegistryService } = tccV1;
    for (const { service } of [TransactionService, AdminService, RegistryService]) {
      const handlers = Object.entries(service).map(([name, method]) => [
        name,
        (method as { responseStream: boolean }).responseStream ? this.streamed(name) : this.unary(name),
      ]);
      this.server.addService(service, Object.fromEntries(handlers) as never);
    }
    const port = await new Promise<number>((resolve, reject) => {
      const address = this.address === '' ? '127.0.0.1:0' : this.address;
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

/** An address on which nobody listens: a port that was free a moment ago. */
export async function deadAddress(): Promise<string> {
  const fake = await new FakeCoordinator().start();
  fake.stop();
  return fake.address;
}

export function uniqueGid(): string {
  return `order-${randomUUID()}`;
}
