import { Stop } from '../../../src/cli/io';
import { BEGAN_MS, deadAddress, failure, silence, transaction } from '../sdk/client/fake-coordinator';
import { run } from './harness';
import { stuck, eachWithStuckCoordinator } from './stuck';

describe('tccctl', () => {
  const tccd = eachWithStuckCoordinator();

  describe('watch', () => {
    beforeEach(() => {
      tccd.fake.on('Watch', () => [
        { transaction: stuck },
        { transaction: transaction({ branches: [{ branchId: 'stock', status: 'BRANCH_STATUS_CONFIRMED' }] }) },
      ]);
    });

    it('prints a line for each state', async () => {
      const { exitCode, stdout } = await run(['watch', 'order-1', ...tccd.at]);
      expect(exitCode).toBe(0);
      expect(stdout).toBe(`2026-01-02 03:09:05.678Z  CONFIRMING (parked)  stock=TRIED
2026-01-02 03:09:05.678Z  CONFIRMED  stock=CONFIRMED
`);
    });

    it('prints one JSON object per line', async () => {
      const { stdout } = await run(['watch', 'order-1', '-o', 'json', ...tccd.at]);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as { status: string }).status)).toEqual(['CONFIRMING', 'CONFIRMED']);
    });

    it('an interrupt ends it with 130 and no error text', async () => {
      tccd.fake.on('Watch', () => [{ transaction: stuck }, silence]);
      const controller = new AbortController();
      const interrupt = () => controller.abort(new Stop('interrupted', 130));
      const { exitCode, stderr } = await run(['watch', 'order-1', ...tccd.at], {
        signal: controller.signal,
        onStdout: interrupt,
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 130, stderr: '' });
    });

    it('a reader that goes away ends it with 0 and no error text', async () => {
      tccd.fake.on('Watch', () => [{ transaction: stuck }, silence]);
      const controller = new AbortController();
      const { exitCode, stderr } = await run(['watch', 'order-1', ...tccd.at], {
        signal: controller.signal,
        onStdout: () => controller.abort(new Stop('nobody reads the output', 0)),
      });
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    });
  });

  describe('retry', () => {
    it('prints the transaction that is due now', async () => {
      tccd.fake.on('RetryTransaction', () => ({
        transaction: { ...stuck, parked: false, dueAtMs: BEGAN_MS + 300_000 },
      }));
      const { exitCode, stdout, stderr } = await run(['retry', 'order-1', ...tccd.at]);
      expect(exitCode).toBe(0);
      expect(stdout).toContain('order-1  place-order  CONFIRMING  5m   3       0ms ago');
      expect(stderr).toContain('tccctl watch order-1');
      const json = await run(['retry', 'order-1', '-o', 'json', ...tccd.at]);
      expect(JSON.parse(json.stdout)).toMatchObject({ transaction: { gid: 'order-1', parked: false } });
    });

    it('a finished transaction exits with 1 and says so', async () => {
      tccd.fake.on('RetryTransaction', () => failure('WRONG_STATE', 'terminal', { status: 'CONFIRMED' }));
      const { exitCode, stderr } = await run(['retry', 'order-1', ...tccd.at]);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("transaction 'order-1' is CONFIRMED");
    });
  });

  describe('participants', () => {
    it('prints a line per instance', async () => {
      tccd.fake.on('ListParticipants', () => ({
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
      const { stdout } = await run(['participants', ...tccd.at]);
      expect(stdout).toBe(`PARTICIPANT  INSTANCE  ADDRESS        STATE    EXPIRES  ACTIONS
inventory    i-1       10.0.0.1:7000  live     in 10s   deduct, add
inventory    i-2       10.0.0.2:7000  expired  5m ago   deduct, add
`);
      const { stdout: json } = await run(['participants', '-o', 'json', ...tccd.at]);
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
      tccd.fake.on('ListParticipants', () => ({}));
      const { exitCode, stdout, stderr } = await run(['participants', ...tccd.at]);
      expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
      expect(stderr).toContain('No participant has registered');
    });
  });

  it('tries the addresses of TCC_ADDRESS in turn', async () => {
    const address = `${await deadAddress()},${tccd.fake.address}`;
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
