import type { Branch, NewBranch, NewTransaction, Transaction } from '../../../src/engine/model';
import type {
  AnswerStep,
  AttemptRecord,
  BeginStep,
  BranchChange,
  DecideStep,
  FinishStep,
  PostponeStep,
  RegisterStep,
} from '../../../src/engine/step';
import type { Journal, StepResult, TransactionFilter } from '../../../src/journal/journal';

/** Steps with every field set, of which a test names only what it is about. */

export const WORKER = 'worker-1';

export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

export function newBranch(branchId: string, changes: Partial<NewBranch> = {}): NewBranch {
  const payload = { data: bytes(`{"for":"${branchId}"}`), contentType: 'application/json' };
  return { branchId, participant: 'inventory', action: 'deduct', payload, triedBy: 'coordinator', ...changes };
}

export function begin(gid: string, changes: Partial<NewTransaction> = {}, more: Partial<BeginStep> = {}): BeginStep {
  const transaction: NewTransaction = {
    gid,
    name: 'place-order',
    mode: 'execute',
    tryOrder: 'parallel',
    timeoutMs: 60_000,
    branches: [newBranch('b1'), newBranch('b2')],
    ...changes,
  };
  return { kind: 'begin', transaction, worker: WORKER, dueInMs: 60_000, ...more };
}

export function beginInteractive(gid: string, changes: Partial<NewTransaction> = {}): BeginStep {
  return begin(gid, { mode: 'interactive', branches: [], ...changes });
}

export function register(gid: string, branchId: string, changes: Partial<RegisterStep> = {}): RegisterStep {
  return { kind: 'register', gid, branch: newBranch(branchId), maxBranches: 64, ...changes };
}

export function answer(gid: string, branchId: string, changes: Partial<AnswerStep> = {}): AnswerStep {
  return { kind: 'answer', gid, branchId, reply: undefined, attempts: [], ...changes };
}

export function confirm(gid: string, changes: Partial<DecideStep> = {}): DecideStep {
  return {
    kind: 'decide',
    gid,
    to: 'CONFIRMING',
    reason: undefined,
    branchCount: 2,
    epoch: undefined,
    deadline: 'open',
    dueInMs: 60_000,
    worker: WORKER,
    branches: [],
    attempts: [],
    ...changes,
  };
}

export function cancel(gid: string, changes: Partial<DecideStep> = {}): DecideStep {
  const reason = { code: 'REFUSED', branchId: 'b1', message: 'no stock' } as const;
  return confirm(gid, { to: 'CANCELLING', reason, deadline: 'any', ...changes });
}

export function postpone(gid: string, changes: Partial<PostponeStep> = {}): PostponeStep {
  return {
    kind: 'postpone',
    gid,
    from: 'CONFIRMING',
    due: { inMs: 5_000 },
    rounds: 1,
    afterRounds: undefined,
    branches: [],
    attempts: [],
    ...changes,
  };
}

export function finish(gid: string, to: FinishStep['to'] = 'CONFIRMED'): FinishStep {
  return { kind: 'finish', gid, to, attempts: [] };
}

export function change(branchId: string, changes: Partial<BranchChange> = {}): BranchChange {
  return { branchId, status: undefined, attempts: undefined, refusals: undefined, lastError: undefined, ...changes };
}

export function attempt(branchId: string, number: number, changes: Partial<AttemptRecord> = {}): AttemptRecord {
  return { branchId, phase: 'try', attempt: number, code: 'UNAVAILABLE', message: 'connection refused', ...changes };
}

export const everything: TransactionFilter = {
  statuses: [],
  name: undefined,
  participant: undefined,
  olderThanMs: undefined,
  parkedOnly: false,
  gidPrefix: undefined,
  minRounds: undefined,
  beforeGid: undefined,
  limit: 100,
};

/** The transaction, which must exist. */
export async function read(journal: Journal, gid: string): Promise<Transaction> {
  const found = (await journal.load([gid])).get(gid);
  if (found === undefined) throw new Error(`${gid} does not exist`);
  return found;
}

export function branchOf(transaction: Transaction, branchId: string): Branch {
  const found = transaction.branches.find((branch) => branch.branchId === branchId);
  if (found === undefined) throw new Error(`${branchId} does not exist`);
  return found;
}

/** When the step was applied; it must have been. */
export function appliedAt(result: StepResult): number {
  if (result.kind !== 'applied') throw new Error('the step was not applied');
  return result.atMs;
}

/** The transaction that stands in the way; there must be one. */
export function standing(result: StepResult): Transaction {
  if (result.kind !== 'stands' || result.current === undefined) throw new Error('nothing stands in the way');
  return result.current;
}

/** Waits until the journal's own clock is past this moment. */
export async function past(journal: Journal, ms: number): Promise<void> {
  while ((await journal.now()) <= ms) await new Promise((resolve) => setImmediate(resolve));
}
