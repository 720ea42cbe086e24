// The MySQL-family server that the suites run on: given, found, installed, or in a container.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installMariadb, runMysqlContainer } from './mysql-fetched.mjs';
import { findProgram, isRoot } from './programs.mjs';
import { outputOf, run } from './run.mjs';
import { greetsAsMysql, startServer } from './server-process.mjs';

/**
 * Finds a server, or starts one on a private folder and a free port. Returns { url, description, stop }.
 * Throws with every reason and what to do when there is no way to have one.
 */
export async function mysqlServer({ signal, say }) {
  const given = process.env.TCC_TEST_MYSQL_URL;
  if (given) return checkGiven(given);
  const reasons = [];
  for (const way of [startFound, startInstalled, runMysqlContainer]) {
    try {
      return await way({ signal, say });
    } catch (error) {
      signal?.throwIfAborted();
      reasons.push(error.message);
    }
  }
  throw new Error(
    `the suites need a MySQL-family server, and there is none:\n${reasons.map((reason) => `  - ${reason}`).join('\n')}\n` +
      'Do one of these: set TCC_TEST_MYSQL_URL to a server where databases may be created ' +
      '(mysql://root@127.0.0.1:3306), install MariaDB or MySQL, or start docker.',
  );
}

/** Starts the first of these programs that is found, on a private folder and a free port. Returns and throws as mysqlServer does. */
export async function privateServer(names, { signal }) {
  const program = findProgram(names);
  if (program === undefined) throw new Error(`none of ${names.join(', ')} was found on this machine`);
  return startPrivately(program, signal);
}

async function checkGiven(given) {
  const address = URL.canParse(given) ? new URL(given) : undefined;
  if (address === undefined) throw new Error('TCC_TEST_MYSQL_URL is not a URL such as mysql://root@127.0.0.1:3306');
  if (!(await greetsAsMysql(Number(address.port || 3306), address.hostname))) {
    throw new Error(`TCC_TEST_MYSQL_URL names ${address.host}, where no MySQL-family server answers`);
  }
  return { url: given, description: 'the server of TCC_TEST_MYSQL_URL', stop: async () => undefined };
}

async function startFound({ signal }) {
  const program = findServer();
  if (program === undefined) throw new Error('no mariadbd or mysqld was found on this machine');
  return startPrivately(program, signal);
}

async function startInstalled({ signal, say }) {
  // A server that is there and does not start is not helped by a second one of the same kind.
  if (findServer() !== undefined) throw new Error('nothing was installed, because a server is there');
  await installMariadb({ signal, say });
  const program = findServer();
  if (program === undefined) throw new Error('the package mariadb-server brought no mariadbd');
  return startPrivately(program, signal);
}

function findServer() {
  return findProgram(['mariadbd', 'mysqld']);
}

async function startPrivately(program, signal) {
  const version = (await outputOf(program, ['--version'])) ?? '';
  const isMariadb = /mariadb/i.test(version);
  const folder = mkdtempSync(join(tmpdir(), 'tcc-mysql-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    const common = ['--no-defaults', `--datadir=${join(folder, 'data')}`, ...(isRoot() ? ['--user=root'] : [])];
    await initialise(program, isMariadb, common, folder, signal);
    const own = isMariadb ? [] : ['--mysqlx=OFF', '--secure-file-priv=NULL'];
    const server = await startServer({
      command: program,
      argsFor: (port) => [
        ...common,
        ...own,
        `--port=${port}`,
        '--bind-address=127.0.0.1',
        // Two suites at a time, some with pools of dozens: the default of 151 is near.
        '--max-connections=500',
        `--socket=${join(folder, 'server.sock')}`,
        `--pid-file=${join(folder, 'server.pid')}`,
      ],
      ready: (port) => greetsAsMysql(port),
      stopSignal: 'SIGTERM',
      logFile: join(folder, 'server.log'),
      signal,
    });
    return {
      url: `mysql://root@127.0.0.1:${server.port}`,
      description: `${program} (${/(\d+\.\d+\.\d+)/.exec(version)?.[1] ?? 'unknown version'}), started on a private folder`,
      stop: () => server.stop().finally(remove),
    };
  } catch (error) {
    remove();
    throw new Error(`${program} did not start: ${error.message}`, { cause: error });
  }
}

async function initialise(program, isMariadb, common, folder, signal) {
  const log = join(folder, 'init.log');
  const [command, args] = isMariadb
    ? [findProgram(['mariadb-install-db', 'mysql_install_db']), ['--auth-root-authentication-method=normal']]
    : [program, ['--initialize-insecure', '--secure-file-priv=NULL', `--log-error=${log}`]];
  if (command === undefined) throw new Error('mariadb-install-db is not there');
  if (isMariadb) args.push('--skip-test-db');
  const code = await run(command, [...common, ...args], { signal, quiet: true });
  if (code !== 0) throw new Error(`making its data folder failed\n${readLog(log)}`);
}

function readLog(file) {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
