import type { Knex } from 'knex';
import { Refused } from 'tcc-coordinator/fence';
import { MalformedPayload, type BranchCall } from 'tcc-coordinator/participant';
import type { BranchKey } from '../service/branch-key';
import type { Picking } from './stock';

/** What the inventory needs of a call. */
export type PickingCall = Pick<BranchCall, 'gid' | 'branchId' | 'payload'>;

type Reservation = BranchKey & Picking;

/** SQLite takes at most 500 rows in the form in which knex writes an INSERT. */
const ROWS_PER_INSERT = 400;

/**
 * Try, for all orders that have arrived together: whoever came first is served first, until nothing is left. The items
 * are locked once, in the order of their names, and each is written once, however many orders want it.
 * Answers each call in its place: undefined for "set aside", or why not.
 */
export async function reserveAll(trx: Knex, calls: readonly PickingCall[]): Promise<(Error | undefined)[]> {
  const wanted = calls.map(wish);
  const left = await lockShelves(
    trx,
    wanted.flatMap((wish) => (wish instanceof Error ? [] : [wish.sku])),
  );
  const given: Reservation[] = [];
  const answers = wanted.map((wish) => {
    if (wish instanceof Error) return wish;
    const available = left.get(wish.sku);
    if (available === undefined) return new Refused(`no such item: ${wish.sku}`);
    if (available < wish.quantity) {
      return new Refused(`no stock: ${wish.quantity} ${wish.sku} wanted, ${available} left`);
    }
    left.set(wish.sku, available - wish.quantity);
    given.push(wish);
    return undefined;
  });
  for (const [sku, pieces] of piecesBySku(given)) {
    const taken = await trx('items')
      .where({ sku })
      .andWhere('available', '>=', pieces)
      .update({ available: trx.raw('available - ?', pieces), frozen: trx.raw('frozen + ?', pieces) });
    if (taken !== 1) throw new Error('somebody took from a shelf that this batch has locked');
  }
  await writeReservations(trx, given, 'RESERVED');
  return answers;
}

/** Confirm: the pieces leave the house. */
export async function sellAll(trx: Knex, keys: readonly BranchKey[]): Promise<void> {
  const reservations = await readReservations(trx, keys);
  for (const [sku, pieces] of piecesBySku(reservations)) {
    await trx('items')
      .where({ sku })
      .update({ frozen: trx.raw('frozen - ?', pieces) });
  }
  await writeReservations(trx, reservations, 'SOLD');
}

/** Cancel: the pieces go back on the shelf. */
export async function giveBackAll(trx: Knex, keys: readonly BranchKey[]): Promise<void> {
  const reservations = await readReservations(trx, keys);
  for (const [sku, pieces] of piecesBySku(reservations)) {
    await trx('items')
      .where({ sku })
      .update({ frozen: trx.raw('frozen - ?', pieces), available: trx.raw('available + ?', pieces) });
  }
  await writeReservations(trx, reservations, 'RELEASED');
}

/** What a call asks for, or what is wrong with it: that must not fail the others. */
function wish(call: PickingCall): Reservation | Error {
  try {
    const { sku, quantity } = call.payload<Picking>();
    if (!(Number.isInteger(quantity) && quantity > 0)) {
      return new Refused('the quantity must be a positive whole number');
    }
    return { gid: call.gid, branchId: call.branchId, sku, quantity };
  } catch (error) {
    if (error instanceof MalformedPayload) return error;
    throw error;
  }
}

async function lockShelves(trx: Knex, skus: readonly string[]): Promise<Map<string, number>> {
  if (skus.length === 0) return new Map();
  const items = await trx<{ sku: string; available: number }>('items')
    .whereIn('sku', [...new Set(skus)])
    .orderBy('sku')
    .forUpdate()
    .select('sku', 'available');
  return new Map(items.map(({ sku, available }) => [sku, available]));
}

/** In the order of the names: two batches that want the same items lock them in the same order. */
function piecesBySku(reservations: readonly Reservation[]): [sku: string, pieces: number][] {
  const pieces = new Map<string, number>();
  for (const { sku, quantity } of reservations) pieces.set(sku, (pieces.get(sku) ?? 0) + quantity);
  return [...pieces].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function readReservations(trx: Knex, keys: readonly BranchKey[]): Promise<Reservation[]> {
  const rows = await trx<ReservationRow>('reservations')
    .whereIn(
      ['gid', 'branch_id'],
      keys.map(({ gid, branchId }) => [gid, branchId]),
    )
    .select('gid', 'branch_id', 'sku', 'quantity');
  // The fence lets neither Confirm nor Cancel through without the Try that wrote the row.
  if (rows.length !== keys.length) throw new Error('there is no reservation for some branch of the batch');
  return rows.map(({ gid, branch_id: branchId, sku, quantity }) => ({ gid, branchId, sku, quantity }));
}

/** An upsert finds each row by its key; an UPDATE … IN could read the whole table, and lock it, while it is small. */
async function writeReservations(
  trx: Knex,
  reservations: readonly Reservation[],
  status: 'RESERVED' | 'SOLD' | 'RELEASED',
): Promise<void> {
  for (let from = 0; from < reservations.length; from += ROWS_PER_INSERT) {
    const rows = reservations
      .slice(from, from + ROWS_PER_INSERT)
      .map(({ gid, branchId, sku, quantity }) => ({ gid, branch_id: branchId, sku, quantity, status }));
    const insert = trx('reservations').insert(rows);
    await (status === 'RESERVED' ? insert : insert.onConflict(['gid', 'branch_id']).merge(['status']));
  }
}

interface ReservationRow extends Picking {
  readonly gid: string;
  readonly branch_id: string;
}
