/** The journal's own steps of a transaction that is confirmed, over the group commit that tccd has. */
import type { NewTransaction } from '../../src/engine/model';
import type { Step } from '../../src/engine/step';
import type { Journal } from '../../src/journal/journal';
import { openJournal } from '../../src/journal/open';
import { systemClock } from '../../src/lib/clock';
import { silentLogger } from '../../src/lib/logger';
import { systemRandom } from '../../src/lib/random';

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

const NONE: readonly never[] = [];

/** Each resolves when its step is durable. */
export interface Steps {
  begin(gid: string, branches: NewTransaction['branches']): Promise<void>;
  decide(gid: string, branchCount: number): Promise<void>;
  finish(gid: string): Promise<void>;
}

export async function openSteps(databaseUrl: string): Promise<Steps> {
  const deps = { clock: systemClock, random: systemRandom, logger: silentLogger };
  const { journal } = await openJournal({ ...SETTINGS, databaseUrl }, deps);
  // Written out field by field, as the engine does: objects that are put together cost the journal more.
  return {
    begin: (gid, branches) =>
      applied(journal, {
        kind: 'begin',
        transaction: { gid, name: '', mode: 'execute', tryOrder: 'parallel', timeoutMs: TIMEOUT_MS, branches },
        worker: WORKER,
        dueInMs: LEASE_MS,
      }),
    decide: (gid, branchCount) =>
      applied(journal, {
        kind: 'decide',
        gid,
        to: 'CONFIRMING',
        reason: undefined,
        branchCount,
        epoch: undefined,
        deadline: 'open',
        dueInMs: LEASE_MS,
        worker: WORKER,
        branches: NONE,
        attempts: NONE,
      }),
    finish: (gid) => applied(journal, { kind: 'finish', gid, to: 'CONFIRMED', attempts: NONE }),
  };
}

async function applied(journal: Journal, step: Step): Promise<void> {
  if ((await journal.append(step)).kind !== 'applied') throw new Error('a step was not applied');
}
