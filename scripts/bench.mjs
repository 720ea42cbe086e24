// `npm run bench`: installs and builds what a fresh clone lacks, has database servers ready, then runs bench/. See --help.
//
//   TCC_BENCH_MARIADB_URL, TCC_BENCH_MYSQL_URL   servers to use, such as mysql://root@127.0.0.1:3306; databases are made on
//                                                them and removed again. Otherwise private ones are started, where the
//                                                programs are there; MariaDB is installed if need be, MySQL is left out.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { mysqlServer, privateServer } from './lib/mysql-server.mjs';
import { findProgram } from './lib/programs.mjs';
import { outputOf, run, say } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const args = process.argv.slice(2);
const started = [];
const interruption = new AbortController();
for (const [name, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
  process.on(name, () => {
    process.exitCode = 128 + number;
    interruption.abort(new Error(`interrupted by ${name}`));
  });
}

try {
  process.exitCode = await bench(interruption.signal);
} catch (error) {
  process.stderr.write(`npm run bench: ${error.message}\n`);
  process.exitCode ??= 1;
} finally {
  for (const server of started.reverse()) await server.stop();
}

async function bench(signal) {
  await ensureDependencies(root, { signal });
  await must('generate', ['scripts/generate.mjs'], signal);
  await must('build', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], signal);
  const isQuestion = args.some((name) => name === '--help' || name === '--list');
  const urls = isQuestion ? [] : [await mariadb(signal), await mysql(signal)];
  return exitCodeOf({ ...process.env, BENCH_SERVERS: urls.filter(Boolean).join(' ') }, signal);
}

async function must(name, command, signal) {
  say(name);
  if ((await run(node, command, { cwd: root, signal })) !== 0) throw new Error(`${name} failed`);
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

/** Runs the bench in the foreground: it has its own hands on the end of its children. */
function exitCodeOf(env, signal) {
  const child = spawn(node, ['dist/bench/main.js', ...args], { cwd: root, env, stdio: 'inherit' });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
