import { BEGAN_MS, failure } from '../sdk/client/fake-coordinator';
import { run } from './harness';
import { eachWithStuckCoordinator } from './stuck';

describe('tccctl', () => {
  const tccd = eachWithStuckCoordinator();

  describe('get', () => {
    it('prints the transaction, its branches, attempts and timeline without colour where there is no terminal', async () => {
      const { exitCode, stdout, stderr } = await run(['get', 'order-1', ...tccd.at]);
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
      expect(tccd.fake.seen('GetTransaction')).toEqual([{ gid: 'order-1' }]);
    });

    it('prints a stable JSON object, without payloads', async () => {
      const { stdout, stderr } = await run(['get', 'order-1', '-o', 'json', ...tccd.at]);
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
      const colored = await run(['get', 'order-1', ...tccd.at], { isTTY: true });
      expect(colored.stdout).toContain('\u001b[36mCONFIRMING\u001b[39m');
      const plain = await run(['get', 'order-1', ...tccd.at], { isTTY: true, env: { NO_COLOR: '1' } });
      expect(plain.stdout).not.toContain('\u001b');
    });

    it('an unknown gid exits with 3 and says how to look for it', async () => {
      tccd.fake.on('GetTransaction', () => failure('TRANSACTION_NOT_FOUND'));
      const { exitCode, stdout, stderr } = await run(['get', 'x', ...tccd.at]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
      expect(stderr).toBe(
        "tccctl: no transaction has the gid 'x'. Look for it with: tccctl list --gid-prefix PREFIX\n",
      );
    });
  });
});
