import { formatDuration, parseDuration } from '../../../src/cli/duration';
import { failureOf } from '../../../src/cli/failure';
import { run } from './harness';

describe('the command line', () => {
  it.each([
    [[], 'Usage: tccctl'],
    [['nonsense'], "unknown command 'nonsense'"],
    [['get'], "missing required argument 'gid'"],
    [['list', '--older-than', '10'], 'such as 10m'],
    [['list', '--status', 'DONE'], 'Allowed are open, TRYING'],
    [['list', '--page-size', '0'], 'from 1 to 1000'],
    [['list', '--page-size', '5', '--all'], 'cannot be used with'],
    [['list', '-o', 'xml'], 'Allowed are table and json'],
    [['list', '--address', 'localhost'], 'Write host:port'],
    [['list', '--nonsense'], "unknown option '--nonsense'"],
  ])('%j is a usage error', async (args, text) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/^error:/m);
  });

  it('a faulty variable is a usage error that names the variable', async () => {
    const { exitCode, stderr } = await run(['list'], { env: { TCCCTL_OUTPUT: 'xml' } });
    expect(exitCode).toBe(2);
    expect(stderr).toBe("tccctl: TCCCTL_OUTPUT is 'xml'. Allowed are table and json.\n");
  });

  it('help goes to stdout, documents the exit codes, and exits with 0', async () => {
    const { exitCode, stdout, stderr } = await run(['--help']);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/Exit codes:\n {2}0 {4}done/);
    for (const command of ['get', 'list', 'watch', 'retry', 'participants']) expect(stdout).toContain(`  ${command}`);
  });

  it("a command's help shows the options of all commands too", async () => {
    const { exitCode, stdout } = await run(['list', '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('--older-than');
    expect(stdout).toContain('--address');
  });

  it('the version is that of the package', async () => {
    expect((await run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ])('%s is %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [12_345, '12s'],
    [184_000, '3m4s'],
    [7_200_000, '2h'],
    [5 * 86_400_000 + 3 * 3_600_000 + 59_000, '5d3h'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

it('an unexpected error exits with 1', () => {
  expect(failureOf(new TypeError('boom'))).toEqual({ text: 'unexpected: boom', exitCode: 1 });
});
