import { fenced } from 'tcc-coordinator/fence';
import { inKnexTransaction } from 'tcc-coordinator/fence/knex';
import { runService } from '../service/run-service';
import { createOrderTable, settle, strikeOut, writeDown, type Purchase } from './orders';

/** The order book on its own. */
void runService('orders', async ({ db, dialect, fence, offer }) => {
  await createOrderTable(db, dialect);
  offer(
    'create',
    fenced(fence, inKnexTransaction(db), {
      try: (call, trx) => writeDown(trx, call.gid, call.payload<Purchase>()),
      confirm: (call, trx) => settle(trx, call.gid),
      cancel: (call, trx) => strikeOut(trx, call.gid),
    }),
  );
});
