import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sleep, systemClock } from '../../src/lib/clock';
import { PrivateServer } from '../../test/e2e/support/private-server';
import { isAlive, isStopped } from './process-state';
import { isSilence, productOf, run } from './sql';

/**
 * The data folder's disk: what a server begins with and what orders leave while a disk is full (MySQL: 140 MiB, and 200 for each
 * minute that it waits), and the orders of each minute (measured: 16 to 20 MiB). Small, so that it is filled in a moment.
 */
const DISK_MIB = 768;
const DISK_MIB_PER_MINUTE = 32;

/** The file that takes the rest of the disk. */
const BALLAST = 'ballast';

/** How often a filler looks whether the server has found the disk full, in milliseconds. */
const FILL_LOOK_MS = 100;

/** A server that does not answer for so long, with not a byte left on its disk, waits for room: MySQL does, for its binary log. */
const FILL_PATIENCE_MS = 3_000;

/** A server that waits for room looks for it once a minute (MySQL's MY_WAIT_FOR_USER_TO_FIX_PANIC). */
const GOES_ON_WITHIN_MS = 75_000;

/** MySQL writes a binary log unless it is told not to: it stays on, as in production, and must not fill the small disk with history. */
const SMALL_BINARY_LOG = ['--loose-max-binlog-size=16M', '--loose-binlog-expire-logs-seconds=30'];

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

  /** A mariadbd or mysqld of this machine, or the one that TCC_TEST_DATABASE_PROGRAM names, with room for orders of so long. */
  static async prepare(runMs: number): Promise<ChaosDatabase> {
    const folder = mkdtempSync(join(tmpdir(), 'tcc-chaos-'));
    const noDisk = mount(folder, Math.ceil(DISK_MIB + (DISK_MIB_PER_MINUTE * runMs) / 60_000));
    const given = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
    try {
      const server = await PrivateServer.prepare(SMALL_BINARY_LOG);
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
    return isAlive(this.pid);
  }

  get isFrozen(): boolean {
    return isStopped(this.pid);
  }

  /**
   * Leaves not one byte of the disk, and writes into a table of its own until the server says that it cannot grow, waits for
   * room, or ends by itself. Resolves with whether that came within `withinMs`.
   */
  async fill(withinMs: number): Promise<boolean> {
    const endMs = systemClock.monotonicMs() + withinMs;
    await run(this.url, 'CREATE DATABASE IF NOT EXISTS filler');
    await run(this.url, 'CREATE TABLE IF NOT EXISTS filler.blobs (id INT AUTO_INCREMENT PRIMARY KEY, what MEDIUMBLOB)');
    await takeAll(join(this.folder, BALLAST));
    while (systemClock.monotonicMs() < endMs) {
      try {
        await run(this.url, 'INSERT INTO filler.blobs (what) VALUES (REPEAT("x", 2000000))', FILL_PATIENCE_MS);
      } catch (error) {
        if (!this.isAlive || /full|space|write/i.test(String(error))) return true;
        if (isSilence(error) && statfsSync(this.folder).bavail === 0) return true;
      }
      await sleep(systemClock, FILL_LOOK_MS);
    }
    return false;
  }

  /** Gives the disk back, starts the server again if it has ended over it, and waits until it goes on. */
  async empty(): Promise<void> {
    rmSync(join(this.folder, BALLAST), { force: true });
    if (!this.isAlive) await this.start();
    await run(this.url, 'DROP DATABASE IF EXISTS filler', GOES_ON_WITHIN_MS);
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

/** A small disk at this folder; why not, when it cannot be had. */
function mount(folder: string, mib: number): string | undefined {
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', folder], {
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
  return { pid: Number(readFileSync(pidFile, 'utf8')), version: productOf(version) };
}
