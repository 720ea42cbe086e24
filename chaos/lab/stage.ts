import { closeShop, openShop, type ShopDatabases, type ShopUrls } from '../../samples/shop/books/shop-databases';
import { Coordinator } from '../../test/e2e/support/coordinator';
import { pots } from '../../test/e2e/support/load';
import { freeAddress } from '../../test/e2e/support/ports';
import { Service, type ServiceName } from '../../test/e2e/support/service';
import { ChaosDatabase } from './database';
import { JournalCluster } from './journal-cluster';
import { Links } from './links';

/** How long a coordinator holds what it works on. The freezes are measured in it. */
export const LEASE_MS = 1_000;

export const serviceNames: readonly ServiceName[] = ['inventory', 'orders', 'payments'];

const seeds: Readonly<Record<ServiceName, Readonly<Record<string, string>>>> = {
  inventory: { SHOP_STOCK: pots('item', 10_000_000) },
  orders: {},
  payments: { SHOP_ACCOUNTS: `${pots('buyer', 1_000_000_000)},poor=5000` },
};

/** Deadlines beneath which a fault is noticed by somebody before it is over. */
const coordinatorEnv = {
  TCC_LOG_LEVEL: 'info',
  TCC_TRANSACTIONS_LEASE_MS: String(LEASE_MS),
  TCC_DRAIN_MS: '2000',
  TCC_DATABASE_QUERY_TIMEOUT_MS: '1500',
  TCC_DATABASE_CONNECT_TIMEOUT_MS: '1500',
  // A coordinator that is started while its database is away waits for it; a process that ends by itself is a violation.
  TCC_DATABASE_START_TIMEOUT_MS: '60000',
};

/** A coordinator, and the environment that its place among the links gives it. */
export interface PlacedCoordinator {
  readonly name: string;
  readonly tccd: Coordinator;
  readonly env: Readonly<Record<string, string>>;
  /** Where clients reach it. */
  readonly address: string;
}

/**
 * Two coordinators, the three services of the shop, one database server for all of them, and a proxy on every connection; or the
 * same with the coordinators' journal on a cluster. What it starts it also ends.
 */
export class Stage {
  readonly database: ChaosDatabase;
  /** Where the journal is; undefined: on the server of `database`. */
  readonly cluster: JournalCluster | undefined;
  readonly links: Links;
  readonly coordinators: readonly PlacedCoordinator[];
  /** The shop's databases themselves, past every proxy: for the checks. */
  readonly shopUrls: ShopUrls;
  readonly shop: ShopDatabases;
  private readonly serverJournalUrl: string;
  private readonly services = new Map<ServiceName, Service>();
  private readonly serviceEnv: ReadonlyMap<ServiceName, Readonly<Record<string, string>>>;

  private constructor(parts: {
    readonly database: ChaosDatabase;
    readonly cluster: JournalCluster | undefined;
    readonly links: Links;
    readonly journalUrl: string;
    readonly shopUrls: ShopUrls;
    readonly coordinators: readonly PlacedCoordinator[];
    readonly serviceEnv: ReadonlyMap<ServiceName, Readonly<Record<string, string>>>;
  }) {
    this.database = parts.database;
    this.cluster = parts.cluster;
    this.links = parts.links;
    this.serverJournalUrl = parts.journalUrl;
    this.shopUrls = parts.shopUrls;
    this.shop = openShop(parts.shopUrls);
    this.coordinators = parts.coordinators;
    this.serviceEnv = parts.serviceEnv;
  }

