import type { TccClient } from 'tcc-coordinator/client';

import type { Coordinator } from './coordinator';
import { loadedEnv, loadSeeds } from './load';
import type { Service, ServiceName } from './service';
import { World } from './world';

/** A shop whose every database is a file, with everything that a load needs. */
export interface SqliteShop {
  readonly world: World;
  readonly tccd: Coordinator;
  readonly shop: Readonly<Record<ServiceName, Service>>;
  readonly tcc: TccClient;
}

/** Opens one; close its world. Nothing of it is left when it throws. */
export async function openSqliteShop(): Promise<SqliteShop> {
  const world = await World.on('sqlite', { seeds: loadSeeds });
  try {
    const tccd = await world.coordinator('tccd', { env: loadedEnv });
    await tccd.start();
    const shop = await world.openShop([tccd]);
    return { world, tccd, shop, tcc: world.client([tccd]) };
  } catch (error) {
    await world.close();
    throw error;
  }
}
