import { mkdtempSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { credentials, Server, ServerCredentials, type ServiceClientConstructor } from '@grpc/grpc-js';

import { type Daemon, type DaemonDeps, startDaemon } from '../../../src/daemon/compose';
import { loadConfig } from '../../../src/daemon/config';
import { main } from '../../../src/daemon/main';
import { serve } from '../../../src/daemon/serve';
import type { GrpcLine } from '../../../src/daemon/grpc-log';
import { StartError } from '../../../src/daemon/start-journal';
import type { Surroundings } from '../../../src/daemon/surroundings';
import { systemClock } from '../../../src/lib/clock';
import { type Logger, silentLogger } from '../../../src/lib/logger';
import type { AdminServiceClient } from '../../../src/wire/generated/tcc/v1/AdminService';
import type { GetTransactionResponse__Output } from '../../../src/wire/generated/tcc/v1/GetTransactionResponse';
import type { ListTransactionsResponse__Output } from '../../../src/wire/generated/tcc/v1/ListTransactionsResponse';
import type { RegistryServiceClient } from '../../../src/wire/generated/tcc/v1/RegistryService';
import type { ExecuteResponse__Output } from '../../../src/wire/generated/tcc/v1/ExecuteResponse';
import type { TransactionServiceClient } from '../../../src/wire/generated/tcc/v1/TransactionService';
import { tccV1 } from '../../../src/wire/proto';
import { sqlDatabases } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { call, failureOf } from '../../support/raw-rpc';
import { health } from './health';

const never = new AbortController().signal;
const deps: DaemonDeps = { clock: systemClock, random: () => 0.5, logger: silentLogger };

function configOf(...args: string[]) {
  return loadConfig({
    args: ['--listen', '127.0.0.1:0', ...args],
    env: {},
    readFile: () => '',
    defaultCoordinatorId: () => 'test',
  }).config;
}

const folder = mkdtempSync(join(tmpdir(), 'tccd-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function start(...args: string[]): Promise<Daemon> {
  const daemon = await startDaemon(configOf(...args), deps, never);
  stops.push(() => daemon.stop());
  return daemon;
}

function client(service: unknown, address: string): unknown {
  const made = new (service as ServiceClientConstructor)(address, credentials.createInsecure());
  stops.push(() => made.close());
  return made;
}

/** A participant that says yes to everything but the action `refuse`. */
async function startParticipant(): Promise<string> {
  const server = new Server();
  type Answer = (error: unknown, reply: unknown) => void;
  const answer = ({ request }: { request: { call: { action: string } } }, done: Answer) => {
    if (request.call.action === 'refuse') done({ code: 10, details: 'no stock' }, null);
    else done(null, { reply: { payload: { data: Buffer.from('held'), contentType: 'text/plain' } } });
  };
  const ok = (_: unknown, done: Answer) => done(null, {});
  server.addService(tccV1.ParticipantService.service, { Try: answer, Confirm: ok, Cancel: ok } as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  stops.push(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** The handles once no server listens but `servers`: one that an earlier test has closed may take a moment to go. */
async function handlesWith(servers: number): Promise<Map<string, number>> {
  await eventually(() => (handles().get('TCPServerWrap') ?? 0) === servers);
  return handles();
}

/** What keeps the process alive, by kind. */
function handles(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

const watched = ['TCPServerWrap', 'TCPSocketWrap', 'Timeout', 'Worker'];

/** The kinds of which there are more than before: what ended meanwhile was the test's own. */
function moreThan(before: ReadonlyMap<string, number>): string[] {
  const now = handles();
  return watched.filter((kind) => (now.get(kind) ?? 0) > (before.get(kind) ?? 0));
}

describe.each(sqlDatabases())('on $name', ({ create }) => {
  let url: string;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ url, drop } = await create());
  });
  afterAll(() => drop());

  test('a daemon starts, serves transactions and its books, and stops', async () => {
    const { address } = await start('--database-url', url);
    const transactions = client(tccV1.TransactionService, address) as TransactionServiceClient;
    const registry = client(tccV1.RegistryService, address) as RegistryServiceClient;
    const admin = client(tccV1.AdminService, address) as AdminServiceClient;
    expect(await health(address, 'tcc.v1.TransactionService')).toBe('SERVING');

    const actions = [{ name: 'deduct' }, { name: 'refuse' }];
    const instance = { participant: 'stock', instanceId: 's-1', address: await startParticipant(), actions };
    await call((done) => registry.register(instance, done));
    const execute = (gid: string, action: string) =>
      call<ExecuteResponse__Output>((done) =>
        transactions.execute({ gid, branches: [{ branchId: 'b', participant: 'stock', action }] }, done),
      );
    expect((await execute('order-1', 'deduct')).transaction).toMatchObject({
      status: 'TRANSACTION_STATUS_CONFIRMED',
      branches: [{ status: 'BRANCH_STATUS_CONFIRMED' }],
    });
    expect((await execute('order-2', 'refuse')).transaction).toMatchObject({
      status: 'TRANSACTION_STATUS_CANCELLED',
      cancelReason: { code: 'CANCEL_CODE_REFUSED', branchId: 'b', message: 'no stock' },
    });
    const unknown = await failureOf((done) =>
      transactions.execute({ branches: [{ branchId: 'b', participant: 'nobody', action: 'x' }] }, done),
    );
    expect(unknown).toMatchObject({
      reason: 'UNKNOWN_PARTICIPANT',
      violations: [{ field: 'branches[0].participant' }],
    });

    const { transactions: listed } = await call<ListTransactionsResponse__Output>((done) =>
      admin.listTransactions({ statuses: ['TRANSACTION_STATUS_CANCELLED'] }, done),
    );
    expect(listed.map(({ gid }) => gid)).toEqual(['order-2']);
    const shown = await call<GetTransactionResponse__Output>((done) => admin.getTransaction({ gid: 'order-2' }, done));
    expect(shown.worker).toMatch(/^test-/);
    expect(shown.timeline.map(({ text }) => text)).toEqual(
      expect.arrayContaining([
        'branch b: registered (stock/refuse)',
        'decided to cancel: REFUSED by branch b: no stock',
        'finished: CANCELLED',
      ]),
    );
  });

  test('the daemon names the database host in use, and so does its first line of log', async () => {
    const host = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : new URL(url).host;
    const { databaseHost } = await start('--database-url', url);
    expect(databaseHost).toBe(host);
    const lines: object[] = [];
    const write = (fields: object, message: string) => void lines.push({ message, ...fields });
    const logger = { ...silentLogger, info: write, fatal: write, child: () => silentLogger };
    const { around, signals } = surroundings();
    const ended = serve(configOf('--database-url', url), around, logger);
    await eventually(() => expect(lines).toHaveLength(1));
    signals[0]?.('SIGTERM');
    await ended;
    expect(lines[0]).toMatchObject({ message: 'listening', databaseHost: host });
  });

  test('a stopped daemon leaves no handle, and the next one has its transactions', async () => {
    const before = await handlesWith(0);
    const daemon = await startDaemon(configOf('--database-url', url), deps, never);
    expect(moreThan(before)).toContain('TCPServerWrap');
    await Promise.all([daemon.stop(), daemon.stop()]);
    await eventually(() => expect(moreThan(before)).toEqual([]));
    const { address } = await start('--database-url', url);
    const transactions = client(tccV1.TransactionService, address) as TransactionServiceClient;
    await call((done) => transactions.get({ gid: 'order-1' }, done));
  });
});

test('a start that fails at its last step leaves no handle', async () => {
  const taken = await start('--database-url', `sqlite:${join(folder, 'taken.sqlite')}`);
  const before = await handlesWith(1);
  const config = configOf('--database-url', `sqlite:${join(folder, 'other.sqlite')}`, '--listen', taken.address);
  await expect(startDaemon(config, deps, never)).rejects.toThrow(`cannot listen on ${taken.address}`);
  await eventually(() => expect(moreThan(before)).toEqual([]));
});

test('a database that is down at the start is waited for', async () => {
  const later = join(folder, 'later');
  const warnings: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    child: () => logger,
    warn(fields, message) {
      warnings.push({ ...fields, message });
      mkdirSync(later, { recursive: true });
    },
  };
  const config = configOf('--database-url', `sqlite:${join(later, 'tccd.sqlite')}`);
  const daemon = await startDaemon(config, { ...deps, logger }, never);
  stops.push(() => daemon.stop());
  expect(warnings[0]).toMatchObject({ attempt: 1, message: 'the database cannot be reached; trying again' });
  expect(await health(daemon.address, '')).toBe('SERVING');
});

test('a database that is down at the start ends it at once where that is configured', async () => {
  const before = handles();
  const url = 'mysql://root@127.0.0.1:1/tcc';
  const config = configOf('--database-url', url, '--database-on-unavailable-at-start', 'exit');
  await expect(startDaemon(config, deps, never)).rejects.toThrow(StartError);
  await eventually(() => expect(moreThan(before)).toEqual([]));
});

function surroundings(...args: string[]) {
  const signals: ((signal: string) => void)[] = [];
  const bugs: ((error: unknown) => void)[] = [];
  const printed: string[] = [];
  const exits: number[] = [];
  const grpcLines: GrpcLine[] = [];
  const around: Surroundings = {
    args: ['--log-level', 'silent', '--listen', '127.0.0.1:0', ...args],
    env: {},
    version: '0.0.0',
    readFile: () => '',
    defaultCoordinatorId: () => 'test',
    print: (text) => void printed.push(text),
    complain: () => undefined,
    onSignal: (listener) => (signals.push(listener), () => void signals.pop()),
    onBug: (listener) => (bugs.push(listener), () => void bugs.pop()),
    onGrpcLine: (listener) => (grpcLines.push(listener), () => void grpcLines.pop()),
    exit: (code) => void exits.push(code),
  };
  return { around, signals, bugs, printed, exits, grpcLines };
}

test('migrate brings the schema up to date, and --status says so by its exit code', async () => {
  const url = `sqlite:${join(folder, 'migrate.sqlite')}`;
  const { around, printed } = surroundings('migrate', '--database-url', url);
  const status = { ...around, args: [...around.args, '--status'] };
  expect(await main(status)).toBe(3);
  expect(printed[0]).toMatch(/^0001 transactions +to come\n$/);
  expect(await main(around)).toBe(0);
  expect(await main(status)).toBe(0);
  expect(printed.at(-1)).toMatch(/ applied \d{4}-/);
});

test('without migrations a schema that is not up to date is refused with exit code 1', async () => {
  const url = `sqlite:${join(folder, 'empty.sqlite')}`;
  const { around } = surroundings('--database-url', url, '--no-database-migrate');
  expect(await main(around)).toBe(1);
});

test('a signal drains and ends with 0; the second one forces', async () => {
  const { around, signals, exits, grpcLines } = surroundings(
    '--database-url',
    `sqlite:${join(folder, 'signal.sqlite')}`,
  );
  const ended = main(around);
  await eventually(() => expect(signals).toHaveLength(1));
  expect(grpcLines).toHaveLength(1);
  const [signal] = signals;
  signal?.('SIGTERM');
  signal?.('SIGINT');
  expect(exits).toEqual([130]);
  expect(await ended).toBe(0);
  expect([signals, grpcLines]).toEqual([[], []]);
});

test('an error that nobody caught ends the process with 70', async () => {
  const { around, signals, bugs, exits } = surroundings('--database-url', `sqlite:${join(folder, 'bug.sqlite')}`);
  const ended = main(around);
  await eventually(() => expect(signals).toHaveLength(1));
  bugs[0]?.(new Error('an invariant broke'));
  expect(exits).toEqual([70]);
  signals[0]?.('SIGTERM');
  await ended;
  expect(bugs).toEqual([]);
});

test('a signal while the database is waited for ends with 0', async () => {
  const { around, signals } = surroundings('--database-url', 'mysql://root@127.0.0.1:1/tcc');
  const ended = main(around);
  await eventually(() => expect(signals).toHaveLength(1));
  signals[0]?.('SIGTERM');
  expect(await ended).toBe(0);
});

test('a database that stays down ends with 1', async () => {
  const args = ['--database-url', 'mysql://root@127.0.0.1:1/tcc', '--database-start-timeout-ms', '100'];
  expect(await main(surroundings(...args).around)).toBe(1);
});
