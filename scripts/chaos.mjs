// `npm run chaos`: installs and builds what a fresh clone lacks, then runs chaos/. See --help and docs/reliability.md.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { installMariadb } from './lib/mysql-fetched.mjs';
import { findProgram } from './lib/programs.mjs';
import { run, say } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const args = process.argv.slice(2);
const interruption = new AbortController();
for (const [name, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
  process.on(name, () => {
    process.exitCode = 128 + number;
    interruption.abort(new Error(`interrupted by ${name}`));
  });
}

try {
  process.exitCode = await chaos(interruption.signal);
} catch (error) {
  process.stderr.write(`npm run chaos: ${error.message}\n`);
  process.exitCode ??= 1;
}

async function chaos(signal) {
  await ensureDependencies(root, { signal });
  await must('generate', ['scripts/generate.mjs'], signal);
  await must('build', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], signal);
  const isQuestion = args.some((name) => name === '--help' || name === '--list');
  const needsServer = !isQuestion && !args.includes('--server') && findProgram(['mariadbd', 'mysqld']) === undefined;
  if (needsServer) await installMariadb({ signal, say });
  return exitCodeOf(signal);
}

async function must(name, command, signal) {
  say(name);
  if ((await run(node, command, { cwd: root, signal })) !== 0) throw new Error(`${name} failed`);
}

/** Runs it in the foreground: it has its own hands on the end of its children. */
function exitCodeOf(signal) {
  const child = spawn(node, ['dist/chaos/main.js', ...args], { cwd: root, stdio: 'inherit' });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
