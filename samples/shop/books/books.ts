import { audit, type Books, type StatusOf } from './audit';
import { readLedger } from './ledger';
import type { ShopDatabases } from './shop-databases';

/** Audits the shop as a whole; to be called when no transaction is under way. See `audit` for what is checked. */
export async function books(shop: ShopDatabases, statusOf: StatusOf, alsoAsk: readonly string[] = []): Promise<Books> {
  return audit(await readLedger(shop), statusOf, alsoAsk);
}
