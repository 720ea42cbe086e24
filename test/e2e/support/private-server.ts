import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';

import { createConnection } from 'mysql2/promise';

import { eventually } from '../../support/eventually';
import { freeAddress } from './ports';

const READY_MS = 60_000;

/** The environment variable that names the server program: a path, a name on PATH, or `none`. */
const PROGRAM = 'TCC_TEST_DATABASE_PROGRAM';

/** A MySQL-family server of the test's own, which it may restart and kill: the same folder and port over any number of lives. */
export class PrivateServer {
  readonly url: string;
  private readonly program: string;
  private readonly folder: string;
  private readonly args: readonly string[];
  private life: ChildProcess | undefined;

  private constructor(program: string, folder: string, port: string, more: readonly string[]) {
    this.program = program;
    this.folder = folder;
    this.url = `mysql://root@127.0.0.1:${port}`;
    this.args = [
      ...common(folder),
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${join(folder, 'server.sock')}`,
      `--pid-file=${join(folder, 'server.pid')}`,
      ...(isMariadb(program) ? [] : ['--mysqlx=OFF', '--secure-file-priv=NULL']),
      ...more,
    ];
  }

  /** Whether tests with a server of their own are to run: TCC_TEST_DATABASE_PROGRAM=none says that they are not. */
  static isWanted(): boolean {
    return process.env[PROGRAM] !== 'none';
  }

  /**
   * Makes the data folder of a mariadbd or mysqld of this machine, or of the program that TCC_TEST_DATABASE_PROGRAM names, and
   * starts it, with `more` on its command line. Throws, saying what to do, when there is none, and with the end of the log when it does not come up.
   */
  static async prepare(more: readonly string[] = []): Promise<PrivateServer> {
    const program = programHere();
    const folder = mkdtempSync(join(tmpdir(), 'tcc-private-'));
    const [, port = ''] = (await freeAddress()).split(':');
    const server = new PrivateServer(program, folder, port, more);
    try {
      initialise(program, folder);
      await server.start();
      return server;
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  async start(): Promise<void> {
    const log = openSync(join(this.folder, 'server.log'), 'a');
    const child = spawn(this.program, this.args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.life = child;
    child.once('error', () => undefined);
    await eventually(
      async () => {
        if (hasEnded(child)) return true;
        const connection = await createConnection({ uri: this.url, connectTimeout: 2_000 });
        await connection.end();
        return true;
      },
      { timeoutMs: READY_MS, everyMs: 50 },
    );
    if (hasEnded(child)) throw new Error(`${this.program} did not start:\n${this.lastWords()}`);
  }

  /** Shuts it down in good order. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends it and removes every trace. */
  async remove(): Promise<void> {
    await this.end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.life;
    if (child === undefined || hasEnded(child)) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  private lastWords(): string {
    return readFileSync(join(this.folder, 'server.log'), 'utf8').trimEnd().split('\n').slice(-15).join('\n');
  }
}

function programHere(): string {
  const named = process.env[PROGRAM];
  const program = named === undefined ? ['mariadbd', 'mysqld'].map(findProgram).find(Boolean) : findProgram(named);
  if (program !== undefined) return program;
  throw new Error(
    `${named === undefined ? 'neither mariadbd nor mysqld can' : `${named} cannot`} be run here, and a test restarts and kills a database server of its own: install ` +
      `one (Debian: mariadb-server), name one by ${PROGRAM}, or leave these tests out with ${PROGRAM}=none`,
  );
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function initialise(program: string, folder: string): void {
  const installer = ['mariadb-install-db', 'mysql_install_db'].map(findProgram).find((found) => found !== undefined);
  const [command, args] =
    isMariadb(program) && installer !== undefined
      ? [installer, ['--auth-root-authentication-method=normal']]
      : [program, ['--initialize-insecure', '--secure-file-priv=NULL']];
  const result = spawnSync(command, [...common(folder), ...args], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`${command} failed:\n${result.stdout}${result.stderr}`);
}

function common(folder: string): string[] {
  const isRoot = process.getuid?.() === 0;
  return ['--no-defaults', `--datadir=${join(folder, 'data')}`, ...(isRoot ? ['--user=root'] : [])];
}

function isMariadb(program: string): boolean {
  return /mariadb/i.test(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout);
}

function findProgram(name: string): string | undefined {
  if (name.includes('/')) return [resolve(name)].find(canRun);
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/libexec'];
  return folders.map((folder) => join(folder, name)).find(canRun);
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
