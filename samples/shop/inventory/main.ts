import { fenced, fencedBatch } from 'tcc-coordinator/fence';
import { inKnexTransaction } from 'tcc-coordinator/fence/knex';
import { parseQuantities } from '../service/quantities';
import { runService } from '../service/run-service';
import { createStockTables, giveBack, receiveGoods, reserve, sell, type Picking } from './stock';
import { giveBackAll, reserveAll, sellAll } from './stock-batch';

/**
 * The inventory on its own: `SHOP_STOCK=lamp=10,clock=1` says what lies on the shelves at the first start. `SHOP_BATCH=off`
 * serves each call in a local transaction of its own, for comparison: then everybody waits for the same hot item's row.
 */
void runService('inventory', async ({ db, dialect, fence, offer }) => {
  await createStockTables(db, dialect);
  await receiveGoods(db, parseQuantities(process.env.SHOP_STOCK ?? 'lamp=10,chair=5,clock=1'));
  const begin = inKnexTransaction(db);
  const oneByOne = fenced(fence, begin, {
    try: (call, trx) => reserve(trx, call, call.payload<Picking>()),
    confirm: (call, trx) => sell(trx, call),
    cancel: (call, trx) => giveBack(trx, call),
  });
  const together = fencedBatch(fence, begin, {
    try: (calls, trx) => reserveAll(trx, calls),
    confirm: (calls, trx) => sellAll(trx, calls),
    cancel: (calls, trx) => giveBackAll(trx, calls),
  });
  offer('deduct', process.env.SHOP_BATCH === 'off' ? oneByOne : { ...oneByOne, ...together });
});
