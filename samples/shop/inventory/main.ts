import { fenced } from 'tcc-coordinator/fence';
import { inKnexTransaction } from 'tcc-coordinator/fence/knex';
import { parseQuantities } from '../service/quantities';
import { runService } from '../service/run-service';
import { createStockTables, giveBack, receiveGoods, reserve, sell, type Picking } from './stock';

/** The inventory on its own: `SHOP_STOCK=lamp=10,clock=1` says what lies on the shelves at the first start. */
void runService('inventory', async ({ db, dialect, fence, offer }) => {
  await createStockTables(db, dialect);
  await receiveGoods(db, parseQuantities(process.env.SHOP_STOCK ?? 'lamp=10,chair=5,clock=1'));
  offer(
    'deduct',
    fenced(fence, inKnexTransaction(db), {
      try: (call, trx) => reserve(trx, call, call.payload<Picking>()),
      confirm: (call, trx) => sell(trx, call),
      cancel: (call, trx) => giveBack(trx, call),
    }),
  );
});
