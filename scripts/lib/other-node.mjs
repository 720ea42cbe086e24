// Another version of Node for the suites, from the npm registry.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './dependencies.mjs';
import { outputOf, say } from './run.mjs';

/** The path of a Node program of this major version, kept in the project's .cache. Throws when it cannot be had. */
export async function nodeOfVersion(root, major, { signal } = {}) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(root, '.cache', `node-${major}`);
  const program = join(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(program)) {
    say(`installing ${name}@${major} into .cache`);
    mkdirSync(folder, { recursive: true });
    const code = await npm(
      ['install', '--prefix', folder, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', `${name}@${major}`],
      { cwd: folder, signal, quiet: true },
    );
    if (code !== 0) throw new Error(`npm could not install ${name}@${major}`);
  }
  const version = await outputOf(program, ['--version']);
  if (version === undefined) throw new Error(`${program} does not run on this machine`);
  return { program, version };
}
