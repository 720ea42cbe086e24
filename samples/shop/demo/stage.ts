import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, TccRequestError, type TccClient } from 'tcc-coordinator/client';
import { closeShop, openShop, type ShopDatabases } from '../books/shop-databases';
import { Child, type Program } from './child';
import { createDatabases, type DemoDatabases } from './databases';
import { freePort } from './free-port';
import { until } from './patience';
import { ServiceProcess, type ServiceName } from './service-process';

/** Migrations of an empty database and a busy machine included, in milliseconds. */
const COORDINATOR_START_MS = 30_000;

/** Shorter than the defaults, so that nobody waits long for a takeover in a demo; the tour's faults stay the same. */
const impatientCoordinator = { TCC_TRANSACTIONS_LEASE_MS: '1500', TCC_TRANSACTIONS_SCAN_MS: '250' };

/** Everything that the demo starts, and it alone stops it again: the databases, tccd and the shop's three services. */
export class Stage {
  readonly databases: DemoDatabases;
  /** The coordinator's, as host:port. */
  readonly address: string;
  readonly tcc: TccClient;
  readonly shop: ShopDatabases;
  private readonly folder: string;
  /** Rejects when a process ends although nobody asked it to. */
  readonly broken: Promise<never>;
  private reportBroken: (error: Error) => void = () => undefined;
  private coordinator: Child | undefined;
  private readonly children: Child[] = [];
  private readonly services = new Map<ServiceName, ServiceProcess>();
  private stopping: Promise<void> | undefined;

  private constructor(databases: DemoDatabases, address: string, folder: string) {
    this.databases = databases;
    this.address = address;
    this.folder = folder;
    this.tcc = createClient({ addresses: [address] });
    this.shop = openShop(databases);
    this.broken = new Promise((_resolve, reject) => (this.reportBroken = reject));
    this.broken.catch(() => undefined);
  }

  /** Prepares everything but starts no process yet: `stop` cleans up from here on. */
  static async prepare(serverUrl: string | undefined): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'tcc-demo-'));
    try {
      const databases = await createDatabases(folder, serverUrl);
      const address = `127.0.0.1:${await freePort()}`;
      return new Stage(databases, address, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async startCoordinator(): Promise<void> {
    const program: Program = {
      name: 'tccd',
      script: join(__dirname, '../../../src/bin/tccd.js'),
      speaks: false,
      logFile: join(this.folder, 'tccd.log'),
      env: { TCC_LISTEN: this.address, TCC_DATABASE_URL: this.databases.tccd, ...impatientCoordinator },
    };
    this.coordinator = this.spawn(program);
    await until('the coordinator starts', COORDINATOR_START_MS, () => this.answers());
  }

  async startService(name: ServiceName, seed: Readonly<Record<string, string>> = {}): Promise<void> {
    const setup = {
      databaseUrl: this.databases[name],
      coordinator: this.address,
      seed,
      folder: this.folder,
      spawn: (started: Program) => this.spawn(started),
    };
    this.services.set(name, await ServiceProcess.start(name, setup));
  }

  service(name: ServiceName): ServiceProcess {
    const service = this.services.get(name);
    if (service === undefined) throw new Error(`${name} is not on stage`);
    return service;
  }

  async killCoordinator(): Promise<void> {
    await this.coordinator?.kill();
  }

  /** Where a transaction stands, or undefined when the coordinator does not know it (yet). */
  async statusOf(gid: string): Promise<string | undefined> {
    try {
      return (await this.tcc.get(gid)).status;
    } catch (error) {
      if (error instanceof TccRequestError && error.code === 'TRANSACTION_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** Ends every process and removes every trace. Safe to call again. */
  stop(): Promise<void> {
    this.stopping ??= this.strike();
    return this.stopping;
  }

  /** For the very last moment, when nothing can be waited for. */
  killNow(): void {
    for (const child of this.children) child.killNow();
  }

  private async strike(): Promise<void> {
    // The services first, so that they can still say goodbye to the coordinator.
    const services = this.children.filter((child) => child !== this.coordinator);
    await Promise.all(services.map((child) => child.stop()));
    await this.coordinator?.stop();
    await this.tcc.close();
    await closeShop(this.shop);
    await this.databases.drop();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async answers(): Promise<true | undefined> {
    try {
      await this.statusOf('is-anybody-there');
      return true;
    } catch {
      return undefined;
    }
  }

  private spawn(program: Program): Child {
    if (this.stopping !== undefined) throw new Error('the demo is being stopped');
    const child = new Child(program, (ended) => {
      this.reportBroken(new Error(`${program.name} ended by itself. Its last words:\n${ended.lastWords()}`));
    });
    this.children.push(child);
    return child;
  }
}
