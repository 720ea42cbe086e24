// The PostgreSQL server of the fence suite. It is optional: without one the suite is left out, and that is said.
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findAccount, findProgram, isRoot, versionedFolders } from './programs.mjs';
import { outputOf, run } from './run.mjs';
import { exchange, startServer } from './server-process.mjs';

/**
 * Finds a server, or starts one on a private folder and a free port. Returns { url, description, stop }, or
 * { missing } with the reason when there is none.
 */
export async function postgresServer({ signal }) {
  const given = process.env.TCC_TEST_POSTGRES_URL;
  if (given) return { url: given, description: 'the server of TCC_TEST_POSTGRES_URL', stop: async () => undefined };
  const folders = [...versionedFolders('/usr/lib/postgresql'), ...versionedFolders('/usr', /^pgsql-/)];
  const program = findProgram(['postgres'], folders);
  if (program === undefined) return { missing: 'no PostgreSQL server was found (TCC_TEST_POSTGRES_URL may name one)' };
  const initdb = findProgram(['initdb'], [dirname(program), ...folders]);
  if (initdb === undefined) return { missing: `${program} is there, but no initdb` };
  // PostgreSQL refuses to run as root.
  const account = isRoot() ? findAccount(['postgres', 'nobody']) : {};
  if (account === undefined) return { missing: 'PostgreSQL does not run as root, and no other account was found' };
  try {
    return await startPrivately(program, initdb, account, signal);
  } catch (error) {
    signal?.throwIfAborted();
    return { missing: `${program} did not start: ${error.message}` };
  }
}

async function startPrivately(program, initdb, account, signal) {
  const folder = mkdtempSync(join(tmpdir(), 'tcc-postgres-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
    const data = join(folder, 'data');
    const initArgs = ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
    const code = await run(initdb, initArgs, { cwd: folder, signal, quiet: true, ...account });
    if (code !== 0) throw new Error('initdb failed');
    const server = await startServer({
      command: program,
      argsFor: (port) => ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', folder],
      ready: admits,
      stopSignal: 'SIGINT',
      logFile: join(folder, 'server.log'),
      ...account,
      signal,
    });
    const version = await outputOf(program, ['--version']);
    return {
      url: `postgres://postgres@127.0.0.1:${server.port}/postgres`,
      description: `${program} (${/(\d+(\.\d+)+)/.exec(version ?? '')?.[1] ?? 'unknown version'}), started on a private folder`,
      stop: () => server.stop().finally(remove),
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Whether the server lets a session in: it greets with an error while it still starts. */
function admits(port) {
  const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return exchange(port, Buffer.concat([length, body]), (received) => received[0] === 'R'.charCodeAt(0));
}
