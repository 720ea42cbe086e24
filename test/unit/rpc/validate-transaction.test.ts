import {
  readBegin,
  readBranch,
  readCommit,
  readExecute,
  readGid,
  readRollback,
} from '../../../src/rpc/validate-transaction';
import type { ExecuteRequest__Output } from '../../../src/wire/generated/tcc/v1/ExecuteRequest';
import type { NewBranch__Output } from '../../../src/wire/generated/tcc/v1/NewBranch';
import { branchRequest, executeRequest, fieldsOf, limits, violationsOf } from './requests';

const newGid = () => 'made-here';
const execute = (changes: Partial<ExecuteRequest__Output>) => () =>
  readExecute(executeRequest(changes), limits, newGid);
const oneBranch = (changes: Partial<NewBranch__Output>) => execute({ branches: [branchRequest(changes)] });
const payload = (bytes: number, contentType = '') => ({ data: Buffer.alloc(bytes), contentType });
const branches = (count: number) =>
  Array.from({ length: count }, (_, index) => branchRequest({ branchId: `branch-${index}` }));

test.each<[string, () => unknown, string[]]>([
  ['a gid of 64 characters is taken', execute({ gid: 'g'.repeat(64) }), []],
  ['a gid of 65 characters is refused', execute({ gid: 'g'.repeat(65) }), ['gid']],
  ['an empty gid is taken', execute({ gid: '' }), []],
  ['a gid with a space is refused', execute({ gid: 'order 1' }), ['gid']],
  ['a gid with NUL is refused', execute({ gid: 'order\u0000' }), ['gid']],
  ['a gid with a line break at its end is refused', execute({ gid: 'order-1\n' }), ['gid']],
  ['a gid beyond ASCII is refused', execute({ gid: 'bestellung-é' }), ['gid']],
  ['a gid named __proto__ is a gid', execute({ gid: '__proto__' }), []],
  ['an empty name is taken', execute({ name: '' }), []],
  ['a name of 65 characters is refused', execute({ name: 'n'.repeat(65) }), ['name']],
  ['as many branches as are allowed are taken', execute({ branches: branches(4) }), []],
  ['one branch more is refused', execute({ branches: branches(5) }), ['branches']],
  ['no branch at all is refused', execute({ branches: [] }), ['branches']],
  ['an empty branch_id is refused', oneBranch({ branchId: '' }), ['branches[0].branch_id']],
  ['an empty participant is refused', oneBranch({ participant: '' }), ['branches[0].participant']],
  ['an action of 65 characters is refused', oneBranch({ action: 'a'.repeat(65) }), ['branches[0].action']],
  ['a payload at the limit is taken', oneBranch({ payload: payload(16) }), []],
  ['a payload of one byte more is refused', oneBranch({ payload: payload(17) }), ['branches[0].payload.data']],
  ['a content type of 64 characters is taken', oneBranch({ payload: payload(0, 'c'.repeat(64)) }), []],
  [
    'a content type of 65 characters is refused',
    oneBranch({ payload: payload(0, 'c'.repeat(65)) }),
    ['branches[0].payload.content_type'],
  ],
  [
    'a content type with a line break is refused',
    oneBranch({ payload: payload(0, 'text/plain\r\nx: y') }),
    ['branches[0].payload.content_type'],
  ],
  ['a timeout at the limit is taken', execute({ timeoutMs: 60_000 }), []],
  ['a timeout of one millisecond is taken', execute({ timeoutMs: 1 }), []],
  ['a timeout beyond the limit is refused', execute({ timeoutMs: 60_001 }), ['timeout_ms']],
  ['an unknown try order is refused', execute({ tryOrder: 7 as never }), ['try_order']],
  ['an unknown wait is refused', execute({ wait: 99 as never }), ['wait']],
])('execute: %s', (_, read, fields) => {
  expect(fieldsOf(read)).toEqual(fields);
});

test('everything that is wrong is told at once, by path', () => {
  const read = execute({
    gid: 'no spaces',
    name: '!',
    wait: 9 as never,
    timeoutMs: 60_001,
    branches: [
      branchRequest(),
      branchRequest({ participant: '', payload: payload(17, '\u0000') }),
      branchRequest({ branchId: 'stock\u0000' }),
    ],
  });
  expect(fieldsOf(read)).toEqual([
    'gid',
    'name',
    'timeout_ms',
    'branches[1].participant',
    'branches[1].payload.data',
    'branches[1].payload.content_type',
    'branches[1].branch_id',
    'branches[2].branch_id',
    'wait',
  ]);
});

