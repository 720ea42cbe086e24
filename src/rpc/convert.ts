import { type Branch, cancelReasonOf, type CancelReason, type Payload, type Transaction } from '../engine/model';
import type { StoredAttempt } from '../journal/journal';
import type { Attempt as AttemptMessage } from '../wire/generated/tcc/v1/Attempt';
import type { Branch as BranchMessage } from '../wire/generated/tcc/v1/Branch';
import type { CancelReason as CancelReasonMessage } from '../wire/generated/tcc/v1/CancelReason';
import type { Payload as PayloadMessage } from '../wire/generated/tcc/v1/Payload';
import type { Transaction as TransactionMessage } from '../wire/generated/tcc/v1/Transaction';
import { branchStatuses, cancelCodes, phases, transactionStatuses } from './enums';

/**
 * Engine model → proto messages. The way back is in the validate files: nothing comes in unchecked.
 *
 * Replies are shown in the order of the branches as long as all of them together stay within `replyBytes`; those beyond are left
 * out. A response that is larger than a message may be would turn a committed transaction into an error.
 */
export function transactionMessage(transaction: Transaction, replyBytes: number): TransactionMessage {
  const { state } = transaction;
  let left = replyBytes;
  const branches = transaction.branches.map((branch) => {
    const bytes = branch.tryReply?.data.byteLength ?? 0;
    left -= bytes;
    return branchMessage(left >= 0 || bytes === 0 ? branch : { ...branch, tryReply: undefined });
  });
  return {
    gid: transaction.gid,
    name: transaction.name,
    status: transactionStatuses[state.status],
    parked: 'parked' in state && state.parked,
    cancelReason: reasonMessage(cancelReasonOf(state)),
    branches,
    createdAtMs: transaction.createdAt,
    deadlineAtMs: transaction.deadlineAt,
    decidedAtMs: 'decidedAt' in state ? state.decidedAt : 0,
    finishedAtMs: 'finishedAt' in state ? state.finishedAt : 0,
    dueAtMs: transaction.dueAt ?? 0,
    rounds: transaction.rounds,
  };
}

export function branchMessage(branch: Branch): BranchMessage {
  return {
    branchId: branch.branchId,
    participant: branch.participant,
    action: branch.action,
    status: branchStatuses[branch.status],
    tryReply: branch.tryReply === undefined ? null : payloadMessage(branch.tryReply),
    attempts: branch.attempts,
    lastError: branch.lastError,
    registeredAtMs: branch.registeredAt,
    triedAtMs: branch.triedAt ?? 0,
    finishedAtMs: branch.finishedAt ?? 0,
  };
}

export function payloadMessage(payload: Payload): PayloadMessage {
  return { data: payload.data, contentType: payload.contentType };
}

/** Null when there is none, which leaves the field absent on the wire. */
export function reasonMessage(reason: CancelReason | undefined): CancelReasonMessage | null {
  return reason === undefined
    ? null
    : { code: cancelCodes[reason.code], branchId: reason.branchId, message: reason.message };
}

export function attemptMessage(attempt: StoredAttempt): AttemptMessage {
  return {
    branchId: attempt.branchId,
    phase: phases[attempt.phase],
    attempt: attempt.attempt,
    code: attempt.code,
    message: attempt.message,
    atMs: attempt.atMs,
  };
}
