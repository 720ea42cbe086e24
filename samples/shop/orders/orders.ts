import type { Knex } from 'knex';
import { Refused } from 'tcc-coordinator/fence';
import { tableOptions, type Dialect } from '../database/open';

/** What somebody ordered. */
export interface Purchase {
  readonly buyer: string;
  readonly sku: string;
  readonly quantity: number;
  /** Cents for all pieces together. */
  readonly amount: number;
}

/** An order's id is the gid of the transaction that places it, so a repeated click finds the same order. */
export async function createOrderTable(db: Knex, dialect: Dialect): Promise<void> {
  await db.raw(`CREATE TABLE IF NOT EXISTS orders (
    order_id VARCHAR(64) NOT NULL PRIMARY KEY,
    buyer VARCHAR(64) NOT NULL,
    sku VARCHAR(64) NOT NULL,
    quantity INT NOT NULL,
    amount BIGINT NOT NULL,
    status VARCHAR(16) NOT NULL
  )${tableOptions(dialect)}`);
}

/** Try: the order is on paper, and everybody sees that it is not settled. */
export async function writeDown(trx: Knex, orderId: string, purchase: Purchase): Promise<void> {
  const { buyer, sku, quantity, amount } = purchase;
  if (!(quantity > 0 && amount > 0)) throw new Refused('an order needs a quantity and an amount');
  await trx('orders').insert({ order_id: orderId, buyer, sku, quantity, amount, status: 'PENDING' });
}

/** Confirm. */
export async function settle(trx: Knex, orderId: string): Promise<void> {
  await trx('orders').where({ order_id: orderId }).update({ status: 'CONFIRMED' });
}

/** Cancel. The row stays: a shop wants to know what it did not sell. */
export async function strikeOut(trx: Knex, orderId: string): Promise<void> {
  await trx('orders').where({ order_id: orderId }).update({ status: 'CANCELLED' });
}
