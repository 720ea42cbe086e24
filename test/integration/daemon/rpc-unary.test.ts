import type { TransactionApi } from '../../../src/coordinator/api';
import type { Branch, NewBranch } from '../../../src/engine/model';
import type { NewInstance } from '../../../src/journal/participants';
import { type ErrorCode, TccError } from '../../../src/lib/errors';
import { call, failureOf } from '../../support/raw-rpc';
import { type Fakes, type Harness, startServer, trying } from './rpc-harness';

let harness: Harness | undefined;
async function serve(fakes: Fakes): Promise<Harness> {
  harness = await startServer(fakes);
  return harness;
}
afterEach(async () => {
  await harness?.stop();
  harness = undefined;
});

const stored = (branch: NewBranch): Branch => ({
  ...branch,
  status: 'TRIED',
  tryReply: { data: Buffer.from('7'), contentType: 'application/json' },
  attempts: 0,
  refusals: 0,
  lastError: '',
  registeredAt: 1_000,
  triedAt: 1_100,
  finishedAt: undefined,
});
const stock = { branchId: 'stock', participant: 'inventory', action: 'deduct' };

test('Execute hands the transaction and the wait over and gives back how it went', async () => {
  const asked: Parameters<TransactionApi['execute']>[] = [];
  const { transactions } = await serve({
    transactions: {
      execute(...args) {
        asked.push(args);
        return Promise.resolve(trying(args[0].gid, { branches: args[0].branches.map(stored) }));
      },
    },
  });
  const payload = { data: Buffer.from('{}'), contentType: 'application/json' };
  const request = { gid: '', branches: [{ ...stock, payload }], wait: 'WAIT_DECIDED' as const };
  const { transaction } = await call<{ transaction: unknown }>((done) => transactions.execute(request, done));
  expect(asked[0]?.[0]).toMatchObject({ gid: 'made-here', mode: 'execute', branches: [{ ...stock, payload }] });
  expect(asked[0]?.[1]).toBe('decided');
  expect(transaction).toMatchObject({ gid: 'made-here', branches: [{ tryReply: { data: Buffer.from('7') } }] });
});

test('Begin, Try, RegisterBranch, Commit, Rollback and Get go where they belong', async () => {
  const asked: unknown[][] = [];
  const { transactions } = await serve({
    transactions: {
      begin: (asking) => (asked.push(['begin', asking.gid, asking.mode]), Promise.resolve(trying(asking.gid))),
      try: (gid, branch) => (
        asked.push(['try', gid, branch.branchId, branch.triedBy]),
        Promise.resolve({
          branch: stored(branch),
          status: 'CANCELLING',
          reason: { code: 'REFUSED', branchId: 'stock', message: 'no stock' },
        })
      ),
      registerBranch: (gid, branch) => (
        asked.push(['registerBranch', gid, branch.branchId, branch.triedBy]),
        Promise.resolve(stored(branch))
      ),
      commit: (gid, wait) => (asked.push(['commit', gid, wait]), Promise.resolve(trying(gid))),
      rollback: (gid, reason, wait) => (asked.push(['rollback', gid, reason, wait]), Promise.resolve(trying(gid))),
      get: (gid) => (asked.push(['get', gid]), Promise.resolve(trying(gid))),
    },
  });
  await call((done) => transactions.begin({ gid: 'a' }, done));
  const tried = await call((done) => transactions.try({ gid: 'b', branch: stock }, done));
  await call((done) => transactions.registerBranch({ gid: 'c', branch: stock }, done));
  await call((done) => transactions.commit({ gid: 'd' }, done));
  await call((done) => transactions.rollback({ gid: 'e', reason: 'changed my mind', wait: 'WAIT_ACCEPTED' }, done));
  await call((done) => transactions.get({ gid: 'f' }, done));
  expect(asked).toEqual([
    ['begin', 'a', 'interactive'],
    ['try', 'b', 'stock', 'coordinator'],
    ['registerBranch', 'c', 'stock', 'application'],
    ['commit', 'd', 'finished'],
    ['rollback', 'e', 'changed my mind', 'decided'],
    ['get', 'f'],
  ]);
  expect(tried).toMatchObject({
    branch: { branchId: 'stock', tryReply: { data: Buffer.from('7') } },
    transactionStatus: 'TRANSACTION_STATUS_CANCELLING',
    cancelReason: { code: 'CANCEL_CODE_REFUSED', message: 'no stock' },
  });
});

