/** The journal's SQL that reads, claims and purges. */
import { transactionStatus } from './codes';
import type { Sql, SqlValue } from './database';
import type { Dialect } from './dialect';
import type { TransactionFilter } from './journal';
import { list, OPEN } from './statements';

const TRANSACTION_COLUMNS =
  't.gid, t.name, t.mode, t.try_order, t.status, t.is_open, t.parked, t.reason_code, t.reason_branch_id, t.reason_message, t.created_at, t.deadline_at, t.due_at, t.decided_at, t.finished_at, t.rounds, t.epoch, t.worker';

const BRANCH_COLUMNS =
  'b.branch_id, b.ordinal, b.participant, b.action, b.tried_by, b.payload, b.content_type, b.status AS branch_status, b.try_reply, b.try_reply_type, b.attempts, b.refusals, b.last_error, b.registered_at, b.tried_at, b.finished_at AS branch_finished_at';

/** One statement, so that a transaction and its branches are of the same moment. `lock`: the dialect's forUpdate, or ''. */
export function selectTransactions(gids: readonly string[], lock: string): Sql {
  return {
    text: `SELECT ${TRANSACTION_COLUMNS}, ${BRANCH_COLUMNS} FROM tcc_transactions t LEFT JOIN tcc_branches b ON b.gid = t.gid WHERE t.gid IN (${list(gids)})${lock}`,
    values: gids,
  };
}

export function selectGids(gids: readonly string[]): Sql {
  return { text: `SELECT gid FROM tcc_transactions WHERE gid IN (${list(gids)})`, values: gids };
}

/** Who made the decisions, to tell winners from losers after a group of which not all won. */
export function selectDecisions(gids: readonly string[], lock: string): Sql {
  return {
    text: `SELECT gid, status, decided_at, finished_at, worker FROM tcc_transactions WHERE gid IN (${list(gids)})${lock}`,
    values: gids,
  };
}

export function selectNow(dialect: Dialect): Sql {
  return { text: `SELECT ${dialect.now} AS now_ms`, values: [] };
}

/** In the order in which they are due; what is not due yet comes after what is. */
export function selectDue(dialect: Dialect, limit: number): Sql {
  return {
    text: `SELECT gid, due_at - ${dialect.now} AS due_in_ms FROM tcc_transactions WHERE is_open = 1 AND due_at IS NOT NULL ORDER BY due_at LIMIT ?`,
    values: [limit],
  };
}

/** Locks by primary key only: what may be taken is decided by the caller, who sees the rows as they are now. */
export function lockForClaim(dialect: Dialect, gids: readonly string[]): Sql {
  return {
    text: `SELECT gid, due_at - ${dialect.now} AS due_in_ms FROM tcc_transactions WHERE gid IN (${list(gids)}) AND ${OPEN}${dialect.forUpdate}`,
    values: gids,
  };
}

/** The same without the lock: most of what another coordinator has taken meanwhile is left out, without a wait. */
export function peekForClaim(dialect: Dialect, gids: readonly string[]): Sql {
  return {
    text: `SELECT gid, due_at - ${dialect.now} AS due_in_ms FROM tcc_transactions WHERE gid IN (${list(gids)}) AND ${OPEN}`,
    values: gids,
  };
}

export function claim(dialect: Dialect, worker: string, leaseMs: number, gids: readonly string[]): Sql {
  return {
    text: `UPDATE tcc_transactions SET due_at = ${dialect.now} + ?, epoch = epoch + 1, worker = ? WHERE gid IN (${list(gids)})`,
    values: [leaseMs, worker, ...gids],
  };
}

export function renew(dialect: Dialect, worker: string, leaseMs: number, gids: readonly string[]): Sql {
  return {
    text: `UPDATE tcc_transactions SET due_at = ${dialect.now} + ? WHERE gid IN (${list(gids)}) AND ${OPEN} AND parked = 0 AND worker = ?`,
    values: [leaseMs, ...gids, worker],
  };
}

export function selectPurgeable(dialect: Dialect, limit: number): Sql {
  return {
    text: `SELECT gid FROM tcc_transactions WHERE is_open = 0 AND due_at <= ${dialect.now} ORDER BY due_at LIMIT ?`,
    values: [limit],
  };
}

/** Again, and locked: a gid may have been purged and begun anew meanwhile. */
export function lockForPurge(dialect: Dialect, gids: readonly string[]): Sql {
  return {
    text: `SELECT gid, is_open, due_at - ${dialect.now} AS due_in_ms FROM tcc_transactions WHERE gid IN (${list(gids)})${dialect.forUpdate}`,
    values: gids,
  };
}

/** In this order: the transaction's row, which the lock is on, goes last. */
export function purge(gids: readonly string[]): readonly Sql[] {
  return ['tcc_attempts', 'tcc_branches', 'tcc_transactions'].map((table) => ({
    text: `DELETE FROM ${table} WHERE gid IN (${list(gids)})`,
    values: gids,
  }));
}

export function selectAttempts(gid: string): Sql {
  return {
    text: 'SELECT branch_id, phase, attempt, code, message, attempted_at FROM tcc_attempts WHERE gid = ? ORDER BY attempted_at, phase, branch_id, attempt',
    values: [gid],
  };
}

/** Above every character that a gid may have, and so the end of the range that starts with a prefix. */
const AFTER_EVERY_ID = '~';

export function selectPage(dialect: Dialect, filter: TransactionFilter): Sql {
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const where = (condition: string, ...more: readonly SqlValue[]) => {
    conditions.push(condition);
    values.push(...more);
  };
  if (filter.statuses.length > 0) {
    where(`t.status IN (${list(filter.statuses)})`, ...filter.statuses.map((each) => transactionStatus.of(each)));
  }
  if (filter.name !== undefined) where('t.name = ?', filter.name);
  if (filter.participant !== undefined) {
    where('EXISTS (SELECT 1 FROM tcc_branches b WHERE b.gid = t.gid AND b.participant = ?)', filter.participant);
  }
  if (filter.olderThanMs !== undefined) where(`t.created_at <= ${dialect.now} - ?`, filter.olderThanMs);
  if (filter.parkedOnly) where('t.is_open = 1 AND t.parked = 1');
  if (filter.gidPrefix !== undefined && filter.gidPrefix !== '') {
    where('t.gid >= ? AND t.gid < ?', filter.gidPrefix, filter.gidPrefix + AFTER_EVERY_ID);
  }
  if (filter.minRounds !== undefined) where('t.rounds >= ?', filter.minRounds);
  if (filter.beforeGid !== undefined) where('t.gid < ?', filter.beforeGid);
  const condition = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  return {
    text: `SELECT ${TRANSACTION_COLUMNS} FROM tcc_transactions t${condition} ORDER BY t.gid DESC LIMIT ?`,
    values: [...values, filter.limit],
  };
}
