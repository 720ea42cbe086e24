/**
 * The journal's SQL that changes transactions, by hand and by name. Everything is found by primary key, in the order of
 * the keys, so that concurrent batches meet in the same order. Lists are as long as the caller's batch.
 */
import { branchStatus, transactionStatus } from './codes';
import type { Sql, SqlValue } from './database';
import type { Dialect } from './dialect';

const { TRYING, CONFIRMING, CANCELLING } = {
  TRYING: transactionStatus.of('TRYING'),
  CONFIRMING: transactionStatus.of('CONFIRMING'),
  CANCELLING: transactionStatus.of('CANCELLING'),
};

/** Spelled out by status, not by is_open: the optimizer must not be led away from the primary key. */
export const OPEN = `status IN (${TRYING}, ${CONFIRMING}, ${CANCELLING})`;

/** `?, ?, ?` */
export function list(values: readonly unknown[]): string {
  return values.length === 1 ? '?' : `?${', ?'.repeat(values.length - 1)}`;
}

/** `(tuple), (tuple), …`: the rows of a multi-row INSERT. */
function tuples(tuple: string, count: number): string {
  return `(${tuple})${`, (${tuple})`.repeat(count - 1)}`;
}

export interface TransactionRow {
  readonly gid: string;
  readonly name: string;
  readonly mode: number;
  readonly tryOrder: number;
  readonly timeoutMs: number;
  readonly dueInMs: number;
  readonly worker: string;
  readonly branchCount: number;
}

export function insertTransactions(dialect: Dialect, rows: readonly TransactionRow[]): Sql {
  const { now, stamp } = dialect;
  const tuple = `?, ?, ?, ?, ${TRYING}, 1, 0, ${stamp}, ${now} + ?, ${now} + ?, 0, 0, ?, ?`;
  const values: SqlValue[] = [];
  for (const row of rows) {
    values.push(row.gid, row.name, row.mode, row.tryOrder, row.timeoutMs, row.dueInMs, row.worker, row.branchCount);
  }
  return {
    text: `INSERT INTO tcc_transactions (gid, name, mode, try_order, status, is_open, parked, created_at, deadline_at, due_at, rounds, epoch, worker, branch_count) VALUES ${tuples(tuple, rows.length)}`,
    values,
  };
}

export interface BranchRow {
  readonly gid: string;
  readonly branchId: string;
  readonly ordinal: number;
  readonly participant: string;
  readonly action: string;
  readonly triedBy: number;
  readonly payload: Uint8Array;
  readonly contentType: string;
}

/** Without `atMs` they are registered at the time of the statement before, which has written the dialect's `stamp`. */
export function insertBranches(dialect: Dialect, rows: readonly BranchRow[], atMs?: number): Sql {
  const values: SqlValue[] = [];
  for (const row of rows) {
    values.push(row.gid, row.branchId, row.ordinal, row.participant, row.action, row.triedBy);
    values.push(row.payload, row.contentType);
    if (atMs !== undefined) values.push(atMs);
  }
  const tuple = `?, ?, ?, ?, ?, ?, ?, ?, ${branchStatus.of('REGISTERED')}, 0, 0, '', ${atMs === undefined ? dialect.stamped : '?'}`;
  return {
    text: `INSERT INTO tcc_branches (gid, branch_id, ordinal, participant, action, tried_by, payload, content_type, status, attempts, refusals, last_error, registered_at) VALUES ${tuples(tuple, rows.length)}`,
    values,
  };
}

/** What a registration depends on, locked until the end of the transaction (I5). */
export function lockForRegister(dialect: Dialect, gids: readonly string[]): Sql {
  return {
    text: `SELECT gid, status, mode, deadline_at, branch_count, ${dialect.now} AS now_ms FROM tcc_transactions WHERE gid IN (${list(gids)})${dialect.forUpdate}`,
    values: gids,
  };
}

export interface BranchKey {
  readonly gid: string;
  readonly branchId: string;
}

/** `(gid = ? AND branch_id = ?) OR …`, in brackets. */
function branchKeys(keys: readonly BranchKey[], values: SqlValue[]): string {
  for (const key of keys) values.push(key.gid, key.branchId);
  return `((gid = ? AND branch_id = ?)${' OR (gid = ? AND branch_id = ?)'.repeat(keys.length - 1)})`;
}

export function selectBranchKeys(keys: readonly BranchKey[]): Sql {
  const values: SqlValue[] = [];
  return { text: `SELECT gid, branch_id FROM tcc_branches WHERE ${branchKeys(keys, values)}`, values };
}

export function addToBranchCount(gids: readonly string[]): Sql {
  return {
    text: `UPDATE tcc_transactions SET branch_count = branch_count + 1 WHERE gid IN (${list(gids)})`,
    values: gids,
  };
}

export interface AnswerRow extends BranchKey {
  readonly reply: Uint8Array | null;
  readonly replyType: string | null;
}

/**
 * Not once the transaction is seen to be decided: a decision to confirm rests on all answers. One that is being committed while the
 * transaction is cancelled may become durable just after that, which changes nothing: its branch gets a Cancel in any case (I4).
 */
export function answerBranch(dialect: Dialect, row: AnswerRow): Sql {
  const open = `EXISTS (SELECT 1 FROM tcc_transactions WHERE gid = ? AND status = ${TRYING})`;
  return {
    text: `UPDATE tcc_branches SET status = ${branchStatus.of('TRIED')}, try_reply = ?, try_reply_type = ?, tried_at = ${dialect.stamp} WHERE gid = ? AND branch_id = ? AND status = ${branchStatus.of('REGISTERED')} AND ${open}`,
    values: [row.reply, row.replyType, row.gid, row.branchId, row.gid],
  };
}

