import { credentials, type ServiceError, type ServiceClientConstructor } from '@grpc/grpc-js';

import type { TransactionApi } from '../../../src/coordinator/api';
import type { Transaction } from '../../../src/engine/model';
import { Attachments } from '../../../src/invoker/attachments';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import type { JournalReader } from '../../../src/rpc/admin-service';
import type { ParticipantRegistry } from '../../../src/rpc/registry-service';
import { type RpcOptions, RpcServer } from '../../../src/rpc/server';
import { channelOptions } from '../../../src/wire/channel';
import type { AdminServiceClient } from '../../../src/wire/generated/tcc/v1/AdminService';
import type { RegistryServiceClient } from '../../../src/wire/generated/tcc/v1/RegistryService';
import type { TransactionServiceClient } from '../../../src/wire/generated/tcc/v1/TransactionService';
import { tccV1 } from '../../../src/wire/proto';
import { readStatus, type StatusReport } from '../../../src/wire/status';

/** A transaction as a fake coordinator hands it out. */
export function trying(gid: string, changes: Partial<Transaction> = {}): Transaction {
  return {
    gid,
    name: '',
    mode: 'interactive',
    tryOrder: 'parallel',
    state: { status: 'TRYING' },
    createdAt: 1_000,
    deadlineAt: 31_000,
    dueAt: 31_000,
    rounds: 0,
    epoch: 0,
    worker: 'fake',
    branches: [],
    ...changes,
  };
}

const notFaked = () => {
  throw new Error('this test fakes no such method');
};
const noTransactions: TransactionApi = {
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

export interface Fakes {
  readonly transactions?: Partial<TransactionApi>;
  readonly journal?: Partial<JournalReader>;
  readonly registry?: Partial<ParticipantRegistry>;
}

export interface Harness {
  readonly server: RpcServer;
  readonly address: string;
  readonly transactions: TransactionServiceClient;
  readonly registry: RegistryServiceClient;
  readonly admin: AdminServiceClient;
  stop(): Promise<void>;
}

/** The real server on loopback, over fakes, with clients for it. */
export async function startServer(fakes: Fakes, changes: Partial<RpcOptions> = {}): Promise<Harness> {
  const server = new RpcServer(
    {
      listen: '127.0.0.1:0',
      requests: {
        payloadBytes: 1_024,
        branches: 4,
        timeoutMs: 60_000,
        defaultTimeoutMs: 30_000,
        replyBytes: 1_024,
      },
      messageBytes: 64 * 1024,
      callsInFlight: 8,
      watchers: 2,
      reflection: false,
      closeMs: 1_000,
      ...changes,
    },
    {
      transactions: { ...noTransactions, ...fakes.transactions },
      journal: { load: notFaked, attempts: notFaked, list: notFaked, ...fakes.journal },
      registry: { register: notFaked, deregister: notFaked, list: notFaked, ...fakes.registry },
      attachments: new Attachments(systemClock),
      coordinatorId: 'harness',
      coordinators: () => [],
      newGid: () => 'made-here',
      logger: silentLogger,
      clock: systemClock,
    },
  );
  const address = await server.listen();
  const client = (constructor: unknown): unknown =>
    new (constructor as ServiceClientConstructor)(address, credentials.createInsecure(), channelOptions);
  const transactions = client(tccV1.TransactionService) as TransactionServiceClient;
  const registry = client(tccV1.RegistryService) as RegistryServiceClient;
  const admin = client(tccV1.AdminService) as AdminServiceClient;
  return {
    server,
    address,
    transactions,
    registry,
    admin,
    async stop() {
      for (const each of [transactions, registry, admin]) each.close();
      await server.stop();
    },
  };
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
export async function failure<Response>(start: (callback: Callback<Response>) => unknown): Promise<StatusReport> {
  try {
    await call(start);
  } catch (error) {
    return readStatus(error as ServiceError);
  }
  throw new Error('the call went well');
}
