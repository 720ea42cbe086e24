import { branchStatus, transactionStatus } from '../../src/journal/codes';
import type { BranchStatus, TransactionStatus } from '../../src/engine/model';
import type { DatabaseServer } from '../database/server';
import type { StoredRow, Table } from '../database/store';

/** The journal's rows as they are committed, for whoever checks them. */
export class JournalRows {
  private readonly transactions: Table;
  private readonly branches: Table;

  constructor(server: DatabaseServer) {
    this.transactions = tableOf(server, 'tcc_transactions');
    this.branches = tableOf(server, 'tcc_branches');
  }

  transaction(gid: string): StoredRow | undefined {
    for (const { committed } of this.transactions.startingWith(gid)) if (committed !== undefined) return committed;
    return undefined;
  }

  status(gid: string): TransactionStatus | undefined {
    const row = this.transaction(gid);
    return row === undefined ? undefined : statusOf(row);
  }

  branchesOf(gid: string): StoredRow[] {
    const rows: StoredRow[] = [];
    for (const { committed } of this.branches.startingWith(gid)) if (committed !== undefined) rows.push(committed);
    return rows;
  }

  branch(gid: string, branchId: string): StoredRow | undefined {
    return this.branchesOf(gid).find((row) => row['branch_id'] === branchId);
  }

  all(): StoredRow[] {
    return [...this.transactions.rows()];
  }

  /** Transactions that are not terminal. */
  open(): StoredRow[] {
    return this.all().filter((row) => row['is_open'] === 1);
  }
}

/** How far a transaction has come: a promise may be overtaken, and never taken back. */
export const rank: Readonly<Record<TransactionStatus, number>> = {
  TRYING: 0,
  CONFIRMING: 1,
  CANCELLING: 1,
  CONFIRMED: 2,
  CANCELLED: 2,
};

export function statusOf(row: StoredRow): TransactionStatus {
  return transactionStatus.word(row['status']);
}

export function branchStatusOf(row: StoredRow): BranchStatus {
  return branchStatus.word(row['status']);
}

export function textOf(row: StoredRow, column: string): string {
  const value = row[column];
  return typeof value === 'string' ? value : '';
}

function tableOf(server: DatabaseServer, name: string): Table {
  const table = server.tables.get(name);
  if (table === undefined) throw new Error(`the migrations make no ${name}`);
  return table;
}
