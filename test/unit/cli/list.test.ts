import { BEGAN_MS, failure, transaction } from '../sdk/client/fake-coordinator';
import { run } from './harness';
import { eachWithStuckCoordinator } from './stuck';

describe('tccctl', () => {
  const tccd = eachWithStuckCoordinator();

  describe('list', () => {
    const open = transaction({ gid: 'b', status: 'TRANSACTION_STATUS_CONFIRMING', dueAtMs: BEGAN_MS + 305_000 });
    const refused = transaction({
      gid: 'a',
      name: '',
      status: 'TRANSACTION_STATUS_CANCELLED',
      cancelReason: { code: 'CANCEL_CODE_REFUSED', branchId: 'stock', message: 'no stock' },
    });

    it('sends every filter', async () => {
      tccd.fake.on('ListTransactions', () => ({ transactions: [] }));
      const filters =
        'list --status open,confirmed --name n --participant p --older-than 10m --parked --min-rounds 2 ' +
        '--gid-prefix order- --page-size 7 --page-token t';
      const { exitCode, stdout, stderr } = await run([...filters.split(' '), ...tccd.at]);
      expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: '', stderr: 'No transaction matches.\n' });
      expect(tccd.fake.seen('ListTransactions')).toEqual([
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
      tccd.fake.on('ListTransactions', () => ({ transactions: [open, refused], nextPageToken: 'next' }));
      const { stdout, stderr } = await run(['list', ...tccd.at]);
      expect(stdout).toBe(`GID  NAME         STATUS      AGE  ROUNDS  NEXT LOOK  REASON
b    place-order  CONFIRMING  5m   0       in 5s      -
a    -            CANCELLED   5m   0       -          REFUSED by stock: no stock
`);
      expect(stderr).toContain('--page-token next');
    });

    it('prints JSON with the token of the next page', async () => {
      tccd.fake.on('ListTransactions', () => ({ transactions: [refused], nextPageToken: 'next' }));
      const { stdout, stderr } = await run(['list', '-o', 'json', ...tccd.at]);
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toMatchObject({
        transactions: [{ gid: 'a', cancelReason: { code: 'REFUSED', branchId: 'stock', message: 'no stock' } }],
        nextPageToken: 'next',
      });
    });

    it('prints an empty list as a list', async () => {
      tccd.fake.on('ListTransactions', () => ({}));
      const { stdout } = await run(['list', ...tccd.at], { env: { TCCCTL_OUTPUT: 'json' } });
      expect(JSON.parse(stdout)).toEqual({ transactions: [], nextPageToken: null });
    });

    it('--all asks for page after page', async () => {
      tccd.fake.on('ListTransactions', ({ pageToken }) =>
        pageToken === '' ? { transactions: [open], nextPageToken: 'next' } : { transactions: [refused] },
      );
      const { stdout, stderr } = await run(['list', '--all', ...tccd.at]);
      expect(stdout.split('\n')).toHaveLength(4);
      expect(stderr).toBe('');
      expect(tccd.fake.seen('ListTransactions')).toMatchObject([
        { pageSize: 1_000, pageToken: '' },
        { pageSize: 1_000, pageToken: 'next' },
      ]);
    });

    it('a request that the coordinator refuses exits with 1 and lists what is wrong', async () => {
      tccd.fake.on('ListTransactions', () => {
        const violations = [{ field: 'page_token', description: 'belongs to other filters' }];
        return Object.assign(failure('INVALID_REQUEST', 'the request is invalid'), { violations });
      });
      const { exitCode, stderr } = await run(['list', '--page-token', 'x', ...tccd.at]);
      expect(exitCode).toBe(1);
      expect(stderr).toBe('tccctl: INVALID_REQUEST: the request is invalid\n  page_token: belongs to other filters\n');
    });
  });
});
