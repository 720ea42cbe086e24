import { Stop } from '../../../src/cli/io';
import { BEGAN_MS, deadAddress, failure, FakeCoordinator, silence, transaction } from '../sdk/client/fake-coordinator';
import { run } from './harness';

const stuck = transaction({
  status: 'TRANSACTION_STATUS_CONFIRMING',
  parked: true,
  finishedAtMs: 0,
  rounds: 3,
  branches: [
    {
      branchId: 'stock',
      participant: 'inventory',
      action: 'deduct',
      status: 'BRANCH_STATUS_TRIED',
      attempts: 2,
      lastError: 'UNAVAILABLE: connection\u001b[31m refused',
      registeredAtMs: BEGAN_MS,
      triedAtMs: BEGAN_MS + 10,
      tryReply: { data: Buffer.from('secret'), contentType: 'text/plain' },
    },
  ],
});

describe('tccctl', () => {
  let fake: FakeCoordinator;
  let at: string[];

  beforeEach(async () => {
    fake = await new FakeCoordinator().start();
    at = ['--address', fake.address];
    fake.on('GetTransaction', () => ({
      transaction: stuck,
      attempts: [
        {
          branchId: 'stock',
          phase: 'PHASE_CONFIRM',
          attempt: 2,
          code: 'UNAVAILABLE',
          message: 'connection refused',
          atMs: BEGAN_MS + 1_500,
        },
      ],
      timeline: [
        { atMs: BEGAN_MS, text: 'began' },
        { atMs: BEGAN_MS + 1_500, text: 'branch stock: Confirm failed', branchId: 'stock' },
      ],
      worker: 'host-1',
    }));
  });

  afterEach(() => fake.stop());

  describe('get', () => {
    it('prints the transaction, its branches, attempts and timeline without colour where there is no terminal', async () => {
      const { exitCode, stdout, stderr } = await run(['get', 'order-1', ...at]);
      expect(stdout).toBe(`Transaction order-1
  name       place-order
  status     CONFIRMING (parked)
  began      2026-01-02 03:04:05.678Z (5m ago)
  deadline   2026-01-02 03:04:35.678Z (4m30s ago)
  decided    2026-01-02 03:04:05.698Z (4m59s ago)
  finished   -
  next look  -
  rounds     3
  worker     host-1

Branches
  BRANCH  PARTICIPANT  ACTION  STATUS  ATTEMPTS  LAST ERROR
  stock   inventory    deduct  TRIED   2         UNAVAILABLE: connection [31m refused

Attempts that did not go well
  TIME                      BRANCH  PHASE    ATTEMPT  CODE         MESSAGE
  2026-01-02 03:04:07.178Z  stock   confirm  2        UNAVAILABLE  connection refused

Timeline
  TIME                      AFTER  WHAT
  2026-01-02 03:04:05.678Z  +0ms   began
  2026-01-02 03:04:07.178Z  +1s    branch stock: Confirm failed
`);
      expect(stderr).toContain('tccctl retry order-1');
      expect(exitCode).toBe(0);
      expect(fake.seen('GetTransaction')).toEqual([{ gid: 'order-1' }]);
    });

    it('prints a stable JSON object, without payloads', async () => {
      const { stdout, stderr } = await run(['get', 'order-1', '-o', 'json', ...at]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({
        transaction: {
          gid: 'order-1',
          name: 'place-order',
          status: 'CONFIRMING',
          parked: true,
          cancelReason: null,
          createdAt: '2026-01-02T03:04:05.678Z',
          createdAtMs: BEGAN_MS,
          deadlineAt: '2026-01-02T03:04:35.678Z',
          deadlineAtMs: BEGAN_MS + 30_000,
          decidedAt: '2026-01-02T03:04:05.698Z',
          decidedAtMs: BEGAN_MS + 20,
          finishedAt: null,
          finishedAtMs: null,
          dueAt: null,
          dueAtMs: null,
          rounds: 3,
          branches: [
            {
              branchId: 'stock',
              participant: 'inventory',
              action: 'deduct',
              status: 'TRIED',
              attempts: 2,
              lastError: 'UNAVAILABLE: connection\u001b[31m refused',
              registeredAt: '2026-01-02T03:04:05.678Z',
              registeredAtMs: BEGAN_MS,
              triedAt: '2026-01-02T03:04:05.688Z',
              triedAtMs: BEGAN_MS + 10,
              finishedAt: null,
              finishedAtMs: null,
            },
          ],
        },
        attempts: [
          {
            at: '2026-01-02T03:04:07.178Z',
            atMs: BEGAN_MS + 1_500,
            branchId: 'stock',
            phase: 'confirm',
            attempt: 2,
            code: 'UNAVAILABLE',
            message: 'connection refused',
          },
        ],
        timeline: [
          { at: '2026-01-02T03:04:05.678Z', atMs: BEGAN_MS, branchId: null, text: 'began' },
          {
            at: '2026-01-02T03:04:07.178Z',
            atMs: BEGAN_MS + 1_500,
            branchId: 'stock',
            text: 'branch stock: Confirm failed',
          },
        ],
        worker: 'host-1',
      });
    });

    it('colours for a terminal, unless NO_COLOR is set', async () => {
      const colored = await run(['get', 'order-1', ...at], { isTTY: true });
      expect(colored.stdout).toContain('\u001b[36mCONFIRMING\u001b[39m');
      const plain = await run(['get', 'order-1', ...at], { isTTY: true, env: { NO_COLOR: '1' } });
      expect(plain.stdout).not.toContain('\u001b');
    });

    it('an unknown gid exits with 3 and says how to look for it', async () => {
      fake.on('GetTransaction', () => failure('TRANSACTION_NOT_FOUND'));
      const { exitCode, stdout, stderr } = await run(['get', 'x', ...at]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
      expect(stderr).toBe(
        "tccctl: no transaction has the gid 'x'. Look for it with: tccctl list --gid-prefix PREFIX\n",
      );
    });
  });

  describe('list', () => {
    const open = transaction({ gid: 'b', status: 'TRANSACTION_STATUS_CONFIRMING', dueAtMs: BEGAN_MS + 305_000 });
    const refused = transaction({
      gid: 'a',
      name: '',
      status: 'TRANSACTION_STATUS_CANCELLED',
      cancelReason: { code: 'CANCEL_CODE_REFUSED', branchId: 'stock', message: 'no stock' },
    });

    it('sends every filter', async () => {
      fake.on('ListTransactions', () => ({ transactions: [] }));
      const filters =
        'list --status open,confirmed --name n --participant p --older-than 10m --parked --min-rounds 2 ' +
        '--gid-prefix order- --page-size 7 --page-token t';
      const { exitCode, stdout, stderr } = await run([...filters.split(' '), ...at]);
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: 'No transaction matches.\n' });
      expect(fake.seen('ListTransactions')).toEqual([
        {
          statuses: ['TRYING', 'CONFIRMING', 'CANCELLING', 'CONFIRMED'].map((name) => `TRANSACTION_STATUS_${name}`),
          name: 'n',
          participant: 'p',
          olderThanMs: 600_000,
          parked: true,
          minRounds: 2,
          gidPrefix: 'order-',
          pageSize: 7,
          pageToken: 't',
        },
      ]);
    });

    it('prints a line each, and the way to the next page on stderr', async () => {
      fake.on('ListTransactions', () => ({ transactions: [open, refused], nextPageToken: 'next' }));
      const { stdout, stderr } = await run(['list', ...at]);
      expect(stdout).toBe(`GID  NAME         STATUS      AGE  ROUNDS  NEXT LOOK  REASON
b    place-order  CONFIRMING  5m   0       in 5s      -
a    -            CANCELLED   5m   0       -          REFUSED by stock: no stock
`);
      expect(stderr).toContain('--page-token next');
    });

    it('prints JSON with the token of the next page', async () => {
      fake.on('ListTransactions', () => ({ transactions: [refused], nextPageToken: 'next' }));
      const { stdout, stderr } = await run(['list', '-o', 'json', ...at]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({
        transactions: [{ gid: 'a', cancelReason: { code: 'REFUSED', branchId: 'stock', message: 'no stock' } }],
        nextPageToken: 'next',
      });
    });

    it('prints an empty list as a list', async () => {
      fake.on('ListTransactions', () => ({}));
      const { stdout } = await run(['list', ...at], { env: { TCCCTL_OUTPUT: 'json' } });
      expect(JSON.parse(stdout)).toEqual({ transactions: [], nextPageToken: null });
    });

    it('--all asks for page after page', async () => {
      fake.on('ListTransactions', ({ pageToken }) =>
        pageToken === '' ? { transactions: [open], nextPageToken: 'next' } : { transactions: [refused] },
      );
      const { stdout, stderr } = await run(['list', '--all', ...at]);
      expect(stdout.split('\n')).toHaveLength(4);
      expect(stderr).toBe('');
      expect(fake.seen('ListTransactions')).toMatchObject([
        { pageSize: 1_000, pageToken: '' },
        { pageSize: 1_000, pageToken: 'next' },
      ]);
    });

    it('a request that the coordinator refuses exits with 1 and lists what is wrong', async () => {
      fake.on('ListTransactions', () => {
        const violations = [{ field: 'page_token', description: 'belongs to other filters' }];
        return Object.assign(failure('INVALID_REQUEST', 'the request is invalid'), { violations });
      });
      const { exitCode, stderr } = await run(['list', '--page-token', 'x', ...at]);
      expect(exitCode).toBe(1);
      expect(stderr).toBe('tccctl: INVALID_REQUEST: the request is invalid\n  page_token: belongs to other filters\n');
    });
  });

  describe('watch', () => {
    beforeEach(() => {
      fake.on('Watch', () => [
        { transaction: stuck },
        { transaction: transaction({ branches: [{ branchId: 'stock', status: 'BRANCH_STATUS_CONFIRMED' }] }) },
      ]);
    });

    it('prints a line for each state', async () => {
      const { exitCode, stdout } = await run(['watch', 'order-1', ...at]);
      expect(exitCode).toBe(0);
      expect(stdout).toBe(`2026-01-02 03:09:05.678Z  CONFIRMING (parked)  stock=TRIED
2026-01-02 03:09:05.678Z  CONFIRMED  stock=CONFIRMED
`);
    });

    it('prints one JSON object per line', async () => {
      const { stdout } = await run(['watch', 'order-1', '-o', 'json', ...at]);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { status: string }).status)).toEqual(['CONFIRMING', 'CONFIRMED']);
    });

    it('an interrupt ends it with 130 and no error text', async () => {
      fake.on('Watch', () => [{ transaction: stuck }, silence]);
      const controller = new AbortController();
      const interrupt = () => controller.abort(new Stop('interrupted', 130));
      const { exitCode, stderr } = await run(['watch', 'order-1', ...at], {
        signal: controller.signal,
        onStdout: interrupt,
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: '' });
    });

    it('a reader that goes away ends it with 0 and no error text', async () => {
      fake.on('Watch', () => [{ transaction: stuck }, silence]);
      const controller = new AbortController();
      const { exitCode, stderr } = await run(['watch', 'order-1', ...at], {
        signal: controller.signal,
        onStdout: () => controller.abort(new Stop('nobody reads the output', 0)),
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    });
  });

  describe('retry', () => {
    it('prints the transaction that is due now', async () => {
      fake.on('RetryTransaction', () => ({ transaction: { ...stuck, parked: false, dueAtMs: BEGAN_MS + 300_000 } }));
      const { exitCode, stdout, stderr } = await run(['retry', 'order-1', ...at]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('order-1  place-order  CONFIRMING  5m   3       0ms ago');
      expect(stderr).toContain('tccctl watch order-1');
      const json = await run(['retry', 'order-1', '-o', 'json', ...at]);
      expect(JSON.parse(json.stdout)).toMatchObject({ transaction: { gid: 'order-1', parked: false } });
    });

    it('a finished transaction exits with 1 and says so', async () => {
      fake.on('RetryTransaction', () => failure('WRONG_STATE', 'terminal', { status: 'CONFIRMED' }));
      const { exitCode, stderr } = await run(['retry', 'order-1', ...at]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("transaction 'order-1' is CONFIRMED");
    });
  });

  describe('participants', () => {
    it('prints a line per instance', async () => {
      fake.on('ListParticipants', () => ({
        participants: [
          {
            name: 'inventory',
            actions: [{ name: 'deduct', callTimeoutMs: 500 }, { name: 'add' }],
            instances: [
              { instanceId: 'i-1', address: '10.0.0.1:7000', expiresAtMs: BEGAN_MS + 310_000, live: true },
              { instanceId: 'i-2', address: '10.0.0.2:7000', expiresAtMs: BEGAN_MS, live: false },
            ],
          },
        ],
      }));
      const { stdout } = await run(['participants', ...at]);
      expect(stdout).toBe(`PARTICIPANT  INSTANCE  ADDRESS        STATE    EXPIRES  ACTIONS
inventory    i-1       10.0.0.1:7000  live     in 10s   deduct, add
inventory    i-2       10.0.0.2:7000  expired  5m ago   deduct, add
`);
      const { stdout: json } = await run(['participants', '-o', 'json', ...at]);
      expect(JSON.parse(json)).toMatchObject({
        participants: [
          {
            name: 'inventory',
            actions: [{ name: 'deduct', callTimeoutMs: 500, tryAttempts: null, methods: null }, { name: 'add' }],
            instances: [{ instanceId: 'i-1', live: true, expiresAtMs: BEGAN_MS + 310_000 }, { instanceId: 'i-2' }],
          },
        ],
      });
    });

    it('says so when there is none', async () => {
      fake.on('ListParticipants', () => ({}));
      const { exitCode, stdout, stderr } = await run(['participants', ...at]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
      expect(stderr).toContain('No participant has registered');
    });
  });

  it('tries the addresses of TCC_ADDRESS in turn', async () => {
    const address = `${await deadAddress()},${fake.address}`;
    const { exitCode } = await run(['get', 'order-1'], { env: { TCC_ADDRESS: address } });
    expect(exitCode).toBe(0);
  });

  it('exits with 4 and says what to do when no coordinator answers', async () => {
    const dead = await deadAddress();
    const { exitCode, stderr } = await run(['get', 'order-1', '--address', dead, '--timeout', '200ms']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain(`no answer came within 200 ms from ${dead}`);
    expect(stderr).toContain('Is tccd running there? Name other coordinators with --address or TCC_ADDRESS');
  });
});
