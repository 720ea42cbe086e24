import { timeline } from '../../../src/rpc/timeline';
import type { StoredAttempt } from '../../../src/journal/journal';
import { branch, reason, transaction } from './transactions';

const attempt = (changes: Partial<StoredAttempt>): StoredAttempt => ({
  branchId: 'stock',
  phase: 'confirm',
  attempt: 1,
  code: 'UNAVAILABLE',
  message: 'connection refused',
  atMs: 1_250,
  ...changes,
});
const texts = (...args: Parameters<typeof timeline>) => timeline(...args).map(({ atMs, text }) => `${atMs} ${text}`);

test('a new transaction began and registered its branches', () => {
  expect(timeline(transaction({ status: 'TRYING' }), [])).toEqual([
    { atMs: 1_000, text: 'began (execute, parallel Try), deadline in 30000 ms', branchId: '' },
    { atMs: 1_000, text: 'branch stock: registered (inventory/deduct)', branchId: 'stock' },
  ]);
});

test('a confirmed one tells its whole story in order, and why it took long', () => {
  const confirmed = transaction(
    { status: 'CONFIRMED', decidedAt: 1_200, finishedAt: 9_000 },
    {
      rounds: 2,
      branches: [
        branch({ status: 'CONFIRMED', triedAt: 1_100, finishedAt: 9_000 }),
        branch({
          branchId: 'money',
          participant: 'payments',
          action: 'pay',
          status: 'CONFIRMED',
          triedAt: 1_200,
          finishedAt: 1_300,
        }),
      ],
    },
  );
  const attempts = [
    attempt({ attempt: 2, atMs: 2_000 }),
    attempt({ attempt: 1, atMs: 1_250 }),
    attempt({ attempt: 3, atMs: 9_000, code: 'REPEAT', message: '' }),
  ];
  expect(texts(confirmed, attempts)).toEqual([
    '1000 began (execute, parallel Try), deadline in 30000 ms',
    '1000 branch stock: registered (inventory/deduct)',
    '1000 branch money: registered (payments/pay)',
    '1100 branch stock: Try done',
    '1200 branch money: Try done',
    '1200 decided to confirm',
    '1250 branch stock: Confirm failed (attempt 1): UNAVAILABLE: connection refused',
    '1300 branch money: Confirm done',
    '2000 branch stock: Confirm failed (attempt 2): UNAVAILABLE: connection refused',
    '9000 branch stock: Confirm (attempt 3) was a repeat: it had taken effect before',
    '9000 branch stock: Confirm done',
    '9000 finished: CONFIRMED, after 2 unfinished rounds',
  ]);
});

test('a refusal comes before the decision that it caused, whose reason is told', () => {
  const cancelled = transaction(
    { status: 'CANCELLED', decidedAt: 1_200, finishedAt: 1_300, reason },
    { mode: 'interactive', branches: [branch({ status: 'CANCELLED', finishedAt: 1_300 })] },
  );
  const refused = attempt({ phase: 'try', code: 'ABORTED', message: 'no stock', atMs: 1_200 });
  const empty = attempt({ phase: 'cancel', code: 'EMPTY_ROLLBACK', message: '', atMs: 1_300 });
  expect(texts(cancelled, [refused, empty])).toEqual([
    '1000 began (interactive), deadline in 30000 ms',
    '1000 branch stock: registered (inventory/deduct)',
    '1200 branch stock: Try failed (attempt 1): ABORTED: no stock',
    '1200 decided to cancel: REFUSED by branch stock: no stock',
    '1300 branch stock: Cancel (attempt 1) was an empty rollback: no Try had taken effect',
    '1300 branch stock: Cancel done',
    '1300 finished: CANCELLED',
  ]);
});

test('a reason without branch and words is one word', () => {
  const state = {
    status: 'CANCELLING',
    decidedAt: 1_200,
    parked: false,
    reason: { code: 'TIMED_OUT', branchId: '', message: '' },
  } as const;
  expect(texts(transaction(state), []).at(-1)).toBe('1200 decided to cancel: TIMED_OUT');
});

test('a late Try that the fence refused is told as that', () => {
  const hanging = attempt({ phase: 'try', code: 'HANGING_REFUSED', message: '', atMs: 1_400 });
  expect(texts(transaction({ status: 'TRYING' }), [hanging]).at(-1)).toBe(
    '1400 branch stock: Try (attempt 1) was refused by the fence: it came after its Cancel',
  );
});

test('a code that is also a property of every object is no fence outcome', () => {
  const odd = attempt({ code: '__proto__', message: '' });
  expect(texts(transaction({ status: 'TRYING' }), [odd]).at(-1)).toMatch(/failed \(attempt 1\): __proto__$/);
});

test('parked is the last thing that happened', () => {
  const parked = transaction({ status: 'CONFIRMING', decidedAt: 1_200, parked: true });
  expect(texts(parked, [attempt({ code: 'ABORTED', message: 'no', atMs: 5_000 })]).at(-1)).toBe(
    '5000 parked: waits for an operator to retry it',
  );
});
