import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sqlDatabases, type TestDatabase } from '../support/databases';
import { eventually } from '../support/eventually';
import type { TcpProxy } from '../support/tcp-proxy';
import { accepts, Coordinator } from './support/coordinator';
import { freeAddress } from './support/ports';
import { Program, runToEnd } from './support/program';
import { proxied } from './support/proxied';
import { Rows } from './support/rows';
import { leavesNothingBehind, scenario } from './support/scenario';

leavesNothingBehind();

/** A Node process that starts on a busy machine, with its migrations. */
const START_MS = 30_000;

describe('tccd at its start', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tcc-e2e-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const tccd = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => ({
    name: `tccd ${args.join(' ')}`,
    script: 'src/bin/tccd.js',
    args,
    env,
    cwd: folder,
  });

  scenario('says everything that is wrong with its config at once, and where it stands', async () => {
    const file = join(folder, 'wrong.yaml');
    await writeFile(file, 'transactions:\n  leaseMs: soon\nlimts:\n  branches: 3\n');
    const env = { TCC_LISTEN: 'nowhere', TCC_DATABASE_URL: 'postgres://root:hunter2@localhost/x' };
    const { code, program } = await runToEnd(tccd(['--config', file, '--drain-ms', '-1', '--nonsense', 'x'], env));
    expect(code).toBe(2);
    for (const word of ['transactions.leaseMs', 'limts', 'listen', 'databaseUrl', 'drainMs', '--nonsense']) {
      expect(program.output).toContain(word);
    }
    expect(program.output).not.toContain('hunter2');
    expect(program.output).not.toContain('    at ');
  });

  scenario('config prints what is in effect, without the password', async () => {
    const env = { TCC_DATABASE_URL: 'mysql://tcc:hunter2@127.0.0.1:1/tcc', TCC_TRANSACTIONS_LEASE_MS: '1234' };
    const { code, program } = await runToEnd(tccd(['config'], env));
    expect(code).toBe(0);
    expect(program.stdout).toContain('leaseMs: 1234');
    expect(program.stdout).toContain('mysql://tcc:***@127.0.0.1:1/tcc');
    expect(program.output).not.toContain('hunter2');
  });

  scenario('a command that it does not know is refused', async () => {
    const { code, program } = await runToEnd(tccd(['sevre']));
    expect(code).toBe(2);
    expect(program.output).toContain('sevre');
  });

  scenario('a port that is taken is a clear message and a failure, with no stack', async () => {
    const listener = createServer();
    const address = await freeAddress();
    listener.listen(Number(address.split(':')[1]), '127.0.0.1');
    await once(listener, 'listening');
    try {
      const { code, program } = await runToEnd(
        tccd([], { TCC_LISTEN: address, TCC_DATABASE_URL: 'sqlite:taken-port.sqlite' }),
      );
      expect(code).toBe(1);
      expect(program.output).toContain(address);
      expect(program.output).not.toContain('    at ');
    } finally {
      listener.close();
      await once(listener, 'close');
    }
  });

  scenario('without any setting it runs on an SQLite file where it stands', async () => {
    const address = await freeAddress();
    const program = new Program(tccd(['--listen', address]));
    await eventually(() => accepts(address), { timeoutMs: START_MS });
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    const { code, program: status } = await runToEnd(tccd(['migrate', '--status']));
    expect(code).toBe(0);
    expect(status.stdout).toContain('transactions');
  });

  describe.each(sqlDatabases())('on $name', ({ create }) => {
    let database: TestDatabase;
    let rows: Rows;

    beforeAll(async () => {
      database = await create();
      rows = new Rows(database.url);
    });

    afterAll(async () => {
      await rows.close();
      await database.drop();
    });

    scenario(
      'an empty database is refused with migrations switched off, migrated by `migrate`, and then taken',
      async () => {
        const env = { TCC_DATABASE_URL: database.url, TCC_DATABASE_MIGRATE: 'false', TCC_LISTEN: await freeAddress() };
        const refused = await runToEnd(tccd([], env));
        expect(refused.code).toBe(1);
        expect(refused.program.output).toContain('tccd migrate');

        const before = await runToEnd(tccd(['migrate', '--status'], env));
        expect(before.code).toBe(3);
        expect(before.program.stdout).toContain('to come');
        const migrated = await runToEnd(tccd(['migrate'], env));
        expect(migrated.code).toBe(0);
        const after = await runToEnd(tccd(['migrate', '--status'], env));
        expect(after.code).toBe(0);
        expect(after.program.stdout).not.toContain('to come');

        const program = new Program(tccd([], env));
        await eventually(() => accepts(env.TCC_LISTEN), { timeoutMs: START_MS });
        expect(await program.stop()).toEqual({ code: 0, signal: null });
      },
    );

    scenario('two that start at once on an empty database both come up', async () => {
      const empty = await create();
      const pair = await Promise.all([Coordinator.at('one', empty.url), Coordinator.at('two', empty.url)]);
      await Promise.all(pair.map((each) => each.start()));
      for (const each of pair) expect(await each.stop()).toEqual({ code: 0, signal: null });
      await empty.drop();
    });

    scenario('a schema that is newer than the program is refused, by the server and by migrate', async () => {
      await runToEnd(tccd(['migrate'], { TCC_DATABASE_URL: database.url }));
      await rows.run(
        `INSERT INTO tcc_migrations (version, name, checksum, applied_at) VALUES (9999, 'tomorrow', 'x', 1)`,
      );
      for (const args of [[], ['migrate'], ['migrate', '--status']]) {
        const { code, program } = await runToEnd(
          tccd(args, { TCC_DATABASE_URL: database.url, TCC_LISTEN: await freeAddress() }),
        );
        expect({ args, code }).toEqual({ args, code: 1 });
        expect(program.output).toContain('newer than this program');
        expect(program.output).not.toContain('    at ');
      }
    });
  });

  describe('with its database down', () => {
    let database: TestDatabase;
    let proxy: TcpProxy;
    let env: Readonly<Record<string, string>>;

    beforeAll(async () => {
      const mysql = sqlDatabases().find(({ name }) => name === 'mysql');
      if (mysql === undefined) throw new Error('no MySQL-family databases');
      database = await mysql.create();
      const way = await proxied(database.url);
      proxy = way.proxy;
      env = { TCC_DATABASE_URL: way.url, TCC_DATABASE_CONNECT_TIMEOUT_MS: '1000' };
    });

    beforeEach(() => proxy.refuse());

    const saysItWaits = (program: Program) =>
      eventually(() => program.output.includes('the database cannot be reached; trying again'), {
        timeoutMs: START_MS,
      });

    afterAll(async () => {
      await proxy.stop();
      await database.drop();
    });

    scenario('it says so and tries again, and comes up when the database does', async () => {
      const address = await freeAddress();
      const program = new Program(tccd([], { ...env, TCC_LISTEN: address }));
      await saysItWaits(program);
      proxy.resume();
      await eventually(() => accepts(address), { timeoutMs: START_MS });
      expect(await program.stop()).toEqual({ code: 0, signal: null });
    });

    scenario('it leaves when it is told to stop while it waits', async () => {
      const program = new Program(tccd([], { ...env, TCC_LISTEN: await freeAddress() }));
      await saysItWaits(program);
      expect(await program.stop()).toEqual({ code: 0, signal: null });
    });

    scenario('it leaves at once, with a clear message, when it is configured so', async () => {
      const once_ = { ...env, TCC_DATABASE_ON_UNAVAILABLE_AT_START: 'exit', TCC_LISTEN: await freeAddress() };
      const { code, program } = await runToEnd(tccd([], once_));
      expect(code).toBe(1);
      expect(program.output).toContain('cannot be used');
      expect(program.output).not.toContain('    at ');
    });

    scenario('it gives up when its patience is over', async () => {
      const short = { ...env, TCC_DATABASE_START_TIMEOUT_MS: '800', TCC_LISTEN: await freeAddress() };
      const { code, program } = await runToEnd(tccd([], short));
      expect(code).toBe(1);
      expect(program.output).toContain('gave up');
    });
  });
});
