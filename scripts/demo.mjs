// `npm run demo`: installs and builds what a fresh clone lacks, then runs samples/shop/demo. Needs Node and npm only.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const entry = join(root, 'dist/samples/shop/demo/main.js');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`This needs Node 20.19 or newer; here is ${process.versions.node}.`);
  process.exit(1);
}

// npm writes this file last, and it names what is installed.
const installed = join(root, 'node_modules/.package-lock.json');
if (!existsSync(installed)) {
  run('Installing the packages (npm ci; only the first time) …', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}
if (!existsSync(entry) || newest(['src', 'samples', 'proto']) > statSync(entry).mtimeMs) {
  run('Building (npm run build) …', ['run', '-s', 'build']);
}

// From here on the demo's own hands are on Ctrl-C.
const { main } = createRequire(import.meta.url)(entry);
// It has ended everything that it started; what still waits in an interrupted show waits for nothing.
process.exit(await main(process.argv.slice(2)));

function run(what, args) {
  console.log(what);
  const npm = process.env.npm_execpath;
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const { status, error } = spawnSync(command, [...first, ...args], { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  // The compiler writes files also when it finds faults: the next time they must not pass for a finished build.
  rmSync(entry, { force: true });
  console.error(`npm ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}.`);
  process.exit(1);
}

/** When anything in these folders was last changed; what the build itself writes does not count. */
function newest(folders) {
  return Math.max(
    ...folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((file) => file.isFile() && !file.parentPath.includes('/generated'))
        .map((file) => statSync(join(file.parentPath, file.name)).mtimeMs),
    ),
  );
}
