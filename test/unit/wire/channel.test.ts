import { credentials, Server, ServerCredentials, status, type ServiceError } from '@grpc/grpc-js';

import { channelOptions, serverOptions } from '../../../src/wire/channel';
import { tccV1 } from '../../../src/wire/proto';

/** A registry server whose Deregister is never answered. */
async function startServer(): Promise<{ server: Server; address: string; called: Promise<void> }> {
  const server = new Server(serverOptions({ messageBytes: 1_000 }));
  let onCall: () => void = () => undefined;
  const called = new Promise<void>((resolve) => (onCall = resolve));
  server.addService(tccV1.RegistryService.service, {
    Register: (_: unknown, callback: (error: null, reply: object) => void) => callback(null, {}),
    Deregister: () => onCall(),
    ListParticipants: (_: unknown, callback: (error: null, reply: object) => void) =>
      callback(null, { participants: [{ name: 'x'.repeat(2_000) }] }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error);
      else resolve(bound);
    });
  });
  return { server, address: `127.0.0.1:${port}`, called };
}

const failure = (send: (callback: (error: ServiceError | null) => void) => void) =>
  new Promise<status | undefined>((resolve) => send((error) => resolve(error?.code)));

describe('channelOptions and serverOptions', () => {
  it('a forced shutdown cuts the calls in flight', async () => {
    const { server, address, called } = await startServer();
    const client = new tccV1.RegistryService(address, credentials.createInsecure(), channelOptions);
    const ended = failure((callback) => client.Deregister({}, callback));
    await called;
    server.forceShutdown();
    expect([status.UNAVAILABLE, status.CANCELLED, status.INTERNAL]).toContain(await ended);
    client.close();
  });

  it('messages above the limit are refused both ways', async () => {
    const { server, address } = await startServer();
    const client = new tccV1.RegistryService(address, credentials.createInsecure(), channelOptions);
    const large = { participant: 'x'.repeat(2_000) };
    expect(await failure((callback) => client.Register({}, callback))).toBeUndefined();
    expect(await failure((callback) => client.Register(large, callback))).toBe(status.RESOURCE_EXHAUSTED);
    expect(await failure((callback) => client.ListParticipants({}, callback))).toBe(status.RESOURCE_EXHAUSTED);
    client.close();
    server.forceShutdown();
  });
});
