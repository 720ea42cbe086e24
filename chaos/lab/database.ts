import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createConnection, type RowDataPacket } from 'mysql2/promise';

import { sleep, systemClock } from '../../src/lib/clock';
import { PrivateServer } from '../../test/e2e/support/private-server';

/** The data folder's disk: room for half an hour of orders, and small enough to be filled in a moment. */
const DISK_MIB = 768;

/** The file that takes the rest of the disk. */
const BALLAST = 'ballast';

/** How often a filler looks whether the server has found the disk full, in milliseconds. */
const FILL_LOOK_MS = 100;

/** A database server of the run's own, on a small disk of its own where that may be mounted. */
export class ChaosDatabase {
  readonly url: string;
  readonly version: string;
  /** Why there is no small disk; undefined when there is one. */
  readonly noDisk: string | undefined;
  private readonly server: PrivateServer;
  private readonly folder: string;
  private pid: number;
  /** When the run breaks in a way that nobody thought of, no server and no disk is left all the same. */
  private readonly atExit = () => {
    if (this.isAlive) process.kill(this.pid, 'SIGKILL');
    unmount(this.folder, this.noDisk);
  };

  private constructor(
    server: PrivateServer,
    found: {
      readonly folder: string;
      readonly noDisk: string | undefined;
      readonly pid: number;
      readonly version: string;
    },
  ) {
    this.server = server;
    this.url = server.url;
    this.version = found.version;
    this.folder = found.folder;
    this.noDisk = found.noDisk;
    this.pid = found.pid;
    process.once('exit', this.atExit);
  }

  /** A mariadbd or mysqld of this machine, or the one that TCC_TEST_DATABASE_PROGRAM names. */
  static async prepare(): Promise<ChaosDatabase> {
    const folder = mkdtempSync(join(tmpdir(), 'tcc-chaos-'));
    const noDisk = mount(folder);
    const given = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
    try {
      const server = await PrivateServer.prepare();
      return new ChaosDatabase(server, { folder, noDisk, ...(await factsOf(server.url)) });
    } catch (error) {
      unmount(folder, noDisk);
      throw error;
    } finally {
      if (given === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = given;
    }
  }

  /** Makes a database and returns its URL. */
  async create(name: string): Promise<string> {
    await run(this.url, `CREATE DATABASE ${name}`);
    return `${this.url}/${name}`;
  }

  kill(): Promise<void> {
    return this.server.kill();
  }

  async start(): Promise<void> {
    await this.server.start();
    this.pid = (await factsOf(this.url)).pid;
  }

  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (this.isAlive) process.kill(this.pid, 'SIGCONT');
  }

  get isAlive(): boolean {
    return stateOf(this.pid) !== undefined;
  }

  get isFrozen(): boolean {
    return isStopped(this.pid);
  }

  /**
   * Leaves not one byte of the disk, and writes into a table of its own until the server says that it cannot grow, or ends by
   * itself. Resolves with whether that came within `withinMs`.
   */
  async fill(withinMs: number): Promise<boolean> {
    const endMs = systemClock.monotonicMs() + withinMs;
    await run(this.url, 'CREATE DATABASE IF NOT EXISTS filler');
    await run(this.url, 'CREATE TABLE IF NOT EXISTS filler.blobs (id INT AUTO_INCREMENT PRIMARY KEY, what MEDIUMBLOB)');
    await takeAll(join(this.folder, BALLAST));
    while (systemClock.monotonicMs() < endMs) {
      try {
        await run(this.url, 'INSERT INTO filler.blobs (what) VALUES (REPEAT("x", 2000000))');
      } catch (error) {
        if (!this.isAlive || /full|space|write/i.test(String(error))) return true;
      }
      await sleep(systemClock, FILL_LOOK_MS);
    }
    return false;
  }

  /** Gives the disk back, and starts the server again if it has ended over it. */
  async empty(): Promise<void> {
    rmSync(join(this.folder, BALLAST), { force: true });
    if (!this.isAlive) await this.start();
    await run(this.url, 'DROP DATABASE IF EXISTS filler');
  }

  /** Ends it and removes every trace. */
  async remove(): Promise<void> {
    process.off('exit', this.atExit);
    await this.server.remove();
    unmount(this.folder, this.noDisk);
  }
}

/** A file that grows until the disk has no more. */
async function takeAll(file: string): Promise<void> {
  await once(spawn('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M'], { stdio: 'ignore' }), 'exit');
}

/** Whether the kernel says that the process is stopped. */
export function isStopped(pid: number): boolean {
  return stateOf(pid) === 'T';
}

/** The letter that the kernel has for it; undefined when there is none, or only its remains. */
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const letter = stat.charAt(stat.lastIndexOf(')') + 2);
    return letter === 'Z' ? undefined : letter;
  } catch {
    return undefined;
  }
}

/** A small disk at this folder; why not, when it cannot be had. */
function mount(folder: string): string | undefined {
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return (error?.message ?? stderr).trim() || 'mounting a small disk is not permitted';
}

function unmount(folder: string, noDisk: string | undefined): void {
  // Lazily: a process that was killed a moment ago may still be on its way out.
  if (noDisk === undefined) spawnSync('umount', ['--lazy', folder]);
  try {
    rmdirSync(folder);
  } catch {
    // Something is in it still: the system's own sweep takes it.
  }
}

async function factsOf(url: string): Promise<{ readonly pid: number; readonly version: string }> {
  const [row] = await run(url, 'SELECT @@pid_file AS pidFile, VERSION() AS version');
  const { pidFile, version } = row as { readonly pidFile: string; readonly version: string };
  return { pid: Number(readFileSync(pidFile, 'utf8')), version };
}

async function run(url: string, statement: string): Promise<RowDataPacket[]> {
  const connection = await createConnection({ uri: url, connectTimeout: 5_000 });
  connection.on('error', () => undefined);
  try {
    const [rows] = await connection.query<RowDataPacket[]>({ sql: statement, timeout: 10_000 });
    return rows;
  } finally {
    connection.destroy();
  }
}
