// `npm run chaos`: installs and builds what a fresh clone lacks, then runs chaos/. See --help and docs/reliability.md.
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { interruption } from './lib/interruption.mjs';
import { installMariadb } from './lib/mysql-fetched.mjs';
import { findProgram } from './lib/programs.mjs';
import { mustRun, runInForeground, say } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
const args = process.argv.slice(2);
const interrupted = interruption();

try {
  process.exitCode = await chaos(interrupted);
} catch (error) {
  process.stderr.write(`npm run chaos: ${error.message}\n`);
  process.exitCode ??= 1;
}

async function chaos(signal) {
  await ensureDependencies(root, { signal });
  await mustRun('generate', node, ['scripts/generate.mjs'], { cwd: root, signal });
  await mustRun('build', node, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { cwd: root, signal });
  const isQuestion = args.some((name) => name === '--help' || name === '--list');
  const needsServer = !isQuestion && !args.includes('--server') && findProgram(['mariadbd', 'mysqld']) === undefined;
  if (needsServer) await installMariadb({ signal, say });
  return runInForeground(node, ['dist/chaos/main.js', ...args], { cwd: root, signal });
}
