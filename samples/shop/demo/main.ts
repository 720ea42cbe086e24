import type { Books } from '../books/audit';
import { books } from '../books/books';
import { flashSale, saleSeeds, type Sale } from './flash-sale';
import { parseOptions, usage, type DemoOptions } from './options';
import { booksReport, hints, saleSummary, duration, tourTable } from './report';
import { openScreen, type Screen } from './screen';
import { Stage } from './stage';
import { playTour, tourSeeds } from './tour';

/** What a show leaves behind. */
interface Show {
  /** Everything came out as it must. */
  readonly asExpected: boolean;
  /** Every order that was placed. */
  readonly orderIds: readonly string[];
}

/** Runs the demo; returns the exit status: 0 only if everything came out as it must and the books balance. */
export async function main(args: readonly string[]): Promise<number> {
  const screen = openScreen(process.stdout, process.env);
  let options: DemoOptions | undefined;
  try {
    options = parseOptions(args, process.env);
  } catch (error) {
    screen.print(`${messageOf(error)}\n\n${usage}`);
    return 2;
  }
  if (options === undefined) {
    screen.print(usage);
    return 0;
  }

  const interrupted = untilInterrupted();
  let stage: Stage | undefined;
  try {
    stage = await Stage.prepare(options.serverUrl);
    const staged = stage;
    process.once('exit', () => staged.killNow());
    const ended = await Promise.race([perform(stage, options, screen), stage.broken, interrupted]);
    if (ended === 'interrupted') {
      screen.print('\nInterrupted.');
      return 1;
    }
    const status = ended.asExpected ? 0 : 1;
    if (!options.keep) return status;
    screen.print(`\nStill running: the coordinator at ${stage.address}, inventory, orders and payments. Look around:`);
    const basket = options.sale === undefined ? '--buyer ada --sku lamp' : '--buyer buyer-1 --sku flash-lamp';
    screen.print(hints(stage, ended.orderIds.at(-1) ?? '', basket));
    screen.print('Ctrl-C ends it all.');
    await Promise.race([interrupted, stage.broken]);
    return status;
  } catch (error) {
    screen.print(screen.red(`\nThe demo failed: ${messageOf(error)}`));
    return 1;
  } finally {
    await stage?.stop();
  }
}

async function perform(stage: Stage, options: DemoOptions, screen: Screen): Promise<Show> {
  const { print, bold, dim } = screen;
  const seeds = options.sale === undefined ? tourSeeds : saleSeeds;
  const startedAt = performance.now();
  print(
    dim(
      `Starting tccd on ${options.serverUrl === undefined ? 'embedded SQLite' : 'MySQL'} and the shop's three services …`,
    ),
  );
  await stage.startCoordinator();
  await Promise.all([
    stage.startService('inventory', seeds.inventory),
    stage.startService('orders', seeds.orders),
    stage.startService('payments', seeds.payments),
  ]);
  print(dim(`Up after ${duration(performance.now() - startedAt)}: the coordinator listens on ${stage.address}.\n`));

  const { asExpected, orderIds } =
    options.sale === undefined ? await showTour(stage, screen) : await showSale(stage, options.sale, screen);

  print(bold('\nThe books'));
  const found: Books = await books(stage.shop, async (gid) => (await stage.statusOf(gid)) ?? 'UNKNOWN', orderIds);
  print(booksReport(found, screen));
  if (!options.keep) print(nextSteps(screen));
  return { asExpected: asExpected && found.balanced, orderIds };
}

async function showTour(stage: Stage, screen: Screen): Promise<Show> {
  const results = await playTour(stage, ({ order, deed, outcome, tookMs }) => {
    screen.print(screen.dim(`  ${order.orderId}: ${deed} … ${outcome} after ${duration(tookMs)}`));
  });
  screen.print(screen.bold('\nWhat happened and why'));
  screen.print(tourTable(results, screen));
  return {
    asExpected: results.every(({ outcome, expected }) => outcome === expected),
    orderIds: results.map(({ order }) => order.orderId),
  };
}

async function showSale(stage: Stage, sale: Sale, screen: Screen): Promise<Show> {
  screen.print(screen.bold(`Flash sale: ${sale.buyers} buyers, ${sale.stock} pieces`));
  const result = await flashSale(stage, sale, screen);
  screen.print(saleSummary(result, screen));
  const expected = Math.min(sale.buyers, sale.stock);
  if (result.sold !== expected) screen.print(screen.red(`  ${expected} should have been sold`));
  return { asExpected: result.sold === expected, orderIds: result.orderIds };
}

function nextSteps({ bold, dim }: Screen): string {
  return [
    bold('\nTry next'),
    `  npm run demo -- --keep                       ${dim('stays up; look around with tccctl')}`,
    `  npm run demo -- --buyers 500 --stock 100     ${dim('a flash sale: exactly 100 are sold')}`,
    `  TCC_DATABASE_URL=mysql://… npm run demo      ${dim('the same on MySQL or MariaDB')}`,
    `  samples/shop/inventory/main.ts               ${dim('a participant in twenty lines, to copy')}`,
  ].join('\n');
}

function untilInterrupted(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve('interrupted'));
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
