/** What must be true of every commit of the journal: I1, I3, I5, I6, I7, I12. */
import type { TransactionStatus } from '../../src/engine/model';
import type { Change, StoredRow } from '../database/store';
import type { BranchBooks } from '../machines/fence-database';
import { branchStatusOf, type JournalRows, statusOf, textOf } from './rows';

export interface CommitDeps {
  readonly rows: JournalRows;
  readonly nowMs: () => number;
  readonly broken: (text: string) => void;
  readonly reached: (what: string) => void;
  /** The books of a branch at its participant. */
  readonly booksOf: (participant: string, gid: string, branchId: string) => BranchBooks;
  /** Whether anybody has sent the Try of a branch. */
  readonly wasTried: (gid: string, branchId: string) => boolean;
  /** Whether any application wants this transaction. */
  readonly wasAsked: (gid: string) => boolean;
  /** How many rounds of it a coordinator knows to have ended. */
  readonly roundsSeenBy: (who: string, gid: string) => number | undefined;
  readonly leaseMs: number;
  readonly parkAfterRefusals: number;
  readonly retentionMs: number;
  /** Messages under way that name the transaction. */
  readonly underWay: (gid: string) => number;
}

const edges: Readonly<Record<TransactionStatus, readonly TransactionStatus[]>> = {
  TRYING: ['TRYING', 'CONFIRMING', 'CANCELLING'],
  CONFIRMING: ['CONFIRMING', 'CONFIRMED'],
  CANCELLING: ['CANCELLING', 'CANCELLED'],
  CONFIRMED: [],
  CANCELLED: [],
};

/** Once they are set they never change. */
const SETTLED = ['decided_at', 'reason_code', 'reason_branch_id', 'reason_message'];
const UNMOVED_BY_RENEWAL = ['status', 'rounds', 'epoch', 'worker', 'parked', 'branch_count'];
const FIXED = ['created_at', 'deadline_at', 'mode', 'name'];

export class CommitChecks {
  private readonly deps: CommitDeps;

  constructor(deps: CommitDeps) {
    this.deps = deps;
  }

  /** `who`: the coordinator whose connection committed it. */
  committed(changes: readonly Change[], who: string): void {
    const trying = new Set<string>();
    for (const { table, before, after } of changes) {
      if (table !== 'tcc_transactions') continue;
      if (before === undefined ? after !== undefined : statusOf(before) === 'TRYING')
        trying.add(textOf(before ?? after ?? {}, 'gid'));
      if (before === undefined && after !== undefined) this.begun(after);
      else if (before !== undefined && after === undefined) this.purged(before);
      else if (before !== undefined && after !== undefined) this.changed(before, after, who);
    }
    for (const { table, before, after } of changes) {
      if (table === 'tcc_branches' && after !== undefined) this.branch(before, after, trying);
    }
  }

  private begun(row: StoredRow): void {
    if (statusOf(row) !== 'TRYING') this.broken('I1', row, `begins as ${statusOf(row)}`);
    if (!this.deps.wasAsked(textOf(row, 'gid'))) this.broken('I1', row, 'is begun, and nobody has asked for it');
  }

  private changed(before: StoredRow, after: StoredRow, who: string): void {
    const [from, to] = [statusOf(before), statusOf(after)];
    if (!edges[from].includes(to)) this.broken('I1', after, `goes from ${from} to ${to}`);
    for (const column of FIXED) if (before[column] !== after[column]) this.broken('I1', after, `changes its ${column}`);
    if (from !== 'TRYING') {
      for (const column of SETTLED) {
        if (before[column] !== after[column]) this.broken('I1', after, `changes the ${column} of its decision`);
      }
    }
    if (after['parked'] === 1) this.parked(before, after, who);
    if (from === to) {
      this.renewed(before, after, who);
      return;
    }
    this.deps.reached(`path: ${to}`);
    if (to === 'CONFIRMING') this.confirming(after);
    else if (to === 'CANCELLING') this.cancelling(after);
    else this.finished(after, to === 'CONFIRMED');
  }

  /** Only refusals by what is not done yet park, as many as the rules say; and what is parked is due to nobody but an operator. */
  private parked(before: StoredRow, row: StoredRow, who: string): void {
    if (row['due_at'] !== null) this.broken('I7', row, 'is parked, and is due without an operator');
    if (before['parked'] === 1) return;
    const seen = this.deps.roundsSeenBy(who, textOf(row, 'gid')) ?? Infinity;
    if (Number(before['rounds']) > seen)
      this.broken(
        'I7',
        row,
        `is parked by what ${who} knows after ${seen} rounds, and ${String(before['rounds'])} have ended`,
      );
    const left = this.branchesOf(row).filter((branch) => !isAcknowledged(branch));
    const refusals = left.map((branch) => Number(branch['refusals']));
    if (Math.max(...refusals) < this.deps.parkAfterRefusals)
      this.broken('I7', row, `is parked after ${refusals.join(', ')} refusals`);
  }

