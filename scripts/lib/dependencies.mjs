// Makes sure that node_modules holds what package-lock.json says.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run, say } from './run.mjs';

/** Installs the dependencies of the project in `root` when they are missing or outdated, and says so. Throws when that fails. */
export async function ensureDependencies(root, { signal } = {}) {
  const reason = whyInstall(root);
  if (reason === undefined) return;
  say(`${reason}: installing the dependencies with npm ci`);
  const code = await npm(['ci', '--no-audit', '--no-fund'], { cwd: root, signal });
  if (code !== 0) throw new Error('npm ci failed: is the npm registry reachable from here?');
}

/** Runs npm: the one that started this script, else the one on the PATH. */
export function npm(args, options) {
  const script = process.env.npm_execpath;
  return script?.endsWith('npm-cli.js') ? run(process.execPath, [script, ...args], options) : run('npm', args, options);
}

function whyInstall(root) {
  const wanted = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return 'node_modules is not there';
  if (statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return undefined;
  // A checkout touches the file without changing it: only other versions are worth a new installation.
  return samePackages(readPackages(wanted), readPackages(installed)) ? undefined : 'node_modules is out of date';
}

function readPackages(file) {
  return Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages).filter(([path]) => path !== '');
}

/** Optional packages are left out on the platforms that they are not for. */
function samePackages(wanted, installed) {
  const versions = new Map(installed.map(([path, entry]) => [path, entry.version]));
  const paths = new Set(wanted.map(([path]) => path));
  return (
    wanted.every(([path, entry]) => versions.get(path) === entry.version || (entry.optional && !versions.has(path))) &&
    installed.every(([path]) => paths.has(path))
  );
}
