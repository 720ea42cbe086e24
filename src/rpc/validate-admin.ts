import type { TransactionStatus } from '../engine/model';
import type { TransactionFilter } from '../journal/journal';
import type { ListTransactionsRequest__Output } from '../wire/generated/tcc/v1/ListTransactionsRequest';
import { statusesByName } from './enums';
import { type PageFilter, readPageToken } from './page-token';
import { Violations } from './validate';

/** A page is one SELECT and one message: a thousand transactions without branches are about 200 KiB. */
export const MOST_PER_PAGE = 1_000;
export const DEFAULT_PER_PAGE = 50;

/** More statuses than there are can only be repetition. */
const MOST_STATUSES = 16;

/** The largest value of a uint32 field. */
const UINT32 = 2 ** 32 - 1;

export function readList(request: ListTransactionsRequest__Output): {
  filter: PageFilter;
  page: Pick<TransactionFilter, 'beforeGid' | 'limit'>;
} {
  const violations = new Violations();
  violations.idOrEmpty('name', request.name);
  violations.idOrEmpty('participant', request.participant);
  violations.idOrEmpty('gid_prefix', request.gidPrefix);
  violations.count('older_than_ms', request.olderThanMs, Number.MAX_SAFE_INTEGER);
  violations.count('min_rounds', request.minRounds, UINT32);
  violations.countOrZero('page_size', request.pageSize, 1, MOST_PER_PAGE);
  const filter: PageFilter = {
    statuses: readStatuses(violations, request.statuses),
    name: request.name || undefined,
    participant: request.participant || undefined,
    olderThanMs: request.olderThanMs || undefined,
    parkedOnly: request.parked,
    gidPrefix: request.gidPrefix || undefined,
    minRounds: request.minRounds || undefined,
  };
  const beforeGid = request.pageToken === '' ? undefined : readPageToken(request.pageToken, filter);
  if (request.pageToken !== '' && beforeGid === undefined) {
    violations.add('page_token', 'must be the next_page_token of a page with the same filters');
  }
  violations.throwIfAny();
  return { filter, page: { beforeGid, limit: request.pageSize === 0 ? DEFAULT_PER_PAGE : request.pageSize } };
}

/** The unspecified status means "any", so a filter that holds it filters nothing. */
function readStatuses(violations: Violations, names: readonly unknown[]): readonly TransactionStatus[] {
  if (names.length > MOST_STATUSES) violations.add('statuses', `must have at most ${MOST_STATUSES} entries`);
  if (names.includes('TRANSACTION_STATUS_UNSPECIFIED')) return [];
  const statuses = names
    .slice(0, MOST_STATUSES)
    .flatMap((name, index) => violations.known(`statuses[${index}]`, name, statusesByName) ?? []);
  return [...new Set(statuses)];
}
