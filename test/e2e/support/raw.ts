import { credentials, type ServiceError } from '@grpc/grpc-js';

import { channelOptions } from '../../../src/wire/channel';
import { tccV1 } from '../../../src/wire/proto';
import { readStatus, type StatusReport } from '../../../src/wire/status';

/** The services of one coordinator without the SDK between: one call, one answer. */
export function rawClients(address: string) {
  const insecure = credentials.createInsecure();
  const transactions = new tccV1.TransactionService(address, insecure, channelOptions);
  const registry = new tccV1.RegistryService(address, insecure, channelOptions);
  return {
    transactions,
    registry,
    close() {
      transactions.close();
      registry.close();
    },
  };
}

/** A participant's own service, for applications that call Try themselves. */
export function rawParticipant(address: string) {
  return new tccV1.ParticipantService(address, credentials.createInsecure(), channelOptions);
}

type Callback<Response> = (error: ServiceError | null, response?: Response) => void;

/** Makes a unary call as a promise. */
export function call<Response>(start: (callback: Callback<Response>) => unknown): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => {
      if (error !== null) reject(error);
      else resolve(response as Response);
    });
  });
}

/** What a call that must fail fails with. */
export async function failureOf<Response>(start: (callback: Callback<Response>) => unknown): Promise<StatusReport> {
  try {
    await call(start);
  } catch (error) {
    return readStatus(error as ServiceError);
  }
  throw new Error('the call went well');
}
