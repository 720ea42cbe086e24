import type { TransactionStatus as ProtoStatus } from '../../wire/generated/tcc/v1/TransactionStatus';
import { rawEnum } from '../../wire/raw-types';
import { TccClientError } from './errors';
import { decodePayload, type WirePayload } from './payload';
import type {
  BranchStatus,
  BranchView,
  CancelCode,
  CancelReasonView,
  TransactionStatus,
  TransactionView,
} from './views';

/**
 * Proto messages to views and back: the one place where the two spellings meet. Messages are as either carrier decodes them: an enum
 * is a name in a unary call and a number in a stream, and a time is a number or something that becomes one.
 */
export interface WireTransaction {
  readonly gid: string;
  readonly name: string;
  readonly status: WireEnum;
  readonly parked: boolean;
  readonly cancelReason: WireReason | null;
  readonly branches: readonly WireBranch[];
  readonly createdAtMs: WireTime;
  readonly deadlineAtMs: WireTime;
  readonly decidedAtMs: WireTime;
  readonly finishedAtMs: WireTime;
  readonly dueAtMs: WireTime;
  readonly rounds: number;
}

export interface WireBranch {
  readonly branchId: string;
  readonly participant: string;
  readonly action: string;
  readonly status: WireEnum;
  readonly tryReply: WirePayload | null;
  readonly attempts: number;
  readonly lastError: string;
  readonly registeredAtMs: WireTime;
  readonly triedAtMs: WireTime;
  readonly finishedAtMs: WireTime;
}

export interface WireReason {
  readonly code: WireEnum;
  readonly branchId: string;
  readonly message: string;
}

export type WireEnum = string | number;
type WireTime = number | { toNumber(): number };

const transactionStatuses = byNameAndNumber<TransactionStatus>('TransactionStatus', {
  TRANSACTION_STATUS_TRYING: 'TRYING',
  TRANSACTION_STATUS_CONFIRMING: 'CONFIRMING',
  TRANSACTION_STATUS_CONFIRMED: 'CONFIRMED',
  TRANSACTION_STATUS_CANCELLING: 'CANCELLING',
  TRANSACTION_STATUS_CANCELLED: 'CANCELLED',
});

const branchStatuses = byNameAndNumber<BranchStatus>('BranchStatus', {
  BRANCH_STATUS_REGISTERED: 'REGISTERED',
  BRANCH_STATUS_TRIED: 'TRIED',
  BRANCH_STATUS_REFUSED: 'REFUSED',
  BRANCH_STATUS_UNKNOWN: 'UNKNOWN',
  BRANCH_STATUS_CONFIRMED: 'CONFIRMED',
  BRANCH_STATUS_CANCELLED: 'CANCELLED',
});

const cancelCodes = byNameAndNumber<CancelCode>('CancelCode', {
  CANCEL_CODE_REFUSED: 'REFUSED',
  CANCEL_CODE_TIMED_OUT: 'TIMED_OUT',
  CANCEL_CODE_UNREACHABLE: 'UNREACHABLE',
  CANCEL_CODE_ROLLED_BACK: 'ROLLED_BACK',
});

export function statusFromProto(status: WireEnum): TransactionStatus {
  return known(transactionStatuses, status);
}

export function statusToProto(status: TransactionStatus): ProtoStatus {
  return `TRANSACTION_STATUS_${status}`;
}

type Writable<View> = { -readonly [Field in keyof View]: View[Field] };

/** The transaction of a response; every response that has one must carry it. */
export function transactionFromProto(transaction: WireTransaction | null): TransactionView {
  if (transaction === null) throw badReply('a transaction is missing');
  const view: Writable<TransactionView> = {
    gid: transaction.gid,
    name: transaction.name,
    status: statusFromProto(transaction.status),
    parked: transaction.parked,
    branches: transaction.branches.map(branchFromProto),
    createdAtMs: epochMs(transaction.createdAtMs),
    deadlineAtMs: epochMs(transaction.deadlineAtMs),
    rounds: transaction.rounds,
  };
  const cancelReason = reasonFromProto(transaction.cancelReason);
  const decidedAtMs = epochMs(transaction.decidedAtMs);
  const finishedAtMs = epochMs(transaction.finishedAtMs);
  const dueAtMs = epochMs(transaction.dueAtMs);
  // A time that is 0 on the wire has not come.
  if (cancelReason !== undefined) view.cancelReason = cancelReason;
  if (decidedAtMs !== 0) view.decidedAtMs = decidedAtMs;
  if (finishedAtMs !== 0) view.finishedAtMs = finishedAtMs;
  if (dueAtMs !== 0) view.dueAtMs = dueAtMs;
  return view;
}

export function branchFromProto(branch: WireBranch): BranchView {
  const view: Writable<BranchView> = {
    branchId: branch.branchId,
    participant: branch.participant,
    action: branch.action,
    status: known(branchStatuses, branch.status),
    attempts: branch.attempts,
    lastError: branch.lastError,
    registeredAtMs: epochMs(branch.registeredAtMs),
  };
  const reply = decodePayload(branch.tryReply);
  const triedAtMs = epochMs(branch.triedAtMs);
  const finishedAtMs = epochMs(branch.finishedAtMs);
  if (reply !== undefined) view.reply = reply;
  if (triedAtMs !== 0) view.triedAtMs = triedAtMs;
  if (finishedAtMs !== 0) view.finishedAtMs = finishedAtMs;
  return view;
}

export function reasonFromProto(reason: WireReason | null): CancelReasonView | undefined {
  if (reason === null) return undefined;
  return { code: known(cancelCodes, reason.code), branchId: reason.branchId, message: reason.message };
}

function epochMs(time: WireTime): number {
  return typeof time === 'number' ? time : time.toNumber();
}

function byNameAndNumber<Word>(protoEnum: string, words: Readonly<Record<string, Word>>): ReadonlyMap<WireEnum, Word> {
  const numbers = rawEnum(protoEnum);
  const byNumber = Object.entries(words).map(([name, word]) => [numbers[name] ?? name, word] as const);
  return new Map<WireEnum, Word>([...Object.entries(words), ...byNumber]);
}

function known<Word>(words: ReadonlyMap<WireEnum, Word>, value: WireEnum): Word {
  const word = words.get(value);
  if (word === undefined) throw badReply(`"${value}" is not known here`);
  return word;
}

function badReply(what: string): TccClientError {
  return new TccClientError('BAD_REPLY', `the coordinator's reply cannot be read: ${what}`, {});
}
