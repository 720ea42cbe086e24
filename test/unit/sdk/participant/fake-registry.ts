import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';

import type { DeregisterRequest__Output } from '../../../../src/wire/generated/tcc/v1/DeregisterRequest';
import type { RegisterRequest__Output } from '../../../../src/wire/generated/tcc/v1/RegisterRequest';
import { tccV1 } from '../../../../src/wire/proto';
import { freeAddress } from '../../../e2e/support/ports';

/** A coordinator's registry that remembers what it was told. */
export class FakeRegistry {
  readonly registered: RegisterRequest__Output[] = [];
  readonly deregistered: DeregisterRequest__Output[] = [];
  /** What Register grants, in milliseconds. */
  lifetimeMs = 60_000;
  /** `answer`, fail with UNAVAILABLE, or never answer. */
  mood: 'answer' | 'fail' | 'hang' = 'answer';
  address = '';
  private server: Server | undefined;

  static async start(port = 0): Promise<FakeRegistry> {
    const registry = new FakeRegistry();
    const server = new Server();
    const serve =
      <Request, Response>(remember: (request: Request) => Response) =>
      (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>): void => {
        if (registry.mood === 'hang') return;
        const response = remember(call.request);
        if (registry.mood === 'answer') callback(null, response);
        else callback({ code: status.UNAVAILABLE, details: 'not now' });
      };
    server.addService(tccV1.RegistryService.service, {
      Register: serve((request: RegisterRequest__Output) => {
        registry.registered.push(request);
        return { lifetimeMs: registry.lifetimeMs };
      }),
      Deregister: serve((request: DeregisterRequest__Output) => {
        registry.deregistered.push(request);
        return {};
      }),
      ListParticipants: serve(() => ({ participants: [] })),
    });
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, at) =>
        error ? reject(error) : resolve(at),
      );
    });
    registry.address = `127.0.0.1:${bound}`;
    registry.server = server;
    return registry;
  }

  stop(): void {
    this.server?.forceShutdown();
  }
}

/** An address where nobody listens, and nobody else will: a test may begin to. */
export function deadAddress(): Promise<string> {
  return freeAddress();
}
