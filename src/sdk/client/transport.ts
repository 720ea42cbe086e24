import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  connectivityState,
  Metadata,
} from '@grpc/grpc-js';

import type { Signal } from '../../lib/abort';
import type { Clock } from '../../lib/clock';
import { channelOptions } from '../../wire/channel';
import { deadlineIn } from '../../wire/deadline';
import type { Vitals } from './pulse';
import { nameTooLarge } from './too-large';

/** A method of tcc.v1, as proto-loader describes it. */
export interface Method<Request, Response> {
  readonly path: string;
  requestSerialize(request: Request): Buffer;
  responseDeserialize(bytes: Buffer): Response;
}

export interface CallLimits {
  /** Becomes the call's gRPC deadline. */
  readonly timeoutMs: number;
  /** Cancels the call. */
  readonly signal: Signal;
}

/** Carries one request to one coordinator, once. What is retried, where and when is decided above (failover.ts). */
export interface Transport {
  /** Rejects with a grpc-js ServiceError. */
  send<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response>;
  /** A server stream; fails with a grpc-js ServiceError. Leaving the loop cancels the call. */
  follow<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): AsyncIterable<Response>;
  /** Whether there is a connection to this coordinator now. */
  isConnected(address: string): boolean;
  /** Closes every connection. Calls that are under way end by their signal. */
  close(): void;
}

/** gRPC's own question about health: whatever serves gRPC answers it, if only that it does not know it. */
const ping: Method<Buffer, Buffer> = {
  path: '/grpc.health.v1.Health/Check',
  requestSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
};

/** One channel per coordinator, made at its first use; unary calls and server streams. */
export class GrpcTransport implements Transport, Vitals {
  private readonly clients = new Map<string, Client>();
  /** What cancels the calls that are open, by address. */
  private readonly open = new Map<string, Set<() => void>>();
  private readonly credentials: ChannelCredentials;
  private readonly clock: Clock;

  constructor(options: { readonly credentials: ChannelCredentials }, deps: { readonly clock: Clock }) {
    this.credentials = options.credentials;
    this.clock = deps.clock;
  }

  async send<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const { promise, resolve, reject } = deferred<Response>();
    let isAnswering = false;
    const call = this.client(address).makeUnaryRequest(
      method.path,
      (message: Request) => method.requestSerialize(message),
      (bytes) => method.responseDeserialize(bytes),
      request,
      new Metadata(),
      this.callOptions(limits),
      (error, response) => {
        if (error !== null) reject(nameTooLarge(error, isAnswering));
        else if (response === undefined) reject(new Error(`${method.path} answered without a message`));
        else resolve(response);
      },
    );
    call.on('metadata', () => (isAnswering = true));
    const cancel = () => call.cancel();
    const forget = this.remember(address, cancel);
    limits.signal.addEventListener('abort', cancel);
    try {
      return await promise;
    } finally {
      limits.signal.removeEventListener('abort', cancel);
      forget();
    }
  }

  async *follow<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): AsyncIterable<Response> {
    const call = this.client(address).makeServerStreamRequest(
      method.path,
      (message: Request) => method.requestSerialize(message),
      (bytes) => method.responseDeserialize(bytes),
      request,
      new Metadata(),
      this.callOptions(limits),
    );
    // The loop below hears of errors by itself; those after it has ended (its own cancel) must find a listener.
    call.on('error', () => undefined);
    const cancel = () => call.cancel();
    const forget = this.remember(address, cancel);
    limits.signal.addEventListener('abort', cancel);
    try {
      for await (const message of call) yield message as Response;
    } finally {
      limits.signal.removeEventListener('abort', cancel);
      forget();
      call.cancel();
    }
  }

  /** A stream both ways that stands until either side ends it. */
  openStream<Request, Response>(
    address: string,
    method: Method<Request, Response>,
  ): ClientDuplexStream<Request, Response> {
    return this.client(address).makeBidiStreamRequest(
      method.path,
      (message: Request) => method.requestSerialize(message),
      (bytes) => method.responseDeserialize(bytes),
      new Metadata(),
    );
  }

  isConnected(address: string): boolean {
    return this.client(address).getChannel().getConnectivityState(false) === connectivityState.READY;
  }

  async ping(address: string, limits: CallLimits): Promise<void> {
    await this.send(address, ping, Buffer.alloc(0), limits);
  }

  /** The calls end as cancelled, which is how a server that is torn down ends them too. */
  drop(address: string): void {
    for (const cancel of [...(this.open.get(address) ?? [])]) cancel();
    this.clients.get(address)?.close();
    this.clients.delete(address);
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
    this.clients.clear();
  }

  private remember(address: string, cancel: () => void): () => void {
    let open = this.open.get(address);
    if (open === undefined) this.open.set(address, (open = new Set()));
    const here = open.add(cancel);
    return () => void here.delete(cancel);
  }

  private client(address: string): Client {
    let client = this.clients.get(address);
    if (client === undefined) {
      client = new Client(address, this.credentials, channelOptions);
      this.clients.set(address, client);
    }
    return client;
  }

  private callOptions(limits: CallLimits): CallOptions {
    return { deadline: deadlineIn(this.clock, limits.timeoutMs) };
  }
}

interface Deferred<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: Error) => void;
}

function deferred<Value>(): Deferred<Value> {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((resolveIt, rejectIt) => {
    resolve = resolveIt;
    reject = rejectIt;
  });
  return { promise, resolve, reject };
}
