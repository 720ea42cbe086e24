/**
 * Rows ↔ model. A branch row holds what was worth a write; what the transaction's status implies beyond it is added here,
 * so that the decision to confirm and the end touch no branch row.
 */
import type { Branch, BranchStatus, CancelReason, Payload, State, Transaction } from '../engine/model';
import { TccError } from '../lib/errors';

import { branchStatus, mode, phase, reasonCode, transactionStatus, triedBy, tryOrder } from './codes';
import type { Row, SqlValue } from './database';
import type { StoredAttempt } from './journal';

/** The transactions of joined rows (one per branch, or one without branch), by gid. */
export function transactionsOf(rows: readonly Row[]): Map<string, Transaction> {
  const grouped = new Map<string, Row[]>();
  for (const row of rows) {
    const gid = text(row, 'gid');
    const group = grouped.get(gid);
    if (group === undefined) grouped.set(gid, [row]);
    else group.push(row);
  }
  const transactions = new Map<string, Transaction>();
  for (const [gid, group] of grouped) {
    const [first] = group;
    if (first !== undefined) transactions.set(gid, transactionOf(first, group));
  }
  return transactions;
}

/** The transaction of one row, with the branches of `branchRows`. */
export function transactionOf(row: Row, branchRows: readonly Row[]): Transaction {
  const state = stateOf(row);
  const branches = branchRows
    .filter((each) => typeof each['branch_id'] === 'string')
    .sort((left, right) => number(left, 'ordinal') - number(right, 'ordinal'))
    .map((each) => branchOf(each, state));
  const isOpen = number(row, 'is_open') === 1;
  return {
    gid: text(row, 'gid'),
    name: text(row, 'name'),
    mode: mode.word(row['mode']),
    tryOrder: tryOrder.word(row['try_order']),
    state,
    createdAt: number(row, 'created_at'),
    deadlineAt: number(row, 'deadline_at'),
    // In a terminal row the same column says when it may be purged.
    dueAt: isOpen ? optionalNumber(row, 'due_at') : undefined,
    rounds: number(row, 'rounds'),
    epoch: number(row, 'epoch'),
    worker: text(row, 'worker'),
    branches,
  };
}

function stateOf(row: Row): State {
  const status = transactionStatus.word(row['status']);
  const parked = number(row, 'parked') === 1;
  switch (status) {
    case 'TRYING':
      return { status };
    case 'CONFIRMING':
      return { status, decidedAt: number(row, 'decided_at'), parked };
    case 'CONFIRMED':
      return { status, decidedAt: number(row, 'decided_at'), finishedAt: number(row, 'finished_at') };
    case 'CANCELLING':
      return { status, decidedAt: number(row, 'decided_at'), parked, reason: reasonOf(row) };
    case 'CANCELLED':
      return {
        status,
        decidedAt: number(row, 'decided_at'),
        finishedAt: number(row, 'finished_at'),
        reason: reasonOf(row),
      };
  }
}

function reasonOf(row: Row): CancelReason {
  return {
    code: reasonCode.word(row['reason_code']),
    branchId: text(row, 'reason_branch_id'),
    message: text(row, 'reason_message'),
  };
}

function branchOf(row: Row, state: State): Branch {
  const by = triedBy.word(row['tried_by']);
  const confirmedAt = state.status === 'CONFIRMING' || state.status === 'CONFIRMED' ? state.decidedAt : undefined;
  const endedAt = state.status === 'CONFIRMED' || state.status === 'CANCELLED' ? state.finishedAt : undefined;
  return {
    branchId: text(row, 'branch_id'),
    participant: text(row, 'participant'),
    action: text(row, 'action'),
    payload: payloadOf(row, 'payload', 'content_type') ?? { data: new Uint8Array(), contentType: '' },
    triedBy: by,
    status: impliedStatus(branchStatus.word(row['branch_status']), state),
    tryReply: payloadOf(row, 'try_reply', 'try_reply_type'),
    attempts: number(row, 'attempts'),
    refusals: number(row, 'refusals'),
    lastError: text(row, 'last_error'),
    registeredAt: number(row, 'registered_at'),
    triedAt: optionalNumber(row, 'tried_at') ?? (by === 'coordinator' ? confirmedAt : undefined),
    finishedAt: optionalNumber(row, 'branch_finished_at') ?? endedAt,
  };
}

function impliedStatus(stored: BranchStatus, state: State): BranchStatus {
  switch (state.status) {
    case 'CONFIRMED':
    case 'CANCELLED':
      return state.status;
    case 'CONFIRMING':
      return stored === 'CONFIRMED' ? stored : 'TRIED';
    default:
      return stored;
  }
}

export function attemptOf(row: Row): StoredAttempt {
  return {
    branchId: text(row, 'branch_id'),
    phase: phase.word(row['phase']),
    attempt: number(row, 'attempt'),
    code: text(row, 'code'),
    message: text(row, 'message'),
    atMs: number(row, 'attempted_at'),
  };
}

function payloadOf(row: Row, data: string, contentType: string): Payload | undefined {
  const bytes: SqlValue | undefined = row[data];
  return bytes instanceof Uint8Array ? { data: bytes, contentType: text(row, contentType) } : undefined;
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrongType(column);
  return value;
}

export function number(row: Row, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw wrongType(column);
  return value;
}

function optionalNumber(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}

function wrongType(column: string): TccError {
  return new TccError('BROKEN_INVARIANT', `the column ${column} holds a value of another type than it should`);
}
