/**
 * What a durable step has made of a transaction: the same for the coordinator that made it as for whoever reads the row
 * afterwards.
 */
import { branchDraft, transactionDraft } from './draft';
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
  const next = transactionDraft(transaction);
  next.state = state;
  next.dueAt = atMs + step.dueInMs;
  next.worker = step.worker;
  next.branches = transaction.branches.map((branch) => {
    const changed = branchDraft(changedBranch(branch, step.branches, atMs));
    changed.attempts = 0;
    if (step.to === 'CANCELLING') return changed;
    // The decision to confirm is the word that every Try is done.
    changed.status = 'TRIED';
    changed.triedAt = branch.triedAt ?? (branch.triedBy === 'coordinator' ? atMs : undefined);
    changed.lastError = '';
    return changed;
  });
  return next;
}

function finished(transaction: Transaction, step: FinishStep, atMs: number): Transaction {
  const { state } = transaction;
  if (state.status !== 'CONFIRMING' && state.status !== 'CANCELLING') return transaction;
  const next = transactionDraft(transaction);
  next.state =
    state.status === 'CONFIRMING'
      ? { status: 'CONFIRMED', decidedAt: state.decidedAt, finishedAt: atMs }
      : { status: 'CANCELLED', decidedAt: state.decidedAt, finishedAt: atMs, reason: state.reason };
  next.dueAt = undefined;
  next.branches = transaction.branches.map((branch) => withStatus(branch, step.to, atMs));
  return next;
}

function postponed(transaction: Transaction, step: PostponeStep, atMs: number): Transaction {
  const { state, deadlineAt } = transaction;
  const { due } = step;
  const next = transactionDraft(transaction);
  if (state.status === 'CONFIRMING' || state.status === 'CANCELLING')
    next.state = { ...state, parked: due === 'parked' };
  next.dueAt = due === 'parked' ? undefined : due === 'deadline' ? deadlineAt : atMs + due.inMs;
  next.rounds += step.rounds;
  next.branches = transaction.branches.map((branch) => changedBranch(branch, step.branches, atMs));
  return next;
}

function changedBranch(branch: Branch, changes: readonly BranchChange[], atMs: number): Branch {
  const found = changes.find((each) => each.branchId === branch.branchId);
  if (found === undefined) return branch;
  const changed = branchDraft(branch);
  changed.attempts = found.attempts ?? branch.attempts;
  changed.refusals = found.refusals ?? branch.refusals;
  changed.lastError = found.lastError ?? branch.lastError;
  return found.status === undefined ? changed : withStatus(changed, found.status, atMs);
}

/** A status together with the time that belongs to it. */
function withStatus(branch: Branch, status: BranchStatus, atMs: number): Branch {
  const changed = branchDraft(branch);
  changed.status = status;
  if (status === 'TRIED') changed.triedAt ??= atMs;
  if (status === 'CONFIRMED' || status === 'CANCELLED') changed.finishedAt ??= atMs;
  return changed;
}
