import { type Command, InvalidArgumentError, Option } from 'commander';

import type { AdminClient, ListFilter, TransactionPage } from '../../sdk/client/admin';
import type { TransactionStatus, TransactionView } from '../../sdk/client/views';
import { parseDuration } from '../duration';
import type { CliIo } from '../io';
import { listJson } from '../render/json';
import { renderList } from '../render/list';
import { withSession } from '../session';

/** The server's bound on a page. */
const LARGEST_PAGE = 1_000;
const DEFAULT_PAGE = 50;

/**
 * How many transactions --all gathers before it prints: about 100 MB as JSON. Whoever has more goes on with the page token
 * that is printed then.
 */
const ALL_LIMIT = 100_000;

const openStatuses: readonly TransactionStatus[] = ['TRYING', 'CONFIRMING', 'CANCELLING'];
const statuses: readonly TransactionStatus[] = [...openStatuses, 'CONFIRMED', 'CANCELLED'];

interface ListOptions {
  readonly status?: readonly TransactionStatus[];
  readonly name?: string;
  readonly participant?: string;
  readonly olderThan?: number;
  readonly parked?: boolean;
  readonly minRounds?: number;
  readonly gidPrefix?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly all?: boolean;
}

export function addList(program: Command, io: CliIo): void {
  program
    .command('list')
    .description('List transactions, newest gid first.')
    .option('-s, --status <list>', `only these: open, ${statuses.join(', ')} (commas, or repeat it)`, parseStatuses)
    .option('--name <name>', 'only transactions of this name')
    .option('--participant <name>', 'only transactions with a branch of this participant')
    .option('--older-than <duration>', 'only those that began at least this long ago, such as 10m', parseDuration)
    .option('--parked', 'only those whose retries wait for an operator')
    .option('--min-rounds <n>', 'only those with at least this many unfinished rounds', parseCount(4_294_967_295))
    .option('--gid-prefix <prefix>', 'only those whose gid begins with this')
    .option('--page-size <n>', `how many to print, up to 1000 (default: ${DEFAULT_PAGE})`, parseCount(LARGEST_PAGE))
    .option('--page-token <token>', 'go on after an earlier page, with the same filters')
    .addOption(new Option('--all', 'every page').conflicts('pageSize'))
    .action((options: ListOptions, command: Command) =>
      withSession(io, command, async ({ admin, output, print, hint, look, signal }) => {
        const { transactions, nextPageToken } = await fetchList(admin, options, signal);
        if (output === 'json') print(JSON.stringify(listJson(transactions, nextPageToken), null, 2));
        else print(renderList(transactions, look()));
        if (transactions.length === 0) hint('No transaction matches.');
        if (nextPageToken !== '')
          hint(`\nThere are more. Go on with the same filters and: --page-token ${nextPageToken}`);
      }),
    );
}

async function fetchList(admin: AdminClient, options: ListOptions, signal: AbortSignal): Promise<TransactionPage> {
  const { pageSize = DEFAULT_PAGE, pageToken = '', all = false, status, ...rest } = options;
  const filter: ListFilter = { ...filterOf(rest), statuses: status };
  if (!all) return admin.listTransactions(filter, { pageSize, pageToken }, signal);
  const transactions: TransactionView[] = [];
  let nextPageToken = pageToken;
  do {
    const page = await admin.listTransactions(filter, { pageSize: LARGEST_PAGE, pageToken: nextPageToken }, signal);
    transactions.push(...page.transactions);
    nextPageToken = page.nextPageToken;
  } while (nextPageToken !== '' && transactions.length < ALL_LIMIT);
  return { transactions, nextPageToken };
}

function filterOf(options: Omit<ListOptions, 'status' | 'pageSize' | 'pageToken' | 'all'>): ListFilter {
  const { name, participant, olderThan: olderThanMs, parked, minRounds, gidPrefix } = options;
  return { name, participant, olderThanMs, parked, minRounds, gidPrefix };
}

function parseStatuses(text: string, before: readonly TransactionStatus[] = []): readonly TransactionStatus[] {
  const named = text.split(',').flatMap((word) => {
    const name = word.trim().toUpperCase();
    const matching = name === 'OPEN' ? openStatuses : statuses.filter((status) => status === name);
    if (matching.length === 0) throw new InvalidArgumentError(`Allowed are open, ${statuses.join(', ')}.`);
    return matching;
  });
  return [...new Set([...before, ...named])];
}

function parseCount(largest: number): (text: string) => number {
  return (text) => {
    const count = /^\d+$/.test(text) ? Number(text) : NaN;
    if (count >= 1 && count <= largest) return count;
    throw new InvalidArgumentError(`Write a whole number from 1 to ${largest}.`);
  };
}