export interface DecisionRow {
  readonly status: number;
  readonly reasonCode: number | null;
  readonly reasonBranchId: string | null;
  readonly reasonMessage: string | null;
  readonly branchCount: number;
  readonly epoch: number | undefined;
  readonly deadline: 'open' | 'expired' | 'any';
  readonly dueInMs: number;
  readonly worker: string;
}

/** The decision (I1, I6): at most one of all that are ever tried on a row meets TRYING. */
export function decide(dialect: Dialect, row: DecisionRow, gids: readonly string[]): Sql {
  const { now, stamp } = dialect;
  const inTime = { open: ` AND deadline_at > ${now}`, expired: ` AND deadline_at <= ${now}`, any: '' }[row.deadline];
  const values: SqlValue[] = [row.status];
  let reason = '';
  if (row.reasonCode !== null) {
    reason = ', reason_code = ?, reason_branch_id = ?, reason_message = ?';
    values.push(row.reasonCode, row.reasonBranchId, row.reasonMessage);
  }
  values.push(row.dueInMs, row.worker, ...gids, row.branchCount);
  if (row.epoch !== undefined) values.push(row.epoch);
  return {
    text: `UPDATE tcc_transactions SET status = ?${reason}, decided_at = ${stamp}, due_at = ${now} + ?, worker = ? WHERE gid IN (${list(gids)}) AND status = ${TRYING} AND branch_count = ?${row.epoch === undefined ? '' : ' AND epoch = ?'}${inTime}`,
    values,
  };
}

export function finish(dialect: Dialect, from: number, to: number, retentionMs: number, gids: readonly string[]): Sql {
  const { now, stamp } = dialect;
  return {
    text: `UPDATE tcc_transactions SET status = ?, is_open = 0, parked = 0, finished_at = ${stamp}, due_at = ${now} + ? WHERE gid IN (${list(gids)}) AND status = ?`,
    values: [to, retentionMs, ...gids, from],
  };
}

export interface PostponeRow {
  readonly gid: string;
  readonly from: number;
  readonly due: { readonly inMs: number } | 'deadline' | 'parked';
  readonly rounds: number;
  readonly afterRounds: number | undefined;
}

/** The clock comes back only where it is part of what is written. */
export function postpone(dialect: Dialect, row: PostponeRow): Sql {
  const { due } = row;
  const isTrying = row.from === TRYING;
  const dueAt = due === 'parked' ? 'NULL' : due === 'deadline' ? 'deadline_at' : `${dialect.stamp} + ?`;
  const progress = isTrying ? '' : `, rounds = rounds + ?, parked = ${due === 'parked' ? 1 : 0}`;
  const values: SqlValue[] = typeof due === 'string' ? [] : [due.inMs];
  if (!isTrying) values.push(row.rounds);
  values.push(row.gid, row.from);
  let still = '';
  if (row.afterRounds !== undefined) {
    still = ' AND rounds = ?';
    values.push(row.afterRounds);
  }
  return {
    text: `UPDATE tcc_transactions SET due_at = ${dueAt}${progress} WHERE gid = ? AND status = ?${still}`,
    values,
  };
}

export function retryNow(dialect: Dialect, gids: readonly string[]): Sql {
  return {
    text: `UPDATE tcc_transactions SET due_at = ${dialect.stamp}, parked = 0 WHERE gid IN (${list(gids)}) AND ${OPEN}`,
    values: gids,
  };
}

export interface ChangeRow {
  readonly status: number | undefined;
  readonly attempts: number | undefined;
  readonly refusals: number | undefined;
  readonly lastError: string | undefined;
}

/** The same change on many branches; a CONFIRMED or CANCELLED branch stays as it is. */
export function changeBranches(row: ChangeRow, atMs: number, keys: readonly BranchKey[]): Sql | undefined {
  const sets: string[] = [];
  const values: SqlValue[] = [];
  const set = (column: string, value: SqlValue | undefined) => {
    if (value === undefined) return;
    sets.push(`${column} = ?`);
    values.push(value);
  };
  set('status', row.status);
  set('attempts', row.attempts);
  set('refusals', row.refusals);
  set('last_error', row.lastError);
  if (sets.length === 0) return undefined;
  const time = timeColumnOf(row.status);
  if (time !== undefined) {
    sets.push(`${time} = COALESCE(${time}, ?)`);
    values.push(atMs);
  }
  const ended = `${branchStatus.of('CONFIRMED')}, ${branchStatus.of('CANCELLED')}`;
  const where = branchKeys(keys, values);
  return { text: `UPDATE tcc_branches SET ${sets.join(', ')} WHERE ${where} AND status NOT IN (${ended})`, values };
}

function timeColumnOf(status: number | undefined): string | undefined {
  if (status === branchStatus.of('TRIED')) return 'tried_at';
  return status === branchStatus.of('CONFIRMED') || status === branchStatus.of('CANCELLED') ? 'finished_at' : undefined;
}

export interface AttemptRow extends BranchKey {
  readonly phase: number;
  readonly slot: number;
  readonly attempt: number;
  readonly code: string;
  readonly message: string;
}

/** A slot that was used before is written over: that makes the ring. */
export function recordAttempts(dialect: Dialect, rows: readonly AttemptRow[]): Sql {
  const values: SqlValue[] = [];
  for (const row of rows) {
    values.push(row.gid, row.branchId, row.phase, row.slot, row.attempt, row.code, row.message);
  }
  return {
    text: `REPLACE INTO tcc_attempts (gid, branch_id, phase, slot, attempt, code, message, attempted_at) VALUES ${tuples(`?, ?, ?, ?, ?, ?, ?, ${dialect.now}`, rows.length)}`,
    values,
  };
}
