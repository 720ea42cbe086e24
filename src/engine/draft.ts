/**
 * Copies that are changed before anybody sees them. Written out field by field: a transaction is copied some ten times on its way,
 * and a spread that overwrites a field takes several times as long and gives its copies shapes that the compiler must tell apart.
 */
import type { Branch, Transaction } from './model';

type Draft<Of> = { -readonly [Field in keyof Of]: Of[Field] };

export function branchDraft(branch: Branch): Draft<Branch> {
  return {
    branchId: branch.branchId,
    participant: branch.participant,
    action: branch.action,
    payload: branch.payload,
    triedBy: branch.triedBy,
    status: branch.status,
    tryReply: branch.tryReply,
    attempts: branch.attempts,
    refusals: branch.refusals,
    lastError: branch.lastError,
    registeredAt: branch.registeredAt,
    triedAt: branch.triedAt,
    finishedAt: branch.finishedAt,
  };
}

export function transactionDraft(transaction: Transaction): Draft<Transaction> {
  return {
    gid: transaction.gid,
    name: transaction.name,
    mode: transaction.mode,
    tryOrder: transaction.tryOrder,
    state: transaction.state,
    createdAt: transaction.createdAt,
    deadlineAt: transaction.deadlineAt,
    dueAt: transaction.dueAt,
    rounds: transaction.rounds,
    epoch: transaction.epoch,
    worker: transaction.worker,
    branches: transaction.branches,
  };
}
