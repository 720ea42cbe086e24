import type { NewBranch, NewTransaction, Payload, Transaction } from './model';

/** Whether a repeated begin says the same as the transaction that exists: all but the timeout (idempotent gid). */
export function sameTransaction(asked: NewTransaction, standing: Transaction): boolean {
  const { branches } = standing;
  const head = asked.name === standing.name && asked.mode === standing.mode && asked.tryOrder === standing.tryOrder;
  if (!head) return false;
  if (asked.mode === 'interactive') return true;
  return (
    asked.branches.length === branches.length &&
    asked.branches.every((branch, index) => sameBranch(branch, branches[index]))
  );
}

/** Whether a repeated branch says the same as the one that exists (idempotent branch_id). */
export function sameBranch(asked: NewBranch, standing: NewBranch | undefined): boolean {
  return (
    standing !== undefined &&
    asked.branchId === standing.branchId &&
    asked.participant === standing.participant &&
    asked.action === standing.action &&
    asked.triedBy === standing.triedBy &&
    samePayload(asked.payload, standing.payload)
  );
}

function samePayload(one: Payload, other: Payload): boolean {
  return one.contentType === other.contentType && Buffer.compare(one.data, other.data) === 0;
}
