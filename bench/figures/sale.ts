import type { Figure, Lab } from '../lab/lab';
import { openShop, SKU } from '../lab/shop';
import type { Observed } from '../programs/flow';

const PIECES = 10_000;
const BUYERS = 50_000;
const IN_FLIGHT = 1_024;

/** A flash sale: nobody gets what is not there, and the books of both sides say the same. */
export async function sale(lab: Lab): Promise<Figure[]> {
  const { processes, server } = lab;
  const shop = await openShop(lab, { stock: PIECES, batch: true });
  const load = await processes.load();
  await load.ask('start', { flow: 'sale', inFlight: IN_FLIGHT, count: BUYERS, target: shop.target });
  const { ends, seconds } = await load.ask<Observed>('finish', { flow: 'sale' });

  const [item] = await server.query(`SELECT * FROM ${shop.stockDatabase}.items WHERE sku = '${SKU}'`);
  const sold = await countBy(lab, `${shop.stockDatabase}.reservations`);
  const decided = await countBy(lab, `${shop.journalDatabase}.tcc_transactions`);
  const { CONFIRMED: bought = 0, REFUSED: refused = 0 } = ends;
  const balance =
    bought === PIECES &&
    refused === BUYERS - PIECES &&
    Number(item?.['available']) === 0 &&
    Number(item?.['frozen']) === 0 &&
    Number(item?.['received']) === PIECES &&
    sold === `SOLD ${PIECES}` &&
    decided === `3 ${PIECES}, 4 ${BUYERS - PIECES}`;
  return [
    {
      name: 'a sale of 10,000 pieces to 50,000 buyers: pieces sold',
      value: bought,
      unit: 'pieces',
      goal: '= 10000, books balance',
      met: balance,
      note:
        `${(BUYERS / seconds).toFixed(0)} orders/s; orders ${JSON.stringify(ends)}; shelf ${JSON.stringify(item)}; ` +
        `reservations ${sold}; journal ${decided}`,
    },
  ];
}

async function countBy({ server }: Lab, table: string): Promise<string> {
  const rows = await server.query(`SELECT status, COUNT(*) AS n FROM ${table} GROUP BY status ORDER BY status`);
  return rows.map((row) => `${row['status']} ${row['n']}`).join(', ');
}
