import type { LoadTarget } from '../programs/load';
import { Child } from './child';
import type { Lab } from './lab';

export interface Shop {
  /** One piece of the one item, and a branch at the participant b. */
  readonly target: LoadTarget;
  readonly journalDatabase: string;
  readonly stockDatabase: string;
}

export const SKU = 'hot';

/** A coordinator with the sample inventory, which has one item, and a participant that does nothing beside it. */
export async function openShop({ processes, server }: Lab, sale: { stock: number; batch: boolean }): Promise<Shop> {
  const journalDatabase = await server.create('journal');
  const stockDatabase = await server.create('stock');
  const coordinator = await processes.tccd(server.urlOf(journalDatabase));
  const { address } = coordinator;
  await processes.participants([coordinator], { names: ['b'] });
  const inventory = processes.own(
    new Child({
      name: 'inventory',
      script: 'samples/shop/inventory/main.js',
      // With a channel it would tell its parent of every call.
      channel: false,
      env: {
        TCC_ADDRESS: address,
        SHOP_DATABASE_URL: server.urlOf(stockDatabase),
        SHOP_STOCK: `${SKU}=${sale.stock}`,
        SHOP_BATCH: sale.batch ? 'on' : 'off',
      },
    }),
  );
  await inventory.line((line) => (line.includes('listening') ? line : undefined));
  const target = { coordinators: [address], carrier: 'stream', participants: ['b'], sku: SKU } as const;
  return { target, journalDatabase, stockDatabase };
}
