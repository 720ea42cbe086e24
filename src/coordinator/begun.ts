import { sameTransaction } from '../engine/content';
import type { Branch, NewBranch, NewTransaction, Transaction } from '../engine/model';
import type { StepResult } from '../journal/journal';
import { TccError } from '../lib/errors';

import { missing } from './refusals';

/** The transaction that a begin step has just made. */
export function begun(
  asked: NewTransaction,
  { atMs, deadlineAt }: Extract<StepResult, { kind: 'applied' }>,
  worker: string,
): Transaction {
  if (deadlineAt === undefined) throw new TccError('BROKEN_INVARIANT', 'a begin step came back without a deadline');
  return {
    gid: asked.gid,
    name: asked.name,
    mode: asked.mode,
    tryOrder: asked.tryOrder,
    state: { status: 'TRYING' },
    createdAt: atMs,
    deadlineAt,
    dueAt: deadlineAt,
    rounds: 0,
    epoch: 0,
    worker,
    branches: asked.branches.map((branch) => registered(branch, atMs)),
  };
}

/** What stands in the place of a begin that lost: the same transaction, or GID_TAKEN. */
export function sameOrTaken(asked: NewTransaction, current: Transaction | undefined): Transaction {
  if (current === undefined) throw missing(asked.gid);
  if (sameTransaction(asked, current)) return current;
  throw new TccError('GID_TAKEN', `transaction ${asked.gid} exists with other content; choose another gid`, {
    metadata: { gid: asked.gid },
  });
}

/** A branch that has just become durable. Field by field: on the hot path a spread that adds fields costs ten times as much. */
export function registered(asked: NewBranch, registeredAt: number): Branch {
  return {
    branchId: asked.branchId,
    participant: asked.participant,
    action: asked.action,
    payload: asked.payload,
    triedBy: asked.triedBy,
    status: 'REGISTERED',
    tryReply: undefined,
    attempts: 0,
    refusals: 0,
    lastError: '',
    registeredAt,
    triedAt: undefined,
    finishedAt: undefined,
  };
}
