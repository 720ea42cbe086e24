import { attemptMessage, transactionMessage } from '../../../src/rpc/convert';
import type {
  GetTransactionResponse,
  GetTransactionResponse__Output,
} from '../../../src/wire/generated/tcc/v1/GetTransactionResponse';
import { tccV1 } from '../../../src/wire/proto';
import { branch, reason, states, transaction } from './transactions';

const method = tccV1.AdminService.service.GetTransaction;

/** What a client gets. */
function travelled(response: GetTransactionResponse): GetTransactionResponse__Output {
  return method.responseDeserialize(method.responseSerialize(response));
}

const shown = (...args: Parameters<typeof transactionMessage>) =>
  travelled({ transaction: transactionMessage(...args) }).transaction;

test.each([
  [
    'TRYING',
    { status: 'TRANSACTION_STATUS_TRYING', parked: false, cancelReason: null, decidedAtMs: 0, finishedAtMs: 0 },
  ],
  [
    'CONFIRMING',
    { status: 'TRANSACTION_STATUS_CONFIRMING', parked: true, cancelReason: null, decidedAtMs: 1_200, finishedAtMs: 0 },
  ],
  [
    'CONFIRMED',
    {
      status: 'TRANSACTION_STATUS_CONFIRMED',
      parked: false,
      cancelReason: null,
      decidedAtMs: 1_200,
      finishedAtMs: 1_300,
    },
  ],
  [
    'CANCELLING',
    {
      status: 'TRANSACTION_STATUS_CANCELLING',
      parked: false,
      cancelReason: { ...reason, code: 'CANCEL_CODE_REFUSED' },
      decidedAtMs: 1_200,
      finishedAtMs: 0,
    },
  ],
  [
    'CANCELLED',
    {
      status: 'TRANSACTION_STATUS_CANCELLED',
      parked: false,
      cancelReason: { ...reason, code: 'CANCEL_CODE_REFUSED' },
      decidedAtMs: 1_200,
      finishedAtMs: 1_300,
    },
  ],
])('a %s transaction arrives as it stands', (status, expected) => {
  const state = states[status];
  if (state === undefined) throw new Error(`no state ${status}`);
  expect(shown(transaction(state, { rounds: 3 }), 64)).toMatchObject({
    ...expected,
    gid: 'order-1',
    name: 'place-order',
    createdAtMs: 1_000,
    deadlineAtMs: 31_000,
    dueAtMs: 6_000,
    rounds: 3,
  });
});

test('a transaction that nobody must look at is due at 0', () => {
  expect(shown(transaction({ status: 'TRYING' }, { dueAt: undefined }), 64)?.dueAtMs).toBe(0);
});

test('epoch milliseconds of this century arrive unharmed', () => {
  const atMs = 4_102_444_799_999;
  expect(shown(transaction({ status: 'TRYING' }, { createdAt: atMs }), 64)?.createdAtMs).toBe(atMs);
});

test('a branch arrives with its reply and its times', () => {
  const tried = branch({
    status: 'TRIED',
    tryReply: { data: Buffer.from('{"price":3}'), contentType: 'application/json' },
    attempts: 2,
    lastError: 'UNAVAILABLE: gone',
    triedAt: 1_100,
    finishedAt: 1_300,
  });
  expect(shown(transaction({ status: 'TRYING' }, { branches: [tried] }), 64)?.branches).toEqual([
    {
      branchId: 'stock',
      participant: 'inventory',
      action: 'deduct',
      status: 'BRANCH_STATUS_TRIED',
      tryReply: { data: Buffer.from('{"price":3}'), contentType: 'application/json' },
      attempts: 2,
      lastError: 'UNAVAILABLE: gone',
      registeredAtMs: 1_000,
      triedAtMs: 1_100,
      finishedAtMs: 1_300,
    },
  ]);
});

test.each(['REGISTERED', 'TRIED', 'REFUSED', 'UNKNOWN', 'CONFIRMED', 'CANCELLED'] as const)(
  'a %s branch arrives by that name',
  (status) => {
    const [arrived] = shown(transaction({ status: 'TRYING' }, { branches: [branch({ status })] }), 64)?.branches ?? [];
    expect(arrived?.status).toBe(`BRANCH_STATUS_${status}`);
    expect(arrived?.tryReply).toBeNull();
  },
);

test('replies beyond what a response carries are left out, the others stay', () => {
  const replying = (branchId: string, bytes: number) =>
    branch({ branchId, tryReply: { data: Buffer.alloc(bytes), contentType: '' } });
  const branches = [replying('a', 40), replying('b', 24), replying('c', 1), replying('d', 0)];
  const arrived = shown(transaction({ status: 'TRYING' }, { branches }), 64)?.branches ?? [];
  expect(arrived.map(({ tryReply }) => tryReply?.data.length)).toEqual([40, 24, undefined, 0]);
});

test('an attempt arrives as it was recorded', () => {
  const attempt = {
    branchId: 'stock',
    phase: 'confirm',
    attempt: 2,
    code: 'UNAVAILABLE',
    message: 'refused',
    atMs: 1_250,
  } as const;
  const { attempts } = travelled({ attempts: [attemptMessage(attempt)] });
  expect(attempts).toEqual([{ ...attempt, phase: 'PHASE_CONFIRM' }]);
});
