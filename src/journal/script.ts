/**
 * The steps of which none depends on what another one found: begins, decisions, finishes. Their statements can be sent in one
 * go, and what each wrote says how its steps ended.
 */
import { clip, type NewBranch } from '../engine/model';
import type { BeginStep, DecideStep, FinishStep } from '../engine/step';

import type { BatchResults } from './batch-results';
import * as codes from './codes';
import type { Row, Sql, Written } from './database';
import type { Dialect } from './dialect';
import type { Group, Plan } from './plan';
import * as sql from './statements';

/** A multi-row statement holds so many rows at most, and so many bytes of payload: below SQLite's and MySQL's limits. */
export const ROWS_PER_STATEMENT = 1_000;
const PAYLOAD_BYTES_PER_STATEMENT = 4 * 1024 * 1024;

/** A statement, and what to note once it is known what it wrote. */
export interface ScriptLine {
  readonly statement: Sql;
  readonly note: (written: Written, results: BatchResults) => void;
}

/** The statements of a plan's begins, decisions and finishes, in the order in which they must run. */
export function scriptOf(plan: Plan, dialect: Dialect, retentionMs: number): readonly ScriptLine[] {
  const lines: ScriptLine[] = plan.begins.length > 0 ? begin(plan.begins, dialect) : [];
  for (const group of plan.decisions.values()) lines.push(decide(group, dialect));
  for (const group of plan.finishes.values()) lines.push(finish(group, dialect, retentionMs));
  return lines;
}

function begin(steps: readonly BeginStep[], dialect: Dialect): ScriptLine[] {
  const heads = steps.map(({ transaction, worker, dueInMs }) => ({
    gid: transaction.gid,
    name: transaction.name,
    mode: codes.mode.of(transaction.mode),
    tryOrder: codes.tryOrder.of(transaction.tryOrder),
    timeoutMs: transaction.timeoutMs,
    dueInMs: transaction.mode === 'interactive' ? transaction.timeoutMs : dueInMs,
    worker,
    branchCount: transaction.branches.length,
  }));
  const lines: ScriptLine[] = [
    {
      statement: sql.insertTransactions(dialect, heads),
      note: ({ stampMs }, results) => {
        for (const { gid, timeoutMs } of heads) results.applied(gid, stampMs, stampMs + timeoutMs);
      },
    },
  ];
  const rows: sql.BranchRow[] = [];
  for (const { transaction } of steps) {
    for (const [ordinal, branch] of transaction.branches.entries())
      rows.push(branchRow(transaction.gid, branch, ordinal));
  }
  for (const some of byBytes(rows)) lines.push({ statement: sql.insertBranches(dialect, some), note: () => undefined });
  return lines;
}

function decide({ first, gids }: Group<DecideStep>, dialect: Dialect): ScriptLine {
  const status = codes.transactionStatus.of(first.to);
  const { reason, branchCount, epoch, deadline, dueInMs, worker } = first;
  const row = {
    status,
    reasonCode: reason === undefined ? null : codes.reasonCode.of(reason.code),
    reasonBranchId: reason?.branchId ?? null,
    reasonMessage: reason === undefined ? null : clip(reason.message),
    branchCount,
    epoch,
    deadline,
    dueInMs,
    worker,
  };
  const isOurs = (atMs: number) => (found: Row) =>
    found['status'] === status && found['decided_at'] === atMs && found['worker'] === worker;
  return {
    statement: sql.decide(dialect, row, gids),
    note: ({ rows, stampMs }, results) => results.changed(gids, rows, stampMs, isOurs(stampMs)),
  };
}

function finish({ first, gids }: Group<FinishStep>, dialect: Dialect, retentionMs: number): ScriptLine {
  const from = codes.transactionStatus.of(first.to === 'CONFIRMED' ? 'CONFIRMING' : 'CANCELLING');
  const to = codes.transactionStatus.of(first.to);
  const isOurs = (atMs: number) => (found: Row) => found['status'] === to && found['finished_at'] === atMs;
  return {
    statement: sql.finish(dialect, from, to, retentionMs, gids),
    note: ({ rows, stampMs }, results) => results.changed(gids, rows, stampMs, isOurs(stampMs)),
  };
}

export function branchRow(gid: string, branch: NewBranch, ordinal: number): sql.BranchRow {
  return {
    gid,
    branchId: branch.branchId,
    ordinal,
    participant: branch.participant,
    action: branch.action,
    triedBy: codes.triedBy.of(branch.triedBy),
    payload: branch.payload.data,
    contentType: branch.payload.contentType,
  };
}

/** In parts that a statement can hold. */
export function byBytes(rows: readonly sql.BranchRow[]): readonly (readonly sql.BranchRow[])[] {
  const parts: sql.BranchRow[][] = [];
  let bytes = Infinity;
  for (const row of rows) {
    const last = parts.at(-1);
    const fits = bytes + row.payload.length <= PAYLOAD_BYTES_PER_STATEMENT;
    if (last === undefined || last.length === ROWS_PER_STATEMENT || !fits) {
      parts.push([row]);
      bytes = 0;
    } else {
      last.push(row);
    }
    bytes += row.payload.length;
  }
  return parts;
}

export function chunks<T>(all: readonly T[], size = ROWS_PER_STATEMENT): readonly (readonly T[])[] {
  if (all.length <= size) return all.length === 0 ? [] : [all];
  const parts: (readonly T[])[] = [];
  for (let from = 0; from < all.length; from += size) parts.push(all.slice(from, from + size));
  return parts;
}
