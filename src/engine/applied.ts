/**
 * What a durable step has made of a transaction: the same for the coordinator that made it as for whoever reads the row
 * afterwards.
 */
import type { Branch, BranchStatus, State, Transaction } from './model';
import type { BranchChange, DecideStep, FinishStep, PostponeStep } from './step';

/** The transaction after a step that was applied to it at `atMs` of the database's clock. */
export function afterStep(
  transaction: Transaction,
  step: DecideStep | FinishStep | PostponeStep,
  atMs: number,
): Transaction {
  switch (step.kind) {
    case 'decide':
      return decided(transaction, step, atMs);
    case 'finish':
      return finished(transaction, step, atMs);
    case 'postpone':
      return postponed(transaction, step, atMs);
  }
}

function decided(transaction: Transaction, step: DecideStep, atMs: number): Transaction {
  const state: State =
    step.reason === undefined
      ? { status: 'CONFIRMING', decidedAt: atMs, parked: false }
      : { status: 'CANCELLING', decidedAt: atMs, parked: false, reason: step.reason };
  const branches = transaction.branches.map((branch): Branch => {
    const changed = changedBranch(branch, step.branches, atMs);
    if (step.to === 'CANCELLING') return { ...changed, attempts: 0 };
    // The decision to confirm is the word that every Try is done.
    const triedAt = branch.triedAt ?? (branch.triedBy === 'coordinator' ? atMs : undefined);
    return { ...changed, status: 'TRIED', triedAt, attempts: 0, lastError: '' };
  });
  return { ...transaction, state, branches, dueAt: atMs + step.dueInMs, worker: step.worker };
}

function finished(transaction: Transaction, step: FinishStep, atMs: number): Transaction {
  const { state } = transaction;
  if (state.status !== 'CONFIRMING' && state.status !== 'CANCELLING') return transaction;
  const next: State =
    state.status === 'CONFIRMING'
      ? { status: 'CONFIRMED', decidedAt: state.decidedAt, finishedAt: atMs }
      : { status: 'CANCELLED', decidedAt: state.decidedAt, finishedAt: atMs, reason: state.reason };
  const branches = transaction.branches.map((branch) => withStatus(branch, step.to, atMs));
  return { ...transaction, state: next, dueAt: undefined, branches };
}

function postponed(transaction: Transaction, step: PostponeStep, atMs: number): Transaction {
  const { state, deadlineAt } = transaction;
  const { due } = step;
  const dueAt = due === 'parked' ? undefined : due === 'deadline' ? deadlineAt : atMs + due.inMs;
  const decidedState =
    state.status === 'CONFIRMING' || state.status === 'CANCELLING' ? { ...state, parked: due === 'parked' } : state;
  const branches = transaction.branches.map((branch) => changedBranch(branch, step.branches, atMs));
  return { ...transaction, state: decidedState, dueAt, rounds: transaction.rounds + step.rounds, branches };
}

function changedBranch(branch: Branch, changes: readonly BranchChange[], atMs: number): Branch {
  const found = changes.find((each) => each.branchId === branch.branchId);
  if (found === undefined) return branch;
  const changed: Branch = {
    ...branch,
    attempts: found.attempts ?? branch.attempts,
    refusals: found.refusals ?? branch.refusals,
    lastError: found.lastError ?? branch.lastError,
  };
  return found.status === undefined ? changed : withStatus(changed, found.status, atMs);
}

/** A status together with the time that belongs to it. */
function withStatus(branch: Branch, status: BranchStatus, atMs: number): Branch {
  switch (status) {
    case 'TRIED':
      return { ...branch, status, triedAt: branch.triedAt ?? atMs };
    case 'CONFIRMED':
    case 'CANCELLED':
      return { ...branch, status, finishedAt: branch.finishedAt ?? atMs };
    default:
      return { ...branch, status };
  }
}
