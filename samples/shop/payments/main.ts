import { fenced } from 'tcc-coordinator/fence';
import { inKnexTransaction } from 'tcc-coordinator/fence/knex';
import { parseQuantities } from '../service/quantities';
import { runService } from '../service/run-service';
import { createAccountTables, hold, letGo, openAccounts, pay, type Charge } from './accounts';

/** Payments on their own: `SHOP_ACCOUNTS=ada=50000,carl=500` says who has how many cents at the first start. */
void runService('payments', async ({ db, dialect, fence, offer }) => {
  await createAccountTables(db, dialect);
  await openAccounts(db, parseQuantities(process.env.SHOP_ACCOUNTS ?? 'ada=100000,bob=50000,carl=500'));
  offer(
    'pay',
    fenced(fence, inKnexTransaction(db), {
      try: (call, trx) => hold(trx, call, call.payload<Charge>()),
      confirm: (call, trx) => pay(trx, call),
      cancel: (call, trx) => letGo(trx, call),
    }),
  );
});
