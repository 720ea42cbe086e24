/**
 * The journal's own steps of a transaction that is confirmed, driven by nothing but themselves: no gRPC, no coordinator, no
 * participant. What remains is what the database and the group commit can do.
 */
import { randomBytes } from 'node:crypto';

import type { NewTransaction } from '../../src/engine/model';
import { type OpenJournal, openJournal } from '../../src/journal/open';
import { systemClock } from '../../src/lib/clock';
import { ulidSource } from '../../src/lib/ids';
import { silentLogger } from '../../src/lib/logger';
import { systemRandom } from '../../src/lib/random';
import type { RunOne } from './flow';
import { serveFlows } from './serve-flows';

export interface SqlTarget {
  readonly databaseUrl: string;
  /** How far to take each: all the way, or leave it undecided or unconfirmed as a coordinator does that is killed. */
  readonly until?: 'finished' | 'begun' | 'decided';
}

const WORKER = 'bench';
const LEASE_MS = 5_000;
const TIMEOUT_MS = 600_000;
const SETTINGS = {
  lanes: 2,
  batchSize: 512,
  retentionMs: 7 * 86_400_000,
  connectTimeoutMs: 5_000,
  queryTimeoutMs: 30_000,
  migrate: true,
  durability: 'warn',
} as const;

const newGid = ulidSource();
const payload = { data: randomBytes(100), contentType: 'application/octet-stream' };
const journals = new Map<string, Promise<OpenJournal>>();

serveFlows(async ({ databaseUrl, until = 'finished' }: SqlTarget): Promise<RunOne> => {
  const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const open = journals.get(databaseUrl) ?? openJournal({ ...SETTINGS, databaseUrl }, deps);
  journals.set(databaseUrl, open);
  const { journal } = await open;
  return async () => {
    const transaction = newTransaction();
    const { gid } = transaction;
    await applied(journal.append({ kind: 'begin', transaction, worker: WORKER, dueInMs: LEASE_MS }));
    if (until === 'begun') return 'CONFIRMED';
    const decision = { reason: undefined, branchCount: 2, epoch: undefined, deadline: 'open' } as const;
    const rest = { dueInMs: LEASE_MS, worker: WORKER, branches: [], attempts: [] };
    await applied(journal.append({ kind: 'decide', gid, to: 'CONFIRMING', ...decision, ...rest }));
    if (until === 'decided') return 'CONFIRMED';
    await applied(journal.append({ kind: 'finish', gid, to: 'CONFIRMED', attempts: [] }));
    return 'CONFIRMED';
  };
});

async function applied(result: Promise<{ readonly kind: string }>): Promise<void> {
  if ((await result).kind !== 'applied') throw new Error('a step was not applied');
}

function newTransaction(): NewTransaction {
  const branch = (participant: string) =>
    ({ branchId: `${participant}-work`, participant, action: 'work', payload, triedBy: 'coordinator' }) as const;
  return {
    gid: newGid(),
    name: '',
    mode: 'execute',
    tryOrder: 'parallel',
    timeoutMs: TIMEOUT_MS,
    branches: [branch('a'), branch('b')],
  };
}
