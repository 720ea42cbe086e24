import type { ChannelCredentials } from '@grpc/grpc-js';

import type { Clock } from '../../lib/clock';
import { channelOptions } from '../../wire/channel';
import type { RegisterRequest } from '../../wire/generated/tcc/v1/RegisterRequest';
import { tccV1 } from '../../wire/proto';

/** One coordinator's registry. */
export interface RegistryClient {
  /** Announces or renews, and says for how many milliseconds it holds. Rejects with the gRPC error. */
  register(request: RegisterRequest, timeoutMs: number): Promise<number>;
  deregister(instance: { readonly participant: string; readonly instanceId: string }, timeoutMs: number): Promise<void>;
  /** Ends what is running and closes the connection. */
  close(): void;
}

/** Talks to the coordinator at `address` (host:port). Connects with the first call. */
export function registryClient(address: string, credentials: ChannelCredentials, clock: Clock): RegistryClient {
  const client = new tccV1.RegistryService(address, credentials, channelOptions);
  const running = new Set<{ cancel(): void }>();

  const unary = <Response>(
    start: (deadline: number, done: (error: Error | null, response?: Response) => void) => { cancel(): void },
    timeoutMs: number,
  ): Promise<Response> =>
    new Promise((resolve, reject) => {
      const call = start(clock.wallMs() + timeoutMs, (error, response) => {
        running.delete(call);
        if (error !== null || response === undefined) reject(error ?? new Error('no response'));
        else resolve(response);
      });
      running.add(call);
    });

  return {
    async register(request, timeoutMs) {
      const response = await unary<{ lifetimeMs: number }>(
        (deadline, done) => client.register(request, { deadline }, done),
        timeoutMs,
      );
      return response.lifetimeMs;
    },
    async deregister(instance, timeoutMs) {
      await unary((deadline, done) => client.deregister(instance, { deadline }, done), timeoutMs);
    },
    close() {
      // Closing the channel alone lets running calls go on until their deadlines.
      for (const call of running) call.cancel();
      client.close();
    },
  };
}
