import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

import { sleep, type Clock } from '../../lib/clock';
import { serverOptions } from '../../wire/channel';
import { tccV1 } from '../../wire/proto';
import type { CallHandler } from './call-handler';
import { unaryService } from './unary-service';

/** How long the last answers may take to leave; after it the connections are cut. Health watchers never leave by themselves. */
const CLOSE_MS = 500;

const SERVICE = 'tcc.v1.ParticipantService';

/** The gRPC server of a participant: tcc.v1.ParticipantService and grpc.health.v1. */
export class ParticipantServer {
  private readonly clock: Clock;
  private readonly server: Server;
  private readonly health = new HealthImplementation({ '': 'SERVING', [SERVICE]: 'SERVING' });

  constructor(options: { readonly handler: CallHandler }, deps: { readonly clock: Clock }) {
    this.clock = deps.clock;
    this.server = new Server(serverOptions());
    this.server.addService(tccV1.ParticipantService.service, unaryService(options.handler, deps.clock));
    this.health.addToServer(this.server);
  }

  /** Listens, and says on which port. Rejects when the address cannot be had. */
  listen(address: string, credentials: ServerCredentials): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, credentials, (error, port) => (error ? reject(error) : resolve(port)));
    });
  }

  /** Tells health checks that new calls belong elsewhere. */
  announceStop(): void {
    this.health.setStatus('', 'NOT_SERVING');
    this.health.setStatus(SERVICE, 'NOT_SERVING');
  }

  /** Lets the answers that are on their way leave, and closes. */
  async close(): Promise<void> {
    const over = new AbortController();
    const closed = new Promise<void>((resolve) => {
      // It fails only for a server that was never bound, and there is nothing to close then.
      this.server.tryShutdown(() => resolve());
    }).then(() => over.abort());
    await sleep(this.clock, CLOSE_MS, over.signal);
    this.server.forceShutdown();
    await closed;
  }
}
