// Finds programs on this machine, also where the PATH of an ordinary user does not lead.
import { accessSync, constants, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const usualFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/usr/libexec'];
const homebrew = ['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'];
const homebrewFormulas = /^(mariadb|mysql|postgresql)(@.*)?$/;

/** The full path of the first of `names` that can be run; undefined when there is none. */
export function findProgram(names, moreFolders = []) {
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...moreFolders, ...usualFolders];
  for (const name of names) {
    const found = [...folders, ...homebrewFolders()].map((folder) => join(folder, name)).find(canRun);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The folders `parent/ENTRY/bin`, the highest version first. */
export function versionedFolders(parent, pattern = /./) {
  return entriesOf(parent)
    .filter((entry) => pattern.test(entry))
    .sort((left, right) => right.localeCompare(left, 'en', { numeric: true }))
    .map((entry) => join(parent, entry, 'bin'));
}

/** Whether this process is root. */
export function isRoot() {
  return process.getuid?.() === 0;
}

/** The first of these accounts that this machine has, as { uid, gid }; undefined when there is none. */
export function findAccount(names) {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const found = names.map((name) => accounts.find(([account]) => account === name)).find(Boolean);
  return found === undefined ? undefined : { uid: Number(found[2]), gid: Number(found[3]) };
}

function homebrewFolders() {
  return homebrew.flatMap((prefix) => [
    join(prefix, 'bin'),
    ...versionedFolders(join(prefix, 'opt'), homebrewFormulas),
  ]);
}

function entriesOf(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function canRun(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
