import type { Knex } from 'knex';
import { openDatabase } from '../database/open';

/** The three databases side by side: only the auditor sees them so. */
export interface ShopDatabases {
  readonly inventory: Knex;
  readonly orders: Knex;
  readonly payments: Knex;
}

export interface ShopUrls {
  readonly inventory: string;
  readonly orders: string;
  readonly payments: string;
}

export function openShop(urls: ShopUrls): ShopDatabases {
  return {
    inventory: openDatabase(urls.inventory).db,
    orders: openDatabase(urls.orders).db,
    payments: openDatabase(urls.payments).db,
  };
}

export async function closeShop({ inventory, orders, payments }: ShopDatabases): Promise<void> {
  await Promise.all([inventory.destroy(), orders.destroy(), payments.destroy()]);
}
