import { main } from '../../../src/daemon/main';
import { isLoopback } from '../../../src/daemon/serve';
import type { Surroundings } from '../../../src/daemon/surroundings';

function surroundings(args: readonly string[]) {
  const printed: string[] = [];
  const complained: string[] = [];
  const around: Surroundings = {
    args,
    env: {},
    version: '1.2.3',
    readFile: () => '',
    defaultCoordinatorId: () => 'host-1',
    print: (text) => void printed.push(text),
    complain: (text) => void complained.push(text),
    onSignal: () => () => undefined,
    onBug: () => () => undefined,
    onGrpcLine: () => () => undefined,
    exit: () => undefined,
  };
  return { around, printed, complained };
}

test('config prints the effective config without the password', async () => {
  const { around, printed } = surroundings(['config', '--database-url', 'mysql://tcc:secret@db/tcc']);
  expect(await main(around)).toBe(0);
  expect(printed.join('')).toContain('databaseUrl: mysql://tcc:***@db/tcc\n');
});

test('help names every command, setting and exit code', async () => {
  const { around, printed } = surroundings(['serve', '--help']);
  expect(await main(around)).toBe(0);
  for (const word of ['migrate --status', '--calls-backoff-cap-ms', 'TCC_LOG_LEVEL', '604800000', '70 a bug']) {
    expect(printed.join('')).toContain(word);
  }
});

test('version prints it', async () => {
  const { around, printed } = surroundings(['--version']);
  expect(await main(around)).toBe(0);
  expect(printed).toEqual(['1.2.3\n']);
});

test.each([
  [['srve'], 'command srve is unknown; write serve'],
  [['frobnicate'], 'command frobnicate is unknown; write one of serve, migrate, config'],
  [['migrate', 'config'], 'there is more after the command: config; write one command'],
  [['serve', '--status'], 'flag --status belongs to tccd migrate'],
  [['--lease', '1'], 'flag --lease is unknown'],
])('%j is wrong usage', async (args, fault) => {
  const { around, complained } = surroundings(args);
  expect(await main(around)).toBe(2);
  expect(complained.join('')).toContain(fault);
});

test.each([
  ['127.0.0.1:1', true],
  ['127.8.8.8:1', true],
  ['localhost:1', true],
  ['[::1]:1', true],
  ['0.0.0.0:1', false],
  ['[::]:1', false],
  ['10.0.0.7:1', false],
  ['localhost.example.com:1', false],
])('that only this machine reaches %s is %s', (address, loopback) => {
  expect(isLoopback(address)).toBe(loopback);
});
