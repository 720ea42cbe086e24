/** The gRPC services without the SDK: clients that make one call and get one answer, and an API behind them that does nothing. */
import { credentials, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js';

import type { TransactionApi } from '../../src/coordinator/api';
import { channelOptions } from '../../src/wire/channel';
import type { AdminServiceClient } from '../../src/wire/generated/tcc/v1/AdminService';
import type { ParticipantServiceClient } from '../../src/wire/generated/tcc/v1/ParticipantService';
import type { RegistryServiceClient } from '../../src/wire/generated/tcc/v1/RegistryService';
import type { TransactionServiceClient } from '../../src/wire/generated/tcc/v1/TransactionService';
import { tccV1 } from '../../src/wire/proto';
import { readStatus, type StatusReport } from '../../src/wire/status';

export interface RawClients {
  readonly transactions: TransactionServiceClient;
  readonly registry: RegistryServiceClient;
  readonly admin: AdminServiceClient;
  close(): void;
}

/** A client for each service of one coordinator. They connect at their first call, and share one connection. */
export function rawClients(address: string): RawClients {
  const transactions = clientOf(tccV1.TransactionService, address) as TransactionServiceClient;
  const registry = clientOf(tccV1.RegistryService, address) as RegistryServiceClient;
  const admin = clientOf(tccV1.AdminService, address) as AdminServiceClient;
  return {
    transactions,
    registry,
    admin,
    close() {
      for (const each of [transactions, registry, admin]) each.close();
    },
  };
}

/** A client for a participant's own service, for applications that call Try themselves. */
export function rawParticipant(address: string): ParticipantServiceClient {
  return clientOf(tccV1.ParticipantService, address) as ParticipantServiceClient;
}

function clientOf(constructor: unknown, address: string): unknown {
  return new (constructor as ServiceClientConstructor)(address, credentials.createInsecure(), channelOptions);
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

/** Stands for a method that a test does not expect to be called. */
export const notFaked = (): never => {
  throw new Error('this test fakes no such method');
};

/** The transactions behind a server, of which a test fakes what it needs. */
export const noTransactions: TransactionApi = {
  execute: notFaked,
  begin: notFaked,
  try: notFaked,
  registerBranch: notFaked,
  commit: notFaked,
  rollback: notFaked,
  get: notFaked,
  watch: notFaked,
  retry: notFaked,
};