  /** A row on which nothing but the lease has moved: only its holder may have moved it (I11: the others wait for it). */
  private renewed(before: StoredRow, after: StoredRow, who: string): void {
    const isSame = UNMOVED_BY_RENEWAL.every((column) => before[column] === after[column]);
    const isRenewal = Number(after['due_at']) === this.deps.nowMs() + this.deps.leaseMs;
    if (isSame && isRenewal && after['due_at'] !== after['deadline_at'] && after['worker'] !== who)
      this.broken('I11', after, `is held by ${textOf(after, 'worker')}, and ${who} renews its lease`);
  }

  private confirming(row: StoredRow): void {
    if (Number(row['decided_at']) >= Number(row['deadline_at']))
      this.broken('I6', row, 'is confirmed after its deadline');
    const branches = this.branchesOf(row);
    for (const branch of branches) {
      const { fence } = this.books(branch);
      if (fence !== 'TRIED')
        this.broken(
          'I3',
          row,
          `is confirmed while ${textOf(branch, 'branch_id')} is ${String(fence)} at its participant`,
        );
    }
  }

  private cancelling(row: StoredRow): void {
    this.branchesOf(row);
    const timedOut = row['reason_code'] === 2 && row['reason_branch_id'] === '';
    if (timedOut && Number(row['decided_at']) < Number(row['deadline_at']))
      this.broken('I6', row, 'is timed out before its deadline');
    this.deps.reached(
      `path: cancelled because ${['', 'refused', 'timed out', 'unreachable', 'rolled back'][Number(row['reason_code'])] ?? '?'}`,
    );
  }

  private finished(row: StoredRow, confirmed: boolean): void {
    const gid = textOf(row, 'gid');
    if (Number(row['due_at']) - Number(row['finished_at']) < this.deps.retentionMs)
      this.broken('I12', row, 'may be purged before its retention is over');
    for (const branch of this.branchesOf(row)) {
      const branchId = textOf(branch, 'branch_id');
      const { fence } = this.books(branch);
      const isRight = confirmed
        ? fence === 'CONFIRMED'
        : fence === 'CANCELLED' || (fence === undefined && !this.deps.wasTried(gid, branchId));
      if (!isRight)
        this.broken('I7', row, `is ${statusOf(row)} while ${branchId} is ${String(fence)} at its participant`);
    }
  }

  /** The branches that a decision is about are all that there are (I5). */
  private branchesOf(row: StoredRow): readonly StoredRow[] {
    const branches = this.deps.rows.branchesOf(textOf(row, 'gid'));
    if (branches.length !== row['branch_count']) {
      this.broken('I5', row, `counts ${String(row['branch_count'])} branches and has ${branches.length}`);
    }
    return branches;
  }

  private branch(before: StoredRow | undefined, after: StoredRow, trying: ReadonlySet<string>): void {
    const gid = textOf(after, 'gid');
    const status = this.deps.rows.status(gid);
    const wasTrying = status === 'TRYING' || trying.has(gid);
    if (before === undefined) {
      if (status !== 'TRYING')
        this.broken('I5', after, `gets branch ${textOf(after, 'branch_id')} while it is ${String(status)}`);
      return;
    }
    const [from, to] = [branchStatusOf(before), branchStatusOf(after)];
    if (from === to) return;
    if (from === 'CONFIRMED' || from === 'CANCELLED')
      this.broken('I7', after, `branch ${textOf(after, 'branch_id')} goes from ${from} to ${to}`);
    const isTrys = to === 'TRIED' || to === 'REFUSED' || to === 'UNKNOWN';
    // The answer of a Try may be on its way to be committed while the transaction is cancelled, and be durable after that: it is the
    // truth, and the branch gets its Cancel all the same. A decision to confirm rests on all answers, so none comes after it.
    const isCancelled = status === 'CANCELLING' || status === 'CANCELLED';
    if (isTrys && !wasTrying && !isCancelled)
      this.broken('I1', after, `branch ${textOf(after, 'branch_id')} becomes ${to} after the decision`);
  }

  private purged(row: StoredRow): void {
    const gid = textOf(row, 'gid');
    this.deps.reached('path: purged');
    if (row['is_open'] !== 0 || Number(row['due_at']) > this.deps.nowMs())
      this.broken('I12', row, `is purged as ${statusOf(row)}, before its time`);
    if (this.deps.underWay(gid) > 0) this.broken('I12', row, 'is purged while messages about it are under way');
  }

  private books(branch: StoredRow): BranchBooks {
    return this.deps.booksOf(textOf(branch, 'participant'), textOf(branch, 'gid'), textOf(branch, 'branch_id'));
  }

  private broken(invariant: string, row: StoredRow, what: string): void {
    this.deps.broken(`${invariant}: ${textOf(row, 'gid')} ${what}`);
  }
}

function isAcknowledged(branch: StoredRow): boolean {
  const status = branchStatusOf(branch);
  return status === 'CONFIRMED' || status === 'CANCELLED';
}
