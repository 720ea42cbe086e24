// `npm run bench`: installs and builds what a fresh clone lacks, has database servers ready, then runs bench/. See --help.
//
//   TCC_BENCH_MARIADB_URL, TCC_BENCH_MYSQL_URL   servers to use, such as mysql://root@127.0.0.1:3306; databases are made on
//                                                them and removed again. Otherwise private ones are started, where the
//                                                programs are there; MariaDB is installed if need be, MySQL is left out.
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { interruption } from './lib/interruption.mjs';
import { mysqlServer, privateServer } from './lib/mysql-server.mjs';
import { findProgram } from './lib/programs.mjs';
import { mustRun, outputOf, runInForeground, say } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const args = process.argv.slice(2);
const started = [];
const interrupted = interruption();

try {
  process.exitCode = await bench(interrupted);
} catch (error) {
  process.stderr.write(`npm run bench: ${error.message}\n`);
  process.exitCode ??= 1;
} finally {
  for (const server of started.reverse()) await server.stop();
}

async function bench(signal) {
  await ensureDependencies(root, { signal });
  await mustRun('generate', node, ['scripts/generate.mjs'], { cwd: root, signal });
  await mustRun('build', node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { cwd: root, signal });
  const isQuestion = args.some((name) => name === '--help' || name === '--list');
  const urls = isQuestion ? [] : [await mariadb(signal), await mysql(signal)];
  const env = { ...process.env, BENCH_SERVERS: urls.filter(Boolean).join(' ') };
  return runInForeground(node, ['dist/bench/main.js', ...args], { cwd: root, env, signal });
}

async function mariadb(signal) {
  if (process.env.TCC_BENCH_MARIADB_URL) return process.env.TCC_BENCH_MARIADB_URL;
  // The suites' server is somebody else's, who may be using it.
  delete process.env.TCC_TEST_MYSQL_URL;
  const server = await mysqlServer({ signal, say });
  started.push(server);
  say(server.description);
  return server.url;
}

async function mysql(signal) {
  if (process.env.TCC_BENCH_MYSQL_URL) return process.env.TCC_BENCH_MYSQL_URL;
  try {
    // On Debian MariaDB's server also goes by this name.
    const program = findProgram(['mysqld']);
    if (program !== undefined && /mariadb/i.test(await outputOf(program, ['--version'])))
      throw new Error('mysqld is MariaDB here');
    const server = await privateServer(['mysqld'], { signal });
    started.push(server);
    say(server.description);
    return server.url;
  } catch (error) {
    signal.throwIfAborted();
    say(`MySQL is left out (${error.message}); TCC_BENCH_MYSQL_URL may name a server`);
    return undefined;
  }
}
