import type { TransactionApi } from '../../../src/coordinator/api';
import type { Transaction } from '../../../src/engine/model';
import { Attachments } from '../../../src/invoker/attachments';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import type { JournalReader } from '../../../src/rpc/admin-service';
import type { ParticipantRegistry } from '../../../src/rpc/registry-service';
import { type RpcOptions, RpcServer } from '../../../src/rpc/server';
import { noTransactions, notFaked, rawClients, type RawClients } from '../../support/raw-rpc';

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

export interface Fakes {
  readonly transactions?: Partial<TransactionApi>;
  readonly journal?: Partial<JournalReader>;
  readonly registry?: Partial<ParticipantRegistry>;
}

export interface Harness extends Omit<RawClients, 'close'> {
  readonly server: RpcServer;
  readonly address: string;
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
  const clients = rawClients(address);
  return {
    ...clients,
    server,
    address,
    async stop() {
      clients.close();
      await server.stop();
    },
  };
}