  /** Everything, running, for orders of so long. `clusterProgram` starts the cluster for the journal; undefined: there is none. */
  static async open(runMs: number, clusterProgram: string | undefined): Promise<Stage> {
    const cluster = clusterProgram === undefined ? undefined : await JournalCluster.start(clusterProgram);
    const stage = await Stage.prepare(await ownDatabase(runMs, cluster), cluster);
    try {
      await Promise.all(stage.coordinators.map((each) => stage.startCoordinator(each)));
      await Promise.all(serviceNames.map((name) => stage.startService(name)));
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  private static async prepare(database: ChaosDatabase, cluster: JournalCluster | undefined): Promise<Stage> {
    const links = new Links();
    const [journalUrl = '', inventory = '', orders = '', payments = ''] = await Promise.all(
      ['journal', 'inventory', 'orders', 'payments'].map((name) => database.create(name)),
    );
    const shopUrls = { inventory, orders, payments };
    const coordinators = await Promise.all(
      ['first', 'second'].map(async (name) => {
        const proxied = () => links.beforeDatabase(journalUrl, 'coordinator to database', name);
        return placed(name, cluster?.url ?? (await proxied()), links);
      }),
    );
    const serviceEnv = new Map<ServiceName, Readonly<Record<string, string>>>();
    for (const name of serviceNames) serviceEnv.set(name, await environmentOf(name, shopUrls[name], links));
    return new Stage({ database, cluster, links, journalUrl, shopUrls, coordinators, serviceEnv });
  }

  /** What keeps the books and the journal, for people. */
  get databases(): string {
    if (this.cluster === undefined) return this.database.version;
    return `${this.cluster.version}, three nodes of Group Replication, for the journal`;
  }

  /** The journal itself, where it takes writes now and past every proxy: for the checks. */
  async journalUrl(): Promise<string> {
    return this.cluster === undefined ? this.serverJournalUrl : this.cluster.primaryUrl();
  }

  coordinator(index: number): PlacedCoordinator {
    const found = this.coordinators[index % this.coordinators.length];
    if (found === undefined) throw new Error('there is no coordinator');
    return found;
  }

  service(name: ServiceName): Service {
    const found = this.services.get(name);
    if (found === undefined) throw new Error(`${name} was never started`);
    return found;
  }

  startCoordinator({ tccd, env }: PlacedCoordinator, more: Readonly<Record<string, string>> = {}): Promise<void> {
    return tccd.start({ ...env, ...more });
  }

  /** Starts the service at its place, also with other settings than before. */
  async startService(name: ServiceName, more: Readonly<Record<string, string>> = {}): Promise<void> {
    const env = this.serviceEnv.get(name) ?? {};
    const service = await Service.at(name, {
      databaseUrl: env['SHOP_DATABASE_URL'] ?? '',
      coordinators: this.links.of('participant to coordinator').map(({ proxy }) => `127.0.0.1:${proxy.port}`),
      env: { ...env, ...more },
    });
    this.services.set(name, service);
    await service.start();
  }

  /** Takes back what a fault may have left: links, frozen processes, a dead process. Returns who had ended by itself. */
  async mend(): Promise<string[]> {
    const faults: string[] = [];
    this.links.heal();
    this.database.thaw();
    if (!this.database.isAlive) {
      faults.push('the database had ended by itself');
      await this.database.start();
    }
    faults.push(...((await this.cluster?.mend()) ?? []));
    for (const each of this.coordinators) {
      if (each.tccd.program.isRunning) each.tccd.thaw();
      else {
        faults.push(`the ${each.name} coordinator had ended by itself: ${lastLine(each.tccd.program.output)}`);
        await this.startCoordinator(each);
      }
    }
    for (const name of serviceNames) {
      const service = this.service(name);
      if (service.program.isRunning) service.thaw();
      else {
        faults.push(`${name} had ended by itself: ${lastLine(service.program.output)}`);
        await this.startService(name);
      }
    }
    return faults;
  }

  /** Ends every process and connection, and removes every trace. */
  async close(): Promise<void> {
    this.links.heal();
    this.database.thaw();
    await Promise.all([...this.services.values()].map((service) => service.dispose()));
    await Promise.all(this.coordinators.map(({ tccd }) => tccd.dispose()));
    await closeShop(this.shop);
    await this.links.stop();
    await this.database.remove();
    await this.cluster?.close();
  }
}

/** The run's own server. Without it there is no use for the cluster either. */
async function ownDatabase(runMs: number, cluster: JournalCluster | undefined): Promise<ChaosDatabase> {
  try {
    return await ChaosDatabase.prepare(runMs);
  } catch (error) {
    await cluster?.close();
    throw error;
  }
}

async function placed(name: string, databaseUrl: string, links: Links): Promise<PlacedCoordinator> {
  const tccd = await Coordinator.at(`${name} tccd`, databaseUrl, coordinatorEnv);
  return {
    name,
    tccd,
    address: await links.before(tccd.address, 'client to coordinator', name),
    // The others and the participants hear of it by this address.
    env: { TCC_ADVERTISE: await links.before(tccd.address, 'participant to coordinator', name) },
  };
}

async function environmentOf(name: ServiceName, databaseUrl: string, links: Links) {
  const listen = await freeAddress();
  return {
    SHOP_DATABASE_URL: await links.beforeDatabase(databaseUrl, 'participant to database', name),
    SHOP_LISTEN: listen,
    SHOP_ADVERTISE: await links.before(listen, 'coordinator to participant', name),
    ...seeds[name],
  };
}

function lastLine(output: string): string {
  return output.trimEnd().split('\n').at(-1) ?? '';
}
