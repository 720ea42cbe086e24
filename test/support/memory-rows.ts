/**
 * The rows of an in-memory journal, and what each step does to them: the compare-and-sets of src/engine/step.ts written
 * down once more, from its comments and not from the code that they are to hold to account.
 */
import type { Branch, NewBranch, State, Transaction } from '../../src/engine/model';
import { clip } from '../../src/engine/model';
import { ATTEMPTS_KEPT, gidOf, type AttemptRecord, type BranchChange, type Step } from '../../src/engine/step';
import type { StepResult, StoredAttempt } from '../../src/journal/journal';

export interface MemoryRow {
  transaction: Transaction;
  readonly attempts: StoredAttempt[];
  /** From when a terminal row may be purged. */
  purgeableAt: number | undefined;
}

export type Rows = Map<string, MemoryRow>;

/** Does one step at `now` of the database's clock, or lets it stand. */
export function applyStep(rows: Rows, step: Step, now: number, retentionMs: number): StepResult {
  const row = rows.get(gidOf(step));
  const stands: StepResult = { kind: 'stands', atMs: now, current: row?.transaction };
  if (step.kind === 'begin') {
    if (row !== undefined) return stands;
    const transaction = begin(step, now);
    rows.set(transaction.gid, { transaction, attempts: [], purgeableAt: undefined });
    return { kind: 'applied', atMs: now, deadlineAt: transaction.deadlineAt };
  }
  const next = row === undefined ? undefined : after(row.transaction, step, now);
  if (row === undefined || next === undefined) return stands;
  row.transaction = next;
  if (step.kind === 'finish') row.purgeableAt = now + retentionMs;
  if ('attempts' in step) record(row.attempts, step.attempts, now);
  return { kind: 'applied', atMs: now, deadlineAt: step.kind === 'register' ? next.deadlineAt : undefined };
}

function begin({ transaction, worker, dueInMs }: Extract<Step, { kind: 'begin' }>, now: number): Transaction {
  const { timeoutMs, branches, gid, name, mode, tryOrder } = transaction;
  return {
    gid,
    name,
    mode,
    tryOrder,
    state: { status: 'TRYING' },
    createdAt: now,
    deadlineAt: now + timeoutMs,
    dueAt: now + (mode === 'interactive' ? timeoutMs : dueInMs),
    rounds: 0,
    epoch: 0,
    worker,
    branches: branches.map((branch) => registered(branch, now)),
  };
}

function registered(branch: NewBranch, now: number): Branch {
  const { branchId, participant, action, payload, triedBy } = branch;
  return {
    ...{ branchId, participant, action, payload, triedBy },
    status: 'REGISTERED',
    tryReply: undefined,
    attempts: 0,
    refusals: 0,
    lastError: '',
    registeredAt: now,
    triedAt: undefined,
    finishedAt: undefined,
  };
}

/** The transaction after the step; undefined when the step loses. */
function after(row: Transaction, step: Exclude<Step, { kind: 'begin' }>, now: number): Transaction | undefined {
  switch (step.kind) {
    case 'register':
      return afterRegister(row, step, now);
    case 'answer':
      return afterAnswer(row, step, now);
    case 'decide':
      return afterDecide(row, step, now);
    case 'postpone':
      return afterPostpone(row, step, now);
    case 'finish':
      return afterFinish(row, step, now);
    case 'retry':
      return isOpen(row) ? { ...row, dueAt: now, state: parkedAs(row.state, false) } : undefined;
  }
}

function afterRegister(row: Transaction, step: Extract<Step, { kind: 'register' }>, now: number) {
  const may =
    row.state.status === 'TRYING' &&
    row.mode === 'interactive' &&
    now < row.deadlineAt &&
    row.branches.length < step.maxBranches &&
    row.branches.every(({ branchId }) => branchId !== step.branch.branchId);
  return may ? { ...row, branches: [...row.branches, registered(step.branch, now)] } : undefined;
}

function afterAnswer(row: Transaction, step: Extract<Step, { kind: 'answer' }>, now: number) {
  if (row.state.status !== 'TRYING') return undefined;
  const index = row.branches.findIndex(({ branchId }) => branchId === step.branchId);
  const branch = row.branches[index];
  if (branch?.status !== 'REGISTERED') return undefined;
  const answered: Branch = { ...branch, status: 'TRIED', tryReply: step.reply, triedAt: now };
  return { ...row, branches: row.branches.with(index, answered) };
}

