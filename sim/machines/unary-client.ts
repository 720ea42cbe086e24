import { EventEmitter } from 'node:events';

import { type Client, connectivityState, type Metadata, type ServiceError, status } from '@grpc/grpc-js';

import type { Clock } from '../../src/lib/clock';
import { serviceError } from '../../src/wire/execute-stream';
import { tccV1 } from '../../src/wire/proto';
import type { WireStatus } from '../../src/wire/status';
import type { Machine } from '../kernel/machine';
import type { World } from '../world';
import type { ParticipantNode } from './participant';

type Reply = { readonly bytes: Buffer } | { readonly error: WireStatus };

/** What a participant's unary handler takes and gives. */
type Handler = (
  call: {
    readonly request: unknown;
    getDeadline(): number;
    once(event: string, listener: () => void): void;
  },
  callback: (error: WireStatus | null, response?: unknown) => void,
) => void;

const { Try, Confirm, Cancel } = tccV1.ParticipantService.service;
const methods = new Map([Try, Confirm, Cancel].map((method) => [method.path, method]));

interface Deps {
  readonly world: World;
  readonly machine: Machine;
  readonly clock: Clock;
}

/** As much of grpc-js's client as the unary invoker uses (src/invoker/channels.ts), over the simulated wires. */
export function simulatedClient(address: string, deps: Deps): Client {
  const node = (): ParticipantNode | undefined => deps.world.participantAt(address);
  const isReady = (): boolean => node()?.machine.isAlive === true;
  const { READY, TRANSIENT_FAILURE } = connectivityState;
  return {
    makeUnaryRequest: (
      path: string,
      _serialize: unknown,
      _deserialize: unknown,
      request: Buffer,
      _metadata: Metadata,
      { deadline }: { readonly deadline: number },
      ended: (error: ServiceError | null, response?: Buffer) => void,
    ) => new SimulatedCall({ path, request, timeoutMs: deadline - deps.clock.wallMs(), ended }, node, deps),
    getChannel: () => ({ getConnectivityState: () => (isReady() ? READY : TRANSIENT_FAILURE) }),
    close: () => undefined,
  } as unknown as Client;
}

interface Asked {
  readonly path: string;
  readonly request: Buffer;
  readonly timeoutMs: number;
  readonly ended: (error: ServiceError | null, response?: Buffer) => void;
}

/** One call: it ends once, with an answer, with its time, or cancelled. */
class SimulatedCall extends EventEmitter {
  private readonly ended: Asked['ended'];
  private readonly timer: { stop(): void };
  private isOver = false;

  constructor(asked: Asked, node: () => ParticipantNode | undefined, { world, machine, clock }: Deps) {
    super();
    const { path, request, timeoutMs } = asked;
    this.ended = asked.ended;
    this.timer = clock.startTimer(timeoutMs, () => {
      world.coverage.reached('path: a call runs out of time');
      this.end(serviceError(status.DEADLINE_EXCEEDED, 'Deadline exceeded'));
    });
    const whole = methods.get(path)?.requestDeserialize(request);
    world.network.ask<Reply>({
      from: machine,
      to: () => node()?.machine,
      what: whole?.call?.gid ?? '',
      serve: (_to, onGone) => serve(node(), path, { whole, timeoutMs, onGone }),
      answered: (reply) => {
        if (reply === undefined) this.end(serviceError(status.UNAVAILABLE, 'the connection was lost'));
        else if ('error' in reply) this.end(serviceError(reply.error.code, reply.error.details, reply.error.metadata));
        else this.end(null, reply.bytes);
      },
    });
  }

  cancel(): void {
    // As in grpc-js, the caller hears of it after this call has returned.
    void Promise.resolve().then(() => this.end(serviceError(status.CANCELLED, 'Cancelled on client')));
  }

  private end(error: ServiceError | null, response?: Buffer): void {
    if (this.isOver) return;
    this.isOver = true;
    this.timer.stop();
    if (error === null) this.emit('metadata');
    this.ended(error, response);
  }
}

function serve(
  node: ParticipantNode | undefined,
  path: string,
  call: { readonly whole: unknown; readonly timeoutMs: number; readonly onGone: (gone: () => void) => void },
): Promise<Reply> {
  const method = methods.get(path);
  if (node?.unary === undefined || method === undefined) throw new Error(`nobody serves ${path}`);
  const handler = node.unary[path.slice(path.lastIndexOf('/') + 1)] as unknown as Handler;
  const untilMs = node.clock.wallMs() + call.timeoutMs;
  return new Promise((resolve) => {
    const served = {
      request: call.whole,
      getDeadline: () => untilMs,
      once: (_event: string, listener: () => void) => call.onGone(listener),
    };
    handler(served, (error, response) => {
      resolve(error === null ? { bytes: method.responseSerialize(response as never) } : { error });
    });
  });
}
