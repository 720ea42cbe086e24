import type { Knex } from 'knex';
import { Refused } from 'tcc-coordinator/fence';
import { tableOptions, type Dialect } from '../database/open';
import type { BranchKey } from '../service/branch-key';

/** What the inventory is asked to set aside for one order. */
export interface Picking {
  readonly sku: string;
  /** Pieces; at least 1. */
  readonly quantity: number;
}

/**
 * For each item, at any time: received = available + frozen + sold, and `frozen` is the sum of its RESERVED reservations.
 * The CHECKs are a second lock on the same door: the conditional update below never lets them fire.
 */
export async function createStockTables(db: Knex, dialect: Dialect): Promise<void> {
  await db.raw(`CREATE TABLE IF NOT EXISTS items (
    sku VARCHAR(64) NOT NULL PRIMARY KEY,
    received INT NOT NULL,
    available INT NOT NULL CHECK (available >= 0),
    frozen INT NOT NULL CHECK (frozen >= 0)
  )${tableOptions(dialect)}`);
  await db.raw(`CREATE TABLE IF NOT EXISTS reservations (
    gid VARCHAR(64) NOT NULL,
    branch_id VARCHAR(64) NOT NULL,
    sku VARCHAR(64) NOT NULL,
    quantity INT NOT NULL,
    status VARCHAR(16) NOT NULL,
    PRIMARY KEY (gid, branch_id)
  )${tableOptions(dialect)}`);
}

/** Puts goods on the shelf; an item that is there already stays as it is, so every start may call this. */
export async function receiveGoods(db: Knex, goods: Readonly<Record<string, number>>): Promise<void> {
  const rows = Object.entries(goods).map(([sku, pieces]) => ({ sku, received: pieces, available: pieces, frozen: 0 }));
  if (rows.length > 0) await db('items').insert(rows).onConflict('sku').ignore();
}

/** Try: sets pieces aside, or refuses. The condition in the UPDATE is what keeps two buyers off the last piece. */
export async function reserve(trx: Knex, { gid, branchId }: BranchKey, { sku, quantity }: Picking): Promise<void> {
  if (!(Number.isInteger(quantity) && quantity > 0)) throw new Refused('the quantity must be a positive whole number');
  const taken = await trx('items')
    .where({ sku })
    .andWhere('available', '>=', quantity)
    .update({ available: trx.raw('available - ?', quantity), frozen: trx.raw('frozen + ?', quantity) });
  if (taken === 0) throw new Refused(await whyNot(trx, sku, quantity));
  await trx('reservations').insert({ gid, branch_id: branchId, sku, quantity, status: 'RESERVED' });
}

/** Confirm: the pieces leave the house. */
export async function sell(trx: Knex, key: BranchKey): Promise<void> {
  const { sku, quantity } = await close(trx, key, 'SOLD');
  await trx('items')
    .where({ sku })
    .update({ frozen: trx.raw('frozen - ?', quantity) });
}

/** Cancel: the pieces go back on the shelf. */
export async function giveBack(trx: Knex, key: BranchKey): Promise<void> {
  const { sku, quantity } = await close(trx, key, 'RELEASED');
  await trx('items')
    .where({ sku })
    .update({ frozen: trx.raw('frozen - ?', quantity), available: trx.raw('available + ?', quantity) });
}

async function close(trx: Knex, { gid, branchId }: BranchKey, status: 'SOLD' | 'RELEASED'): Promise<Picking> {
  const key = { gid, branch_id: branchId };
  const reservation = await trx<ReservationRow>('reservations').where(key).first('sku', 'quantity');
  // The fence lets neither Confirm nor Cancel through without the Try that wrote this row.
  if (reservation === undefined) throw new Error('there is no reservation for this branch');
  await trx('reservations').where(key).update({ status });
  return reservation;
}

async function whyNot(trx: Knex, sku: string, quantity: number): Promise<string> {
  const item = await trx<{ sku: string; available: number }>('items').where({ sku }).first('available');
  return item === undefined ? `no such item: ${sku}` : `no stock: ${quantity} ${sku} wanted, ${item.available} left`;
}

interface ReservationRow extends Picking {
  readonly gid: string;
  readonly branch_id: string;
}
