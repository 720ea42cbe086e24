import { ConfigFaults, type ConfigInput, loadConfig, maskUrl, printConfig } from '../../../src/daemon/config';

const input = (changes: Partial<ConfigInput> = {}): ConfigInput => ({
  args: [],
  env: {},
  readFile: () => {
    throw new Error('ENOENT');
  },
  defaultCoordinatorId: () => 'host-1',
  ...changes,
});
const load = (changes: Partial<ConfigInput>) => loadConfig(input(changes)).config;
/** A config from a YAML file of these lines. */
const yaml = (...lines: string[]): Partial<ConfigInput> => ({
  args: ['--config', 'tccd.yaml'],
  readFile: () => lines.join('\n'),
});

function faultsOf(changes: Partial<ConfigInput>): readonly string[] {
  try {
    load(changes);
    return [];
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
}

test('without a word everything has its default', () => {
  expect(load({})).toEqual({
    listen: '127.0.0.1:8480',
    databaseUrl: 'sqlite:tccd.sqlite',
    coordinatorId: 'host-1',
    database: {
      lanes: 2,
      batchSize: 512,
      connectTimeoutMs: 5_000,
      queryTimeoutMs: 10_000,
      onUnavailableAtStart: 'retry',
      startTimeoutMs: 60_000,
      durability: 'warn',
      migrate: true,
    },
    transactions: {
      timeoutMs: 30_000,
      leaseMs: 5_000,
      scanMs: 500,
      scanSize: 500,
      retentionMs: 604_800_000,
      attentionAfter: 10,
      parkAfterRefusals: 20,
    },
    calls: {
      timeoutMs: 3_000,
      tryAttempts: 3,
      fastRetries: 2,
      backoff: { firstMs: 200, factor: 2, capMs: 60_000, jitter: 0.2 },
      inFlightPerParticipant: 1_000,
    },
    limits: {
      messageBytes: 4_194_304,
      payloadBytes: 1_048_576,
      branches: 64,
      openTransactions: 20_000,
      timeoutMs: 86_400_000,
      watchers: 10_000,
    },
    participants: [],
    reflection: false,
    drainMs: 10_000,
    log: { level: 'info' },
  });
});

test('a flag wins over a variable, a variable over the file, the file over the default', () => {
  const file = yaml('transactions: { leaseMs: 1000, scanMs: 100, scanSize: 1 }');
  const config = load({
    ...file,
    args: [...(file.args ?? []), '--transactions-lease-ms', '3000'],
    env: { TCC_TRANSACTIONS_LEASE_MS: '2000', TCC_TRANSACTIONS_SCAN_MS: '200' },
  });
  expect(config.transactions).toMatchObject({ leaseMs: 3_000, scanMs: 200, scanSize: 1, timeoutMs: 30_000 });
});

test('the file may be named by a variable, and the flag wins', () => {
  const read: string[] = [];
  const readFile = (path: string) => (read.push(path), '');
  load({ env: { TCC_CONFIG: 'a.yaml' }, readFile });
  load({ env: { TCC_CONFIG: 'a.yaml' }, args: ['--config=b.yaml'], readFile });
  expect(read).toEqual(['a.yaml', 'b.yaml']);
});

test('flags take = or a space, and switches may be negated', () => {
  const config = load({ args: ['--listen=0.0.0.0:0', '--drain-ms', '5', '--reflection', '--no-database-migrate'] });
  expect(config).toMatchObject({ listen: '0.0.0.0:0', drainMs: 5, reflection: true, database: { migrate: false } });
  expect(load({ args: ['--reflection=false'] }).reflection).toBe(false);
});

test('an empty variable and an empty key in the file leave the default', () => {
  expect(load({ ...yaml('listen:', 'log:'), env: { TCC_DRAIN_MS: '' } })).toEqual(load({}));
});

test('every fault is told at once, with its source and what to write', () => {
  const faults = faultsOf({
    ...yaml(
      'lisen: x',
      'database: { lanes: 0, onUnavailableAtStart: wait }',
      'transactions: 7',
      'log: { levle: info }',
    ),
    args: ['--config', 'tccd.yaml', '--drian-ms', '1', '--calls-timeout-ms=soon', '--log-level'],
    env: { TCC_REFLECTION: 'yes', TCC_LIMITS_BRANCHS: '3', TCC_LISTEN: 'localhost' },
  });
  expect(faults).toEqual([
    'flag --drian-ms is unknown; did you mean --drain-ms?',
    'flag --log-level has no value; write --log-level VALUE',
    'env TCC_LIMITS_BRANCHS is unknown; did you mean TCC_LIMITS_BRANCHES?',
    'lisen (file tccd.yaml) is unknown; did you mean listen?',
    'transactions (file tccd.yaml): write a mapping of settings',
    'log.levle (file tccd.yaml) is unknown; did you mean level?',
    'listen (env TCC_LISTEN): "localhost" is not allowed; write host:port to listen on, such as 127.0.0.1:8480 (port 0 takes a free one)',
    'database.lanes (file tccd.yaml): 0 is not allowed; write a whole number of connections that commit batches from 1 to 64, such as 2',
    'database.onUnavailableAtStart (file tccd.yaml): "wait" is not allowed; write one of retry, exit',
    'calls.timeoutMs (flag --calls-timeout-ms): "soon" is not allowed; write a whole number of milliseconds from 1 to 600000, such as 3000',
    'reflection (env TCC_REFLECTION): "yes" is not allowed; write true or false',
  ]);
});

test.each<[string, Partial<ConfigInput>, RegExp]>([
  ['a fraction of a millisecond', { args: ['--drain-ms', '1.5'] }, /^drainMs \(flag --drain-ms\): 1.5 is not allowed/],
  ['an exponent', { env: { TCC_DRAIN_MS: '1e3' } }, /"1e3" is not allowed/],
  ['a number as text in the file', yaml('drainMs: "5"'), /"5" is not allowed/],
  ['the lower bound less one', { args: ['--transactions-lease-ms', '199'] }, /199 is not allowed; write .* from 200/],
  ['jitter beyond 1', { env: { TCC_CALLS_BACKOFF_JITTER: '1.1' } }, /write a number from 0 to 1, such as 0.2/],
  [
    'a scan period beyond the lease',
    { args: ['--transactions-lease-ms', '400'] },
    /^transactions.scanMs is 500 and transactions.leaseMs is 400; write a transactions.scanMs of at most 400$/,
  ],
  ['a default timeout beyond the limit', { args: ['--limits-timeout-ms', '1000'] }, /^transactions.timeoutMs is 30000/],
  [
    'a payload that fits no message',
    { args: ['--limits-message-bytes', '1048576'] },
    /^limits.payloadBytes is 1048576/,
  ],
  [
    'a database that is none of ours',
    { args: ['--database-url', 'postgres://a:secret@b/c'] },
    /"postgres:\/\/a:\*\*\*@b\/c" is not allowed/,
  ],
  ['a database without a name', { args: ['--database-url', 'mysql://db:3306'] }, /the path must name the database/],
  ['an id of 49 characters', { args: ['--coordinator-id', 'c'.repeat(49)] }, /1 to 48 characters/],
  ['a file that is not there', { args: ['--config', 'none.yaml'] }, /^file none.yaml cannot be read: ENOENT$/],
  ['a file that is no YAML', yaml('a: [1'), /^file tccd.yaml: /],
  ['a file that is a list', yaml('- 1'), /^the config \(file tccd.yaml\): write a mapping/],
  ['a key that is there twice', yaml('drainMs: 1', 'drainMs: 2'), /Map keys must be unique/],
  ['a key named __proto__', yaml('__proto__: { drainMs: 1 }'), /^__proto__ \(file tccd.yaml\) is unknown$/],
  ['--config without a file', { args: ['--config'] }, /^flag --config has no value/],
])('%s is one fault', (_, changes, text) => {
  const faults = faultsOf(changes);
  expect(faults).toHaveLength(1);
  expect(faults[0]).toMatch(text);
});

test('variables of others under the same prefix are left alone', () => {
  expect(
    faultsOf({ env: { TCC_SERVICE_HOST: '10.0.0.1', TCC_TEST_MYSQL_URL: 'mysql://x', TCC_PORT: 'tcp://x' } }),
  ).toEqual([]);
});

test('participants are read whole, from the file or as JSON from a variable', () => {
  const expected = [
    {
      name: 'stock',
      address: 'stock:9000',
      actions: [
        {
          name: 'deduct',
          methods: { try: '/s.S/Try', confirm: '/s.S/Confirm', cancel: '/s.S/Cancel' },
          callTimeoutMs: 0,
          tryAttempts: 0,
        },
        { name: 'add', callTimeoutMs: 100, tryAttempts: 1 },
      ],
    },
  ];
  const fromFile = yaml(
    'participants:',
    '  - name: stock',
    '    address: stock:9000',
    '    actions:',
    '      - { name: deduct, methods: { try: /s.S/Try, confirm: /s.S/Confirm, cancel: /s.S/Cancel } }',
    '      - { name: add, callTimeoutMs: 100, tryAttempts: 1 }',
  );
  expect(load(fromFile).participants).toEqual(expected);
  expect(load({ env: { TCC_PARTICIPANTS: JSON.stringify(expected) } }).participants).toEqual(expected);
});

test('faults of participants are told by their place', () => {
  const faults = faultsOf(
    yaml(
      'participants:',
      '  - { name: "a b", address: "stock:0", actions: [] }',
      '  - { name: ok, adress: x, address: "x:1", actions: [{ name: y, methods: { try: nope, confirm: /s.S/C } }] }',
    ),
  );
  expect(faults).toEqual([
    expect.stringMatching(/^participants\[0\].name \(file tccd.yaml\): "a b" is not allowed/),
    expect.stringMatching(/^participants\[0\].address .*: "stock:0" is not allowed/),
    expect.stringMatching(/^participants\[0\].actions .*: \[\] is not allowed; write at least one action/),
    expect.stringMatching(/^participants\[1\].actions\[0\].methods.try .*: "nope" is not allowed/),
    expect.stringMatching(/^participants\[1\].actions\[0\].methods.cancel .*: nothing is not allowed/),
    'participants[1].adress (file tccd.yaml) is unknown; did you mean address?',
  ]);
});

test('the same participant at the same address, and the same action twice, are faults', () => {
  const stock = '  - { name: stock, address: "x:1", actions: [{ name: a }, { name: b }, { name: a }] }';
  expect(faultsOf(yaml('participants:', stock, stock))).toEqual([
    'participants[1] is the same as participants[0]; write another',
    'participants[0].actions[2].name is the same as participants[0].actions[0].name; write another',
    'participants[1].actions[2].name is the same as participants[1].actions[0].name; write another',
  ]);
});

test('the config cannot be changed afterwards', () => {
  const config = load(yaml('participants: [{ name: a, address: "x:1", actions: [{ name: a }] }]'));
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.calls.backoff)).toBe(true);
  expect(Object.isFrozen(config.participants[0]?.actions[0])).toBe(true);
});

