// A MySQL-family server for a machine that has none: from the distribution's packages, or in a container.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { findProgram, isRoot } from './programs.mjs';
import { outputOf, run } from './run.mjs';
import { greetsAsMysql } from './server-process.mjs';

const IMAGE = 'mysql:8.4';

/** How long the container may take until its server answers, in milliseconds: it makes its data folder first. */
const CONTAINER_READY_WITHIN_MS = 180_000;

/** While this file exists and says 101, Debian's packages start no service. */
const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** Installs MariaDB's server on Debian or Ubuntu, without starting it as a service. Throws when that cannot be done. */
export async function installMariadb({ signal, say }) {
  if (!isDebian()) throw new Error('nothing can be installed: this is not Debian or Ubuntu');
  if (!isRoot()) throw new Error('nothing can be installed: this is not root');
  const options = { signal, quiet: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = (...names) => run('apt-get', ['install', '-y', '--no-install-recommends', ...names], options);
  say('no MySQL-family server is there: installing MariaDB with apt-get');
  if ((await run('apt-get', ['update'], options)) !== 0) throw new Error('apt-get update failed');
  // The core packages have the programs and no service; older Ubuntus have them under other names only.
  if (await isPackage('mariadb-server-core')) {
    if ((await install('mariadb-server-core', 'mariadb-client-core')) === 0) return;
  }
  const code = await withoutServices(() => install('mariadb-server'));
  if (code !== 0) throw new Error('apt-get install mariadb-server failed');
}

function isDebian() {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && findProgram(['apt-get']) !== undefined;
}

async function isPackage(name) {
  return ((await outputOf('apt-cache', ['show', '--no-all-versions', name])) ?? '') !== '';
}

async function withoutServices(work) {
  if (existsSync(SERVICE_POLICY)) return work();
  writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return await work();
  } finally {
    rmSync(SERVICE_POLICY, { force: true });
  }
}

/** Runs MySQL in a container on a free port. Throws when docker is not there or does not answer. */
export async function runMysqlContainer({ signal, say }) {
  if (findProgram(['docker']) === undefined) throw new Error('docker is not there');
  if ((await outputOf('docker', ['info'])) === undefined)
    throw new Error('docker is there, but its daemon does not answer');
  say(`no MySQL-family server is there: running ${IMAGE} with docker`);
  const publish = ['--publish', '127.0.0.1::3306', '--env', 'MYSQL_ALLOW_EMPTY_PASSWORD=yes'];
  const id = await outputOf('docker', ['run', '--detach', '--rm', ...publish, IMAGE]);
  if (id === undefined) throw new Error(`docker could not run ${IMAGE}`);
  const stop = () => outputOf('docker', ['rm', '--force', '--volumes', id]);
  try {
    const port = Number((await outputOf('docker', ['port', id, '3306/tcp']))?.split(':').at(-1));
    await answers(port, signal);
    return { url: `mysql://root@127.0.0.1:${port}`, description: `${IMAGE} in a container`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function answers(port, signal) {
  const endMs = performance.now() + CONTAINER_READY_WITHIN_MS;
  while (!(await greetsAsMysql(port))) {
    if (performance.now() > endMs)
      throw new Error(`${IMAGE} did not answer within ${CONTAINER_READY_WITHIN_MS / 1000} s`);
    await pause(500, undefined, { signal });
  }
}
