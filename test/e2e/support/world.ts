import { createClient, type TccClient } from 'tcc-coordinator/client';

import { books } from '../../../samples/shop/books/books';
import { closeShop, openShop, type ShopDatabases, type ShopUrls } from '../../../samples/shop/books/shop-databases';
import type { Order } from '../../../samples/shop/place-order/place-order';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { Coordinator } from './coordinator';
import { Rows } from './rows';
import { carriers, Service, type Carrier, type ServiceName } from './service';

/** What the shop begins with, unless a test says otherwise: enough for every test of a file, and one clock. */
const seeds: Readonly<Record<ServiceName, Readonly<Record<string, string>>>> = {
  inventory: { SHOP_STOCK: 'lamp=1000,chair=1000,clock=1' },
  orders: {},
  payments: { SHOP_ACCOUNTS: 'ada=10000000,bob=10000000,carl=500' },
};

const serviceNames: readonly ServiceName[] = ['inventory', 'orders', 'payments'];

/**
 * After the faults have stopped (I11): lease, scan period and the largest backoff of the impatient settings are over in three seconds;
 * the rest is for a busy machine.
 */
export const SETTLED_WITHIN_MS = 30_000;

/** Every database and every carrier: what a suite runs on when neither may make a difference to it. */
export const grounds = (['sqlite', 'mysql'] as const).flatMap((database) =>
  carriers.map((carrier) => ({ database, carrier })),
);

export interface WorldOptions {
  /** How applications and services talk with the coordinators. Default: by streams, and services have an address as well. */
  readonly carrier?: Carrier;
  readonly seeds?: Partial<Record<ServiceName, Readonly<Record<string, string>>>>;
  /** Another MySQL-family server than that of TCC_TEST_MYSQL_URL. */
  readonly serverUrl?: string;
}

/** The shop with its own databases, and one database for any number of coordinators. What it starts it also ends. */
export class World {
  readonly databaseUrl: string;
  readonly shopUrls: ShopUrls;
  readonly rows: Rows;
  private readonly shop: ShopDatabases;
  private readonly databases: readonly TestDatabase[];
  private readonly options: WorldOptions;
  private readonly coordinators: Coordinator[] = [];
  private readonly services: Service[] = [];
  private readonly clients: TccClient[] = [];
  private orders = 0;

  private constructor(
    databases: readonly [TestDatabase, TestDatabase, TestDatabase, TestDatabase],
    options: WorldOptions,
  ) {
    const [coordinators, inventory, orders, payments] = databases;
    this.databases = databases;
    this.databaseUrl = coordinators.url;
    this.shopUrls = { inventory: inventory.url, orders: orders.url, payments: payments.url };
    this.options = options;
    this.shop = openShop(this.shopUrls);
    this.rows = new Rows(this.databaseUrl);
  }

  private get carried() {
    const { carrier } = this.options;
    return carrier === undefined ? {} : { carrier };
  }

  /** Fresh, empty databases; nothing is running yet. */
  static async on(kind: 'sqlite' | 'mysql', options: WorldOptions = {}): Promise<World> {
    const { create } = sqlDatabases().find(({ name }) => name === kind) ?? {};
    if (create === undefined) throw new Error(`no databases of kind ${kind}`);
    const given = process.env['TCC_TEST_MYSQL_URL'];
    if (options.serverUrl !== undefined) process.env['TCC_TEST_MYSQL_URL'] = options.serverUrl;
    try {
      return new World([await create(), await create(), await create(), await create()], options);
    } finally {
      if (given === undefined) delete process.env['TCC_TEST_MYSQL_URL'];
      else process.env['TCC_TEST_MYSQL_URL'] = given;
    }
  }

  /** A tccd that is not running yet. `databaseUrl`: by another way than straight to the database. */
  async coordinator(
    name: string,
    options: { readonly databaseUrl?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Promise<Coordinator> {
    const made = await Coordinator.at(name, options.databaseUrl ?? this.databaseUrl, options.env);
    this.coordinators.push(made);
    return made;
  }

  /** A service that is not running yet. */
  async service(name: ServiceName, coordinators: readonly Coordinator[], instance = 1): Promise<Service> {
    const made = await Service.at(name, {
      databaseUrl: this.shopUrls[name],
      coordinators: coordinators.map(({ address }) => address),
      instance,
      ...this.carried,
      env: this.options.seeds?.[name] ?? seeds[name],
    });
    this.services.push(made);
    return made;
  }

  /**
   * Waits until every running service has a stream to each of these coordinators. A service says that it is ready when one coordinator
   * knows it, and a coordinator that was started again waits for it for two seconds only: a test that lets no order fail begins here.
   */
  async untilAttached(coordinators: readonly Coordinator[]): Promise<void> {
    const instances = this.services.flatMap(({ isRunning, attachesAs }) =>
      isRunning && attachesAs !== undefined ? [attachesAs] : [],
    );
    await Promise.all(coordinators.map((each) => each.untilAttached(instances)));
  }

  /** The three services, running and attached to those of the coordinators that run. */
  async openShop(coordinators: readonly Coordinator[]): Promise<Readonly<Record<ServiceName, Service>>> {
    const [inventory, orders, payments] = await Promise.all(
      serviceNames.map(async (name) => {
        const service = await this.service(name, coordinators);
        await service.start();
        return service;
      }),
    );
    if (inventory === undefined || orders === undefined || payments === undefined)
      throw new Error('a service is missing');
    await this.untilAttached(coordinators.filter(({ isRunning }) => isRunning));
    return { inventory, orders, payments };
  }

  client(coordinators: readonly Coordinator[], timeoutMs = 30_000): TccClient {
    const made = createClient({
      addresses: coordinators.map(({ address }) => address),
      timeoutMs,
      ...this.carried,
    });
    this.clients.push(made);
    return made;
  }

  /** An order for a lamp under a gid of its own. */
  order(changes: Partial<Order> = {}): Order {
    this.orders += 1;
    return { orderId: `order-${this.orders}`, buyer: 'ada', sku: 'lamp', quantity: 1, price: 1999, ...changes };
  }

  /**
   * Waits until every transaction is terminal (I7, I11) and audits the shop: stock, money and orders add up, and the
   * coordinator says of each order what the shop's books say. `alsoAsk`: orders that may have left no row in the shop.
   */
  async expectBalancedBooks(tcc: TccClient, alsoAsk: readonly string[] = []): Promise<void> {
    await eventually(async () => expect(await this.rows.open()).toEqual([]), {
      timeoutMs: SETTLED_WITHIN_MS,
      everyMs: 50,
    });
    const { faults } = await books(this.shop, async (gid) => (await tcc.get(gid)).status, alsoAsk);
    expect(faults).toEqual([]);
  }

  /** Ends every process and connection, and drops the databases. */
  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    // The services first, so that they can say goodbye to a coordinator.
    await Promise.all(this.services.map((service) => service.dispose()));
    await Promise.all(this.coordinators.map((coordinator) => coordinator.dispose()));
    await closeShop(this.shop);
    await this.rows.close();
    await Promise.all(this.databases.map((database) => database.drop()));
  }
}
