// `npm run sim`: the deterministic simulation (sim/). Installs and generates what a fresh clone lacks. See --help.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { run } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
// Worlds are made of short-lived objects: a larger nursery spares copying them.
const NURSERY = ['--max-semi-space-size=64', '--min-semi-space-size=32'];
const interruption = new AbortController();
for (const name of ['SIGHUP', 'SIGINT', 'SIGTERM'])
  process.on(name, () => interruption.abort(new Error(`interrupted by ${name}`)));

try {
  const { signal } = interruption;
  await ensureDependencies(root, { signal });
  if ((await run(node, ['scripts/generate.mjs'], { cwd: root, signal })) !== 0) throw new Error('generate failed');
  process.exitCode = await exitCodeOf(signal);
} catch (error) {
  process.stderr.write(`npm run sim: ${error.message}\n`);
  process.exitCode ??= 1;
}

function exitCodeOf(signal) {
  const child = spawn(node, [...NURSERY, 'sim/load.cjs', ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