test('words that are no flags are handed on', () => {
  expect(loadConfig(input({ args: ['migrate', '--drain-ms', '1', 'now'] })).words).toEqual(['migrate', 'now']);
});

test('the printed config reads back as itself, but for the password', () => {
  const config = load({
    args: ['--database-url', 'mysql://tcc:p:a@ss/w@db:3306/tcc?ssl-mode=REQUIRED'.replace('/w', '%2Fw')],
  });
  const printed = printConfig(config);
  expect(printed).not.toContain('ss%2Fw');
  expect(load(yaml(printed))).toEqual({ ...config, databaseUrl: 'mysql://tcc:***@db:3306/tcc?ssl-mode=REQUIRED' });
});

test.each([
  ['mysql://root:secret@db/tcc', 'mysql://root:***@db/tcc'],
  ['mysql://root@db/tcc', 'mysql://root@db/tcc'],
  ['mysql://:secret@db/tcc', 'mysql://:***@db/tcc'],
  ['mysql://root:se/cr@et@db/tcc', 'mysql://root:***@db/tcc'],
  ['mysql://db:3306/tcc', 'mysql://db:3306/tcc'],
  ['sqlite:/data/a@b.sqlite', 'sqlite:/data/a@b.sqlite'],
])('%s is shown as %s', (url, shown) => {
  expect(maskUrl(url)).toBe(shown);
});
