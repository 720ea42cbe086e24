import type { Branch__Output } from '../../wire/generated/tcc/v1/Branch';
import type { BranchStatus__Output } from '../../wire/generated/tcc/v1/BranchStatus';
import type { CancelCode__Output } from '../../wire/generated/tcc/v1/CancelCode';
import type { CancelReason__Output } from '../../wire/generated/tcc/v1/CancelReason';
import type { Transaction__Output } from '../../wire/generated/tcc/v1/Transaction';
import type {
  TransactionStatus as ProtoStatus,
  TransactionStatus__Output,
} from '../../wire/generated/tcc/v1/TransactionStatus';
import { TccClientError } from './errors';
import { decodePayload } from './payload';
import type {
  BranchStatus,
  BranchView,
  CancelCode,
  CancelReasonView,
  TransactionStatus,
  TransactionView,
} from './views';

/** Proto messages to views and back: the one place where the two spellings meet. */

const transactionStatuses: Readonly<Record<string, TransactionStatus>> = {
  TRANSACTION_STATUS_TRYING: 'TRYING',
  TRANSACTION_STATUS_CONFIRMING: 'CONFIRMING',
  TRANSACTION_STATUS_CONFIRMED: 'CONFIRMED',
  TRANSACTION_STATUS_CANCELLING: 'CANCELLING',
  TRANSACTION_STATUS_CANCELLED: 'CANCELLED',
};

const branchStatuses: Readonly<Record<string, BranchStatus>> = {
  BRANCH_STATUS_REGISTERED: 'REGISTERED',
  BRANCH_STATUS_TRIED: 'TRIED',
  BRANCH_STATUS_REFUSED: 'REFUSED',
  BRANCH_STATUS_UNKNOWN: 'UNKNOWN',
  BRANCH_STATUS_CONFIRMED: 'CONFIRMED',
  BRANCH_STATUS_CANCELLED: 'CANCELLED',
};

const cancelCodes: Readonly<Record<string, CancelCode>> = {
  CANCEL_CODE_REFUSED: 'REFUSED',
  CANCEL_CODE_TIMED_OUT: 'TIMED_OUT',
  CANCEL_CODE_UNREACHABLE: 'UNREACHABLE',
  CANCEL_CODE_ROLLED_BACK: 'ROLLED_BACK',
};

export function statusFromProto(status: TransactionStatus__Output): TransactionStatus {
  return known(transactionStatuses, status);
}

export function statusToProto(status: TransactionStatus): ProtoStatus {
  return `TRANSACTION_STATUS_${status}`;
}

/** The transaction of a response; every response that has one must carry it. */
export function transactionFromProto(transaction: Transaction__Output | null): TransactionView {
  if (transaction === null) throw badReply('a transaction is missing');
  const { gid, name, parked, createdAtMs, deadlineAtMs, rounds } = transaction;
  return {
    gid,
    name,
    status: statusFromProto(transaction.status),
    parked,
    ...reasonFromProto(transaction.cancelReason),
    branches: transaction.branches.map(branchFromProto),
    createdAtMs,
    deadlineAtMs,
    ...when('decidedAtMs', transaction.decidedAtMs),
    ...when('finishedAtMs', transaction.finishedAtMs),
    ...when('dueAtMs', transaction.dueAtMs),
    rounds,
  };
}

export function branchFromProto(branch: Branch__Output): BranchView {
  const { branchId, participant, action, attempts, lastError, registeredAtMs } = branch;
  const reply = decodePayload(branch.tryReply);
  return {
    branchId,
    participant,
    action,
    status: known(branchStatuses, branch.status satisfies BranchStatus__Output),
    ...(reply === undefined ? {} : { reply }),
    attempts,
    lastError,
    registeredAtMs,
    ...when('triedAtMs', branch.triedAtMs),
    ...when('finishedAtMs', branch.finishedAtMs),
  };
}

export function reasonFromProto(reason: CancelReason__Output | null): { readonly cancelReason?: CancelReasonView } {
  if (reason === null) return {};
  const code = known(cancelCodes, reason.code satisfies CancelCode__Output);
  return { cancelReason: { code, branchId: reason.branchId, message: reason.message } };
}

/** A time that is 0 on the wire has not come. */
function when<Field extends string>(field: Field, atMs: number): { readonly [field in Field]?: number } {
  return atMs === 0 ? {} : ({ [field]: atMs } as { readonly [field in Field]: number });
}

function known<Value>(names: Readonly<Record<string, Value>>, name: string): Value {
  const value = names[name];
  if (value === undefined) throw badReply(`"${name}" is not known here`);
  return value;
}

function badReply(what: string): TccClientError {
  return new TccClientError('BAD_REPLY', `the coordinator's reply cannot be read: ${what}`, {});
}
