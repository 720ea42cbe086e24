import { status } from '@grpc/grpc-js';

import type { CallLimits, Method } from '../../src/sdk/client/transport';
import { serviceError } from '../../src/wire/execute-stream';
import { tccV1 } from '../../src/wire/proto';
import type { WireStatus } from '../../src/wire/status';
import type { Clock } from '../../src/lib/clock';
import type { Machine } from '../kernel/machine';
import type { World } from '../world';
import type { CoordinatorNode } from './coordinator';

/** What a server's unary handler takes and gives. */
type Handler = (
  call: { readonly request: unknown; on(event: string, listener: () => void): void },
  callback: (error: WireStatus | null, response?: unknown) => void,
) => void;

type Reply = { readonly bytes: Buffer } | { readonly error: WireStatus };

const definitions = tccV1.TransactionService.service as unknown as Readonly<
  Record<
    string,
    { readonly path: string; requestDeserialize(bytes: Buffer): unknown; responseSerialize(value: unknown): Buffer }
  >
>;
const nameByPath = new Map(Object.entries(definitions).map(([name, { path }]) => [path, name]));

/** What grpc-js is to the client: unary calls and streams to coordinators (src/sdk/client/transport.ts), over simulated wires. */
export class SimulatedTransport {
  private readonly world: World;
  private readonly machine: Machine;
  private readonly clock: Clock;

  constructor(world: World, machine: Machine, clock: Clock) {
    this.world = world;
    this.machine = machine;
    this.clock = clock;
  }

  send<Request, Response>(
    address: string,
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const { world, machine, clock } = this;
    const bytes = method.requestSerialize(request);
    const name = nameByPath.get(method.path) ?? '';
    return new Promise((resolve, reject) => {
      const finish = (end: () => void) => {
        timer.stop();
        limits.signal.removeEventListener('abort', cancel);
        end();
      };
      const cancel = () => finish(() => reject(serviceError(status.CANCELLED, 'Cancelled on client')));
      const timer = clock.startTimer(limits.timeoutMs, () =>
        finish(() => reject(serviceError(status.DEADLINE_EXCEEDED, 'Deadline exceeded'))),
      );
      limits.signal.addEventListener('abort', cancel);
      world.network.ask<Reply>({
        from: machine,
        to: () => machineOf(world.coordinatorAt(address)),
        what: (request as { readonly gid?: string }).gid ?? '',
        serve: (_to, onGone) => serve(world.coordinatorAt(address), name, bytes, onGone),
        answered: (reply) =>
          finish(() => {
            if (reply === undefined) reject(serviceError(status.UNAVAILABLE, 'the connection was lost'));
            else if ('bytes' in reply) resolve(method.responseDeserialize(reply.bytes));
            else reject(serviceError(reply.error.code, reply.error.details, reply.error.metadata));
          }),
      });
    });
  }

  openStream(address: string): unknown {
    return this.world.openExecute(this.machine, address);
  }

  isConnected(address: string): boolean {
    return machineOf(this.world.coordinatorAt(address)) !== undefined;
  }

  close(): void {
    return undefined;
  }
}

/** The process that serves at an address, if it has come that far. */
export function machineOf(node: CoordinatorNode | undefined): Machine | undefined {
  return node?.running !== undefined && node.machine.isAlive ? node.machine : undefined;
}

function serve(
  node: CoordinatorNode | undefined,
  name: string,
  bytes: Buffer,
  onGone: (gone: () => void) => void,
): Promise<Reply> {
  const handlers = node?.running?.unaryService as unknown as Readonly<Record<string, Handler>> | undefined;
  const [definition, handler] = [definitions[name], handlers?.[name]];
  // It is stopping: its server takes no calls any more.
  if (definition === undefined || handler === undefined) {
    return Promise.resolve({ error: serviceError(status.UNAVAILABLE, 'the server is closed') });
  }
  return new Promise((resolve) => {
    const call = {
      request: definition.requestDeserialize(bytes),
      on: (_event: string, listener: () => void) => onGone(listener),
    };
    handler(call, (error, response) => {
      resolve(error === null ? { bytes: definition.responseSerialize(response) } : { error });
    });
  });
}