test('a bad request reaches nobody, and its violations reach the client', async () => {
  const { transactions } = await serve({});
  const branches = [stock, { ...stock, action: 'no/slash' }];
  const report = await failureOf((done) => transactions.execute({ gid: 'a b', branches, wait: 99 as never }, done));
  expect(report).toMatchObject({ status: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
  expect(report.violations.map(({ field }) => field)).toEqual([
    'gid',
    'branches[1].action',
    'branches[1].branch_id',
    'wait',
  ]);
});

test.each<[ErrorCode, string]>([
  ['TRANSACTION_NOT_FOUND', 'NOT_FOUND'],
  ['GID_TAKEN', 'ALREADY_EXISTS'],
  ['BRANCH_ID_TAKEN', 'ALREADY_EXISTS'],
  ['WRONG_STATE', 'FAILED_PRECONDITION'],
  ['BRANCH_NOT_TRIED', 'FAILED_PRECONDITION'],
  ['TOO_MANY_BRANCHES', 'FAILED_PRECONDITION'],
  ['TOO_MANY_OPEN_TRANSACTIONS', 'RESOURCE_EXHAUSTED'],
  ['TOO_MANY_INSTANCES', 'RESOURCE_EXHAUSTED'],
  ['JOURNAL_UNAVAILABLE', 'UNAVAILABLE'],
  ['DRAINING', 'UNAVAILABLE'],
  ['WAIT_ABANDONED', 'DEADLINE_EXCEEDED'],
])('%s arrives as %s with its reason and metadata', async (code, status) => {
  const { transactions } = await serve({
    transactions: { get: (gid) => Promise.reject(new TccError(code, 'in words', { metadata: { gid } })) },
  });
  expect(await failureOf((done) => transactions.get({ gid: 'order-1' }, done))).toMatchObject({
    status,
    reason: code,
    message: 'in words',
    metadata: { gid: 'order-1' },
  });
});

test.each<[ErrorCode, string]>([
  ['UNKNOWN_PARTICIPANT', 'branches[1].participant'],
  ['UNKNOWN_ACTION', 'branches[1].action'],
])('%s names the field', async (code, field) => {
  const metadata = { participant: 'payments', action: 'pay' };
  const { transactions } = await serve({
    transactions: { execute: () => Promise.reject(new TccError(code, 'not known', { metadata })) },
  });
  const branches = [stock, { branchId: 'money', participant: 'payments', action: 'pay' }];
  expect(await failureOf((done) => transactions.execute({ branches }, done))).toMatchObject({
    status: 'INVALID_ARGUMENT',
    reason: code,
    violations: [{ field, description: 'not known' }],
  });
});

test.each([
  ['an unexpected error', new Error('password=secret')],
  ['a broken invariant', new TccError('BROKEN_INVARIANT', 'password=secret')],
])('%s arrives as INTERNAL without a word of its text', async (_, error) => {
  const { transactions } = await serve({ transactions: { get: () => Promise.reject(error) } });
  const report = await failureOf((done) => transactions.get({ gid: 'order-1' }, done));
  expect(report.status).toBe('INTERNAL');
  expect(JSON.stringify(report)).not.toContain('secret');
});

test('a participant registers, renews, is listed and deregisters', async () => {
  const saved: [NewInstance, number][] = [];
  const gone: string[][] = [];
  const { registry } = await serve({
    registry: {
      register: (instance, lifetimeMs) => (saved.push([instance, lifetimeMs]), Promise.resolve()),
      deregister: (...names) => (gone.push(names), Promise.resolve()),
      list: () =>
        saved.map(([{ participant, instanceId, address, actions }, expiresAt]) => ({
          name: participant,
          actions,
          instances: [{ instanceId, address, expiresAt, live: true }],
        })),
    },
  });
  const methods = { try: '/s.S/Reserve', confirm: '/s.S/Use', cancel: '/s.S/Release' };
  const request = {
    participant: 'inventory',
    instanceId: 'i-1',
    address: 'stock:9000',
    actions: [{ name: 'deduct', methods, callTimeoutMs: 9, tryAttempts: 1 }, { name: 'add' }],
  };
  expect(await call((done) => registry.register(request, done))).toEqual({ lifetimeMs: 15_000 });
  expect(await call((done) => registry.listParticipants({}, done))).toEqual({
    participants: [
      {
        name: 'inventory',
        actions: [
          { name: 'deduct', methods, callTimeoutMs: 9, tryAttempts: 1 },
          { name: 'add', methods: null, callTimeoutMs: 0, tryAttempts: 0 },
        ],
        instances: [{ instanceId: 'i-1', address: 'stock:9000', expiresAtMs: 15_000, live: true }],
      },
    ],
  });
  await call((done) => registry.deregister({ participant: 'inventory', instanceId: 'i-1' }, done));
  expect(gone).toEqual([['inventory', 'i-1']]);
});

test('a bad registration is refused with its fields', async () => {
  const { registry } = await serve({});
  const report = await failureOf((done) => registry.register({ participant: 'inventory', lifetimeMs: 1 }, done));
  expect(report.violations.map(({ field }) => field)).toEqual(['instance_id', 'address', 'lifetime_ms', 'actions']);
});

test('GetTransaction tells attempts, timeline and worker', async () => {
  const attempt = {
    branchId: 'stock',
    phase: 'try',
    attempt: 1,
    code: 'UNAVAILABLE',
    message: '',
    atMs: 1_050,
  } as const;
  const { admin } = await serve({
    journal: {
      load: ([gid]) => Promise.resolve(new Map([['order-1', trying(gid ?? '')]])),
      attempts: () => Promise.resolve([attempt]),
    },
  });
  expect(await call((done) => admin.getTransaction({ gid: 'order-1' }, done))).toMatchObject({
    transaction: { gid: 'order-1' },
    attempts: [{ ...attempt, phase: 'PHASE_TRY' }],
    timeline: [{ atMs: 1_000 }, { atMs: 1_050, text: 'branch stock: Try failed (attempt 1): UNAVAILABLE' }],
    worker: 'fake',
  });
});

test('GetTransaction of an unknown gid is NOT_FOUND', async () => {
  const { admin } = await serve({
    journal: { load: () => Promise.resolve(new Map()), attempts: () => Promise.resolve([]) },
  });
  expect(await failureOf((done) => admin.getTransaction({ gid: 'constructor' }, done))).toMatchObject({
    status: 'NOT_FOUND',
    reason: 'TRANSACTION_NOT_FOUND',
    metadata: { gid: 'constructor' },
  });
});

test('ListTransactions pages to the end without a gap', async () => {
  const gids = ['e', 'd', 'c', 'b', 'a'];
  const { admin } = await serve({
    journal: {
      list: ({ beforeGid, limit }) =>
        Promise.resolve(
          gids
            .filter((gid) => beforeGid === undefined || gid < beforeGid)
            .slice(0, limit)
            .map((gid) => trying(gid)),
        ),
    },
  });
  const pages: string[][] = [];
  let pageToken = '';
  do {
    const page = await call<{ transactions: { gid: string }[]; nextPageToken: string }>((done) =>
      admin.listTransactions({ pageSize: 2, pageToken }, done),
    );
    pages.push(page.transactions.map(({ gid }) => gid));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(pages).toEqual([['e', 'd'], ['c', 'b'], ['a']]);
});

test('a full last page has no next one', async () => {
  const { admin } = await serve({ journal: { list: () => Promise.resolve([trying('b'), trying('a')]) } });
  expect(await call((done) => admin.listTransactions({ pageSize: 2 }, done))).toMatchObject({ nextPageToken: '' });
});

test('RetryTransaction asks the coordinator', async () => {
  const { admin } = await serve({ transactions: { retry: (gid) => Promise.resolve(trying(gid)) } });
  expect(await call((done) => admin.retryTransaction({ gid: 'order-1' }, done))).toMatchObject({
    transaction: { gid: 'order-1' },
  });
});