test('a repeated branch_id names the branch that has it, also when it is __proto__', () => {
  const read = execute({
    branches: [branchRequest({ branchId: '__proto__' }), branchRequest({ branchId: '__proto__' })],
  });
  expect(violationsOf(read)).toEqual([
    { field: 'branches[1].branch_id', description: 'is the same as branches[0].branch_id' },
  ]);
});

test('a flood of bad branches is answered with few violations', () => {
  const flood = execute({ branches: Array.from({ length: 100_000 }, () => branchRequest({ branchId: '' })) });
  expect(violationsOf(flood).length).toBeLessThan(20);
});

test('execute takes the defaults where nothing is said', () => {
  expect(readExecute(executeRequest({ gid: '' }), limits, newGid)).toEqual({
    transaction: {
      gid: 'made-here',
      name: 'place-order',
      mode: 'execute',
      tryOrder: 'parallel',
      timeoutMs: 30_000,
      branches: [
        {
          branchId: 'stock',
          participant: 'inventory',
          action: 'deduct',
          payload: { data: new Uint8Array(0), contentType: '' },
          triedBy: 'coordinator',
        },
      ],
    },
    wait: 'finished',
  });
});

test('execute takes what is said', () => {
  const request = executeRequest({ tryOrder: 'TRY_ORDER_SEQUENTIAL', wait: 'WAIT_ACCEPTED', timeoutMs: 5 });
  const { transaction, wait } = readExecute(request, limits, newGid);
  expect([transaction.tryOrder, transaction.timeoutMs, wait]).toEqual(['sequential', 5, 'accepted']);
});

test('begin makes an interactive transaction without branches', () => {
  expect(readBegin({ gid: '', name: '', timeoutMs: 0 }, limits, newGid)).toEqual({
    gid: 'made-here',
    name: '',
    mode: 'interactive',
    tryOrder: 'parallel',
    timeoutMs: 30_000,
    branches: [],
  });
  expect(fieldsOf(() => readBegin({ gid: '?', name: '?', timeoutMs: 60_001 }, limits, newGid))).toEqual([
    'gid',
    'name',
    'timeout_ms',
  ]);
});

test('a branch is required, and its faults are told with those of the gid', () => {
  expect(fieldsOf(() => readBranch({ gid: '', branch: null }, limits, 'coordinator'))).toEqual(['gid', 'branch']);
  const branch = branchRequest({ branchId: '', payload: payload(17) });
  expect(fieldsOf(() => readBranch({ gid: 'g', branch }, limits, 'application'))).toEqual([
    'branch.branch_id',
    'branch.payload.data',
  ]);
});

test('a branch keeps who tries it', () => {
  expect(readBranch({ gid: 'g', branch: branchRequest() }, limits, 'application').branch.triedBy).toBe('application');
});

test('commit and rollback wait for the decision at least', () => {
  expect(readCommit({ gid: 'g', wait: 'WAIT_ACCEPTED' }).wait).toBe('decided');
  expect(readRollback({ gid: 'g', wait: 'WAIT_ACCEPTED', reason: '' }).wait).toBe('decided');
  expect(readCommit({ gid: 'g', wait: 'WAIT_UNSPECIFIED' }).wait).toBe('finished');
});

test('commit tells all its faults', () => {
  expect(fieldsOf(() => readCommit({ gid: '', wait: 4 }))).toEqual(['gid', 'wait']);
});

test.each<[string, string, string[]]>([
  ['512 characters are taken', 'r'.repeat(512), []],
  ['513 characters are refused', 'r'.repeat(513), ['reason']],
  ['NUL is refused', 'a\u0000b', ['reason']],
  ['an escape sequence is refused', '\u001b[2J', ['reason']],
  ['words of any language and line breaks are taken', '不要了\nthanks', []],
])('the reason of a rollback: %s', (_, reason, fields) => {
  expect(fieldsOf(() => readRollback({ gid: 'g', wait: 'WAIT_DECIDED', reason }))).toEqual(fields);
});

test('a gid that names a transaction may not be empty', () => {
  expect(fieldsOf(() => readGid({ gid: '' }))).toEqual(['gid']);
  expect(readGid({ gid: 'constructor' })).toBe('constructor');
});