function afterDecide(row: Transaction, step: Extract<Step, { kind: 'decide' }>, now: number): Transaction | undefined {
  const inTime = { open: now < row.deadlineAt, expired: now >= row.deadlineAt, any: true }[step.deadline];
  const holds =
    row.state.status === 'TRYING' &&
    row.branches.length === step.branchCount &&
    (step.epoch === undefined || step.epoch === row.epoch) &&
    inTime;
  if (!holds) return undefined;
  const decided = { ...row, dueAt: now + step.dueInMs, worker: step.worker };
  if (step.reason === undefined) {
    const branches = row.branches.map((branch): Branch => {
      const triedAt = branch.triedAt ?? (branch.triedBy === 'coordinator' ? now : undefined);
      return { ...branch, status: 'TRIED', triedAt };
    });
    return { ...decided, state: { status: 'CONFIRMING', decidedAt: now, parked: false }, branches };
  }
  const reason = { ...step.reason, message: clip(step.reason.message) };
  const branches = changed(row.branches, step.branches, now).map((branch): Branch => ({ ...branch, attempts: 0 }));
  return { ...decided, state: { status: 'CANCELLING', decidedAt: now, parked: false, reason }, branches };
}

function afterPostpone(row: Transaction, step: Extract<Step, { kind: 'postpone' }>, now: number) {
  if (row.state.status !== step.from) return undefined;
  if (step.afterRounds !== undefined && step.afterRounds !== row.rounds) return undefined;
  const { due } = step;
  const dueAt = due === 'parked' ? undefined : due === 'deadline' ? row.deadlineAt : now + due.inMs;
  if (step.from === 'TRYING') return { ...row, dueAt };
  return {
    ...row,
    dueAt,
    state: parkedAs(row.state, due === 'parked'),
    rounds: row.rounds + step.rounds,
    branches: changed(row.branches, step.branches, now),
  };
}

function afterFinish(row: Transaction, step: Extract<Step, { kind: 'finish' }>, now: number): Transaction | undefined {
  const { state } = row;
  const finished = { finishedAt: now, decidedAt: 'decidedAt' in state ? state.decidedAt : 0 };
  let next: State;
  if (step.to === 'CONFIRMED' && state.status === 'CONFIRMING') next = { status: 'CONFIRMED', ...finished };
  else if (step.to === 'CANCELLED' && state.status === 'CANCELLING')
    next = { status: 'CANCELLED', ...finished, reason: state.reason };
  else return undefined;
  const branches = row.branches.map((branch) => withStatus(branch, step.to, now));
  return { ...row, state: next, dueAt: undefined, branches };
}

function changed(branches: readonly Branch[], changes: readonly BranchChange[], now: number): readonly Branch[] {
  return branches.map((branch) => {
    const change = changes.find(({ branchId }) => branchId === branch.branchId);
    if (change === undefined || branch.status === 'CONFIRMED' || branch.status === 'CANCELLED') return branch;
    const next: Branch = {
      ...branch,
      attempts: change.attempts ?? branch.attempts,
      refusals: change.refusals ?? branch.refusals,
      lastError: change.lastError === undefined ? branch.lastError : clip(change.lastError),
    };
    return change.status === undefined ? next : withStatus(next, change.status, now);
  });
}

function withStatus(branch: Branch, status: Branch['status'], now: number): Branch {
  const triedAt = status === 'TRIED' ? (branch.triedAt ?? now) : branch.triedAt;
  const ends = status === 'CONFIRMED' || status === 'CANCELLED';
  return { ...branch, status, triedAt, finishedAt: ends ? (branch.finishedAt ?? now) : branch.finishedAt };
}

function parkedAs(state: State, parked: boolean): State {
  return state.status === 'CONFIRMING' || state.status === 'CANCELLING' ? { ...state, parked } : state;
}

export function isOpen({ state }: Transaction): boolean {
  return state.status !== 'CONFIRMED' && state.status !== 'CANCELLED';
}

/** The ring: one record per branch, phase and slot; a later one takes the slot of an earlier one. */
function record(kept: StoredAttempt[], records: readonly AttemptRecord[], now: number): void {
  for (const each of records) {
    const { branchId, phase, attempt } = each;
    const slot = kept.findIndex(
      (old) => old.branchId === branchId && old.phase === phase && (old.attempt - attempt) % ATTEMPTS_KEPT === 0,
    );
    if (slot >= 0) kept.splice(slot, 1);
    kept.push({ ...each, message: clip(each.message), atMs: now });
  }
}
