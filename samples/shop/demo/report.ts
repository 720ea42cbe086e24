import type { Books } from '../books/audit';
import type { Pot } from '../books/ledger';
import { euros } from '../payments/accounts';
import type { SaleResult } from './flash-sale';
import type { Screen } from './screen';
import type { Stage } from './stage';
import { drawTable, type Column } from './table';
import type { SceneResult } from './tour';

/** Lines longer than this are hard to read, however wide the terminal is. */
const WIDEST = 150;

/** More pots than this are summed up instead of listed. */
const POTS_LISTED = 8;

/** What happened to each order and why. */
export function tourTable(results: readonly SceneResult[], screen: Screen): string {
  const fixed = { order: 7, outcome: 9, took: 6 };
  const borders = 16;
  const rest = Math.max(60, Math.min(screen.width, WIDEST) - fixed.order - fixed.outcome - fixed.took - borders);
  const deed = Math.floor(rest * 0.4);
  return drawTable(
    [
      { title: 'order', width: fixed.order },
      { title: 'what we did to it', width: deed },
      { title: 'outcome', width: fixed.outcome },
      { title: 'why', width: rest - deed },
      { title: 'took', width: fixed.took, align: 'right' },
    ],
    results.map(({ order, deed: what, outcome, why, tookMs, expected }) => {
      const dye = outcome !== expected ? screen.red : outcome === 'CONFIRMED' ? screen.green : screen.yellow;
      return [order.orderId, what, { text: outcome, dye }, why, duration(tookMs)];
    }),
    screen.bold,
  );
}

export function saleSummary({ sold, soldOut, tookMs }: SaleResult, screen: Screen): string {
  const perSecond = Math.round(((sold + soldOut) * 1000) / tookMs);
  const bought = screen.green(`${sold} bought`);
  return `  ${bought}, ${soldOut} came too late; ${sold + soldOut} orders in ${duration(tookMs)}: ${perSecond} orders a second`;
}

/** The books, pot by pot. */
export function booksReport(found: Books, screen: Screen): string {
  const amount = (title: string): Column => ({ title, align: 'right' });
  const table = drawTable(
    [{ title: '' }, amount('came in'), amount('free'), amount('set aside'), amount('sold or paid'), { title: '' }],
    listed(found.pots).map((pot) => {
      const write = pot.kind === 'stock' ? String : euros;
      const adds = pot.received === pot.available + pot.frozen + pot.gone && pot.frozen === 0;
      const verdict = adds ? { text: 'adds up', dye: screen.green } : { text: 'DOES NOT ADD UP', dye: screen.red };
      return [`${pot.kind}: ${pot.name}`, ...[pot.received, pot.available, pot.frozen, pot.gone].map(write), verdict];
    }),
    screen.bold,
  );
  const orders = `${found.confirmed} orders confirmed, ${found.cancelled} cancelled`;
  const verdict = found.balanced
    ? screen.green(
        `The books balance: ${orders}. Each confirmed one is sold and paid exactly once, each cancelled one not at all, ` +
          `nothing is left set aside, and the coordinator says the same of all ${found.asked}.`,
      )
    : screen.red(`The books DO NOT balance (${orders}):\n${found.faults.map((fault) => `  - ${fault}`).join('\n')}`);
  return `${table}\n${verdict}`;
}

/** What to look at while it is up. */
export function hints({ address, databases }: Stage, orderId: string, basket: string): string {
  const tccctl = 'node dist/src/bin/tccctl.js';
  const lines = [
    `${tccctl} list --all --address ${address}`,
    `${tccctl} get ${orderId} --address ${address}`,
    `${tccctl} participants --address ${address}`,
    `TCC_ADDRESS=${address} node dist/samples/shop/place-order/main.js ${basket}`,
    `the coordinator's database: ${shown(databases.tccd)}`,
    `the shop's databases: ${[databases.inventory, databases.orders, databases.payments].map(shown).join(', ')}`,
  ];
  return lines.map((line) => `  ${line}`).join('\n');
}

/** A URL without its password. */
function shown(url: string): string {
  return url.replace(/(:\/\/[^:@/]*):[^@/]*@/, '$1@');
}

/** How long something took, as people say it. */
export function duration(ms: number): string {
  return ms < 1000 ? `${Math.ceil(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** All of them, or one sum for each kind where there are many. */
function listed(pots: readonly Pot[]): readonly Pot[] {
  if (pots.length <= POTS_LISTED) return pots;
  return (['stock', 'money'] as const).map((kind) => {
    const same = pots.filter((pot) => pot.kind === kind);
    const sum = (field: 'received' | 'available' | 'frozen' | 'gone' | 'open') =>
      same.reduce((total, pot) => total + pot[field], 0);
    return {
      ...{ kind, name: `${same.length} in all` },
      ...{ received: sum('received'), available: sum('available'), frozen: sum('frozen') },
      ...{ gone: sum('gone'), open: sum('open') },
    };
  });
}
