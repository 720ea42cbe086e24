import { pageToken } from '../../../src/rpc/page-token';
import { readList } from '../../../src/rpc/validate-admin';
import type { ListTransactionsRequest__Output } from '../../../src/wire/generated/tcc/v1/ListTransactionsRequest';
import { fieldsOf, listRequest } from './requests';

const list = (changes: Partial<ListTransactionsRequest__Output>) => () => readList(listRequest(changes));

test('an empty request asks for the first 50 of all', () => {
  expect(readList(listRequest())).toEqual({
    filter: {
      statuses: [],
      name: undefined,
      participant: undefined,
      olderThanMs: undefined,
      parkedOnly: false,
      gidPrefix: undefined,
      minRounds: undefined,
    },
    page: { beforeGid: undefined, limit: 50 },
  });
});

test('every filter is read', () => {
  const request = listRequest({
    statuses: ['TRANSACTION_STATUS_TRYING', 'TRANSACTION_STATUS_CANCELLED', 'TRANSACTION_STATUS_TRYING'],
    name: 'place-order',
    participant: 'inventory',
    olderThanMs: 5,
    parked: true,
    pageSize: 7,
    gidPrefix: 'order-',
    minRounds: 3,
  });
  expect(readList(request)).toEqual({
    filter: {
      statuses: ['TRYING', 'CANCELLED'],
      name: 'place-order',
      participant: 'inventory',
      olderThanMs: 5,
      parkedOnly: true,
      gidPrefix: 'order-',
      minRounds: 3,
    },
    page: { beforeGid: undefined, limit: 7 },
  });
});

test('the unspecified status means any', () => {
  const statuses = ['TRANSACTION_STATUS_UNSPECIFIED', 'TRANSACTION_STATUS_TRYING'] as const;
  expect(readList(listRequest({ statuses: [...statuses] })).filter.statuses).toEqual([]);
});

test.each<[string, () => unknown, string[]]>([
  ['a page of 1,000', list({ pageSize: 1_000 }), []],
  ['a page of 1,001', list({ pageSize: 1_001 }), ['page_size']],
  ['an unknown status', list({ statuses: ['TRANSACTION_STATUS_TRYING', 42 as never] }), ['statuses[1]']],
  ['16 statuses', list({ statuses: Array<'TRANSACTION_STATUS_TRYING'>(16).fill('TRANSACTION_STATUS_TRYING') }), []],
  [
    '17 statuses',
    list({ statuses: Array<'TRANSACTION_STATUS_TRYING'>(17).fill('TRANSACTION_STATUS_TRYING') }),
    ['statuses'],
  ],
  ['a negative age', list({ olderThanMs: -1 }), ['older_than_ms']],
  ['an age beyond what a number holds', list({ olderThanMs: 2 ** 60 }), ['older_than_ms']],
  ['a prefix with a wildcard', list({ gidPrefix: 'order%' }), ['gid_prefix']],
  ['a name with NUL', list({ name: '\u0000' }), ['name']],
  ['all at once', list({ name: '%', participant: '%', pageSize: 1_001 }), ['name', 'participant', 'page_size']],
])('list and %s', (_, read, fields) => {
  expect(fieldsOf(read)).toEqual(fields);
});

test('a page token leads on from where it was made, whatever the page size', () => {
  const { filter } = readList(listRequest({ name: 'place-order' }));
  const token = pageToken('order-9', filter);
  const next = readList(listRequest({ name: 'place-order', pageSize: 3, pageToken: token }));
  expect(next.page).toEqual({ beforeGid: 'order-9', limit: 3 });
});

test('the order of statuses is no other filter', () => {
  const [one, two] = ['TRANSACTION_STATUS_TRYING', 'TRANSACTION_STATUS_CONFIRMED'] as const;
  const token = pageToken('order-9', readList(listRequest({ statuses: [one, two] })).filter);
  expect(fieldsOf(list({ statuses: [two, one], pageToken: token }))).toEqual([]);
});

test.each<[string, Partial<ListTransactionsRequest__Output>]>([
  ['name', { name: 'other' }],
  ['statuses', { statuses: ['TRANSACTION_STATUS_TRYING'] }],
  ['participant', { participant: 'payments' }],
  ['age', { olderThanMs: 1 }],
  ['parked', { parked: true }],
  ['prefix', { gidPrefix: 'o' }],
  ['rounds', { minRounds: 1 }],
])('a page token is refused with another %s', (_, changes) => {
  const token = pageToken('order-9', readList(listRequest()).filter);
  expect(fieldsOf(list({ ...changes, pageToken: token }))).toEqual(['page_token']);
});

test.each([
  ['no base64', '!!!'],
  ['no JSON', Buffer.from('order-9').toString('base64url')],
  ['a gid that is none', Buffer.from('["a b","x"]').toString('base64url')],
  ['null', Buffer.from('null').toString('base64url')],
  ['a very long text', 'A'.repeat(100_000)],
])('a page token of %s is refused', (_, token) => {
  expect(fieldsOf(list({ pageToken: token }))).toEqual(['page_token']);
});
