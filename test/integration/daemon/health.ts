import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { service } from 'grpc-health-check';

import { call } from '../../support/raw-rpc';

export interface HealthClient {
  check(request: { service: string }, done: (error: unknown, response?: { status: string }) => void): void;
  watch(request: { service: string }): { on(event: string, listener: (value: never) => void): void };
  close(): void;
}

export function healthClient(address: string): HealthClient {
  const constructor = makeGenericClientConstructor(service, 'Health');
  return new constructor(address, credentials.createInsecure()) as unknown as HealthClient;
}

/** What grpc.health.v1 says about a service; '' is the process. */
export async function health(address: string, name: string): Promise<string> {
  const client = healthClient(address);
  try {
    return (await call<{ status: string }>((done) => client.check({ service: name }, done as never))).status;
  } finally {
    client.close();
  }
}
