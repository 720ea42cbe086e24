// `npm run sim`: the deterministic simulation (sim/). Installs and generates what a fresh clone lacks. See --help.
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './lib/dependencies.mjs';
import { interruption } from './lib/interruption.mjs';
import { mustRun, runInForeground } from './lib/run.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const node = process.execPath;
// Worlds are made of short-lived objects: a larger nursery spares copying them.
const NURSERY = ['--max-semi-space-size=64', '--min-semi-space-size=32'];
const signal = interruption();

try {
  await ensureDependencies(root, { signal });
  await mustRun('generate', node, ['scripts/generate.mjs'], { cwd: root, signal });
  const args = [...NURSERY, 'sim/load.cjs', ...process.argv.slice(2)];
  process.exitCode = await runInForeground(node, args, { cwd: root, signal });
} catch (error) {
  process.stderr.write(`npm run sim: ${error.message}\n`);
  process.exitCode ??= 1;
}
