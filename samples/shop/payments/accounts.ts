import type { Knex } from 'knex';
import { Refused } from 'tcc-coordinator/fence';
import { tableOptions, type Dialect } from '../database/open';
import type { BranchKey } from '../service/branch-key';

/** What payments are asked to take from one buyer. */
export interface Charge {
  readonly buyer: string;
  /** Cents; at least 1. Money is never a fraction. */
  readonly amount: number;
}

/**
 * For each account, at any time: deposited = balance + frozen + paid, and `frozen` is the sum of its HELD holds. All in
 * cents.
 */
export async function createAccountTables(db: Knex, dialect: Dialect): Promise<void> {
  await db.raw(`CREATE TABLE IF NOT EXISTS accounts (
    buyer VARCHAR(64) NOT NULL PRIMARY KEY,
    deposited BIGINT NOT NULL,
    balance BIGINT NOT NULL CHECK (balance >= 0),
    frozen BIGINT NOT NULL CHECK (frozen >= 0)
  )${tableOptions(dialect)}`);
  await db.raw(`CREATE TABLE IF NOT EXISTS holds (
    gid VARCHAR(64) NOT NULL,
    branch_id VARCHAR(64) NOT NULL,
    buyer VARCHAR(64) NOT NULL,
    amount BIGINT NOT NULL,
    status VARCHAR(16) NOT NULL,
    PRIMARY KEY (gid, branch_id)
  )${tableOptions(dialect)}`);
}

/** Rows per INSERT: SQLite takes 32,766 values in a statement, and a row has four. */
const ROWS_PER_INSERT = 1000;

/** Opens accounts with a first deposit in cents; an account that is there already stays as it is. */
export async function openAccounts(db: Knex, deposits: Readonly<Record<string, number>>): Promise<void> {
  const rows = Object.entries(deposits).map(([buyer, cents]) => ({
    buyer,
    deposited: cents,
    balance: cents,
    frozen: 0,
  }));
  for (let from = 0; from < rows.length; from += ROWS_PER_INSERT) {
    await db('accounts')
      .insert(rows.slice(from, from + ROWS_PER_INSERT))
      .onConflict('buyer')
      .ignore();
  }
}

/** Try: sets the money aside, or refuses. */
export async function hold(trx: Knex, { gid, branchId }: BranchKey, { buyer, amount }: Charge): Promise<void> {
  if (!(Number.isSafeInteger(amount) && amount > 0)) throw new Refused('the amount must be a positive number of cents');
  const taken = await trx('accounts')
    .where({ buyer })
    .andWhere('balance', '>=', amount)
    .update({ balance: trx.raw('balance - ?', amount), frozen: trx.raw('frozen + ?', amount) });
  if (taken === 0) throw new Refused(await whyNot(trx, buyer, amount));
  await trx('holds').insert({ gid, branch_id: branchId, buyer, amount, status: 'HELD' });
}

/** Confirm: the money is paid. */
export async function pay(trx: Knex, key: BranchKey): Promise<void> {
  const { buyer, amount } = await close(trx, key, 'PAID');
  await trx('accounts')
    .where({ buyer })
    .update({ frozen: trx.raw('frozen - ?', amount) });
}

/** Cancel: the money is the buyer's again. */
export async function letGo(trx: Knex, key: BranchKey): Promise<void> {
  const { buyer, amount } = await close(trx, key, 'RELEASED');
  await trx('accounts')
    .where({ buyer })
    .update({ frozen: trx.raw('frozen - ?', amount), balance: trx.raw('balance + ?', amount) });
}

async function close(trx: Knex, { gid, branchId }: BranchKey, status: 'PAID' | 'RELEASED'): Promise<Charge> {
  const key = { gid, branch_id: branchId };
  const held = await trx<HoldRow>('holds').where(key).first('buyer', 'amount');
  // The fence lets neither Confirm nor Cancel through without the Try that wrote this row.
  if (held === undefined) throw new Error('there is no hold for this branch');
  await trx('holds').where(key).update({ status });
  return held;
}

async function whyNot(trx: Knex, buyer: string, amount: number): Promise<string> {
  const account = await trx<{ buyer: string; balance: number }>('accounts').where({ buyer }).first('balance');
  return account === undefined
    ? `no such account: ${buyer}`
    : `not enough money: ${euros(amount)} wanted, ${euros(account.balance)} left`;
}

/** Cents as people write them. */
export function euros(cents: number): string {
  return (cents / 100).toFixed(2);
}

interface HoldRow extends Charge {
  readonly gid: string;
  readonly branch_id: string;
}
