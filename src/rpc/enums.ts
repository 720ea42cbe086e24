import type { BranchStatus, CancelReason, Phase, TransactionStatus, TryOrder } from '../engine/model';
import type { BranchStatus as BranchStatusValue } from '../wire/generated/tcc/v1/BranchStatus';
import type { BranchStatus__Output as BranchStatusName } from '../wire/generated/tcc/v1/BranchStatus';
import type { CancelCode as CancelCodeValue } from '../wire/generated/tcc/v1/CancelCode';
import type { CancelCode__Output as CancelCodeName } from '../wire/generated/tcc/v1/CancelCode';
import type { Phase__Output as PhaseName } from '../wire/generated/tcc/v1/Phase';
import type { TransactionStatus as TransactionStatusValue } from '../wire/generated/tcc/v1/TransactionStatus';
import type { TransactionStatus__Output as TransactionStatusName } from '../wire/generated/tcc/v1/TransactionStatus';
import type { TryOrder__Output as TryOrderName } from '../wire/generated/tcc/v1/TryOrder';
import type { Wait__Output as WaitName } from '../wire/generated/tcc/v1/Wait';
import { rawEnum } from '../wire/raw-types';
import type { Wait } from '../coordinator/api';

/** The proto's names for the engine's words: one table per enum, read in both directions. */
const transactionStatusNames = {
  TRYING: 'TRANSACTION_STATUS_TRYING',
  CONFIRMING: 'TRANSACTION_STATUS_CONFIRMING',
  CONFIRMED: 'TRANSACTION_STATUS_CONFIRMED',
  CANCELLING: 'TRANSACTION_STATUS_CANCELLING',
  CANCELLED: 'TRANSACTION_STATUS_CANCELLED',
} as const satisfies Record<TransactionStatus, TransactionStatusName>;

const branchStatusNames = {
  REGISTERED: 'BRANCH_STATUS_REGISTERED',
  TRIED: 'BRANCH_STATUS_TRIED',
  REFUSED: 'BRANCH_STATUS_REFUSED',
  UNKNOWN: 'BRANCH_STATUS_UNKNOWN',
  CONFIRMED: 'BRANCH_STATUS_CONFIRMED',
  CANCELLED: 'BRANCH_STATUS_CANCELLED',
} as const satisfies Record<BranchStatus, BranchStatusName>;

const cancelCodeNames = {
  REFUSED: 'CANCEL_CODE_REFUSED',
  TIMED_OUT: 'CANCEL_CODE_TIMED_OUT',
  UNREACHABLE: 'CANCEL_CODE_UNREACHABLE',
  ROLLED_BACK: 'CANCEL_CODE_ROLLED_BACK',
} as const satisfies Record<CancelReason['code'], CancelCodeName>;

export const phases = {
  try: 'PHASE_TRY',
  confirm: 'PHASE_CONFIRM',
  cancel: 'PHASE_CANCEL',
} as const satisfies Record<Phase, PhaseName>;

/** Responses: as numbers, which both carriers send as they are. */
export const transactionStatuses = numbered<TransactionStatus, TransactionStatusValue>(
  'TransactionStatus',
  transactionStatusNames,
);
export const branchStatuses = numbered<BranchStatus, BranchStatusValue>('BranchStatus', branchStatusNames);
export const cancelCodes = numbered<CancelReason['code'], CancelCodeValue>('CancelCode', cancelCodeNames);

/** Requests only: what each accepted value means, the unspecified one included; by name and by number, as a carrier has it. */
export const tryOrders = byNameAndNumber<TryOrderName, TryOrder>('TryOrder', {
  TRY_ORDER_UNSPECIFIED: 'parallel',
  TRY_ORDER_PARALLEL: 'parallel',
  TRY_ORDER_SEQUENTIAL: 'sequential',
});

/** Requests only. */
export const waits = byNameAndNumber<WaitName, Wait>('Wait', {
  WAIT_UNSPECIFIED: 'finished',
  WAIT_ACCEPTED: 'accepted',
  WAIT_DECIDED: 'decided',
  WAIT_FINISHED: 'finished',
});

/** Filters only; the unspecified status means "any" and is not in here. */
export const statusesByName: ReadonlyMap<unknown, TransactionStatus> = new Map(
  Object.entries(transactionStatusNames).map(([status, name]) => [name, status as TransactionStatus]),
);

function numbered<Word extends string, Value>(
  protoEnum: string,
  names: Readonly<Record<Word, string>>,
): Readonly<Record<Word, Value>> {
  const numbers = rawEnum(protoEnum);
  const entries = Object.entries<string>(names).map(([word, name]) => [word, numbers[name]]);
  return Object.fromEntries(entries) as Record<Word, Value>;
}

function byNameAndNumber<Name extends string, Word>(
  protoEnum: string,
  words: Readonly<Record<Name, Word>>,
): ReadonlyMap<unknown, Word> {
  const numbers = rawEnum(protoEnum);
  return new Map<unknown, Word>(
    Object.entries<Word>(words).flatMap(([name, word]) => [
      [name, word],
      [numbers[name], word],
    ]),
  );
}
