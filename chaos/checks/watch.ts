import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

import type { ShopUrls } from '../../samples/shop/books/shop-databases';
import { sleep, systemClock } from '../../src/lib/clock';

/** Between two looks at the books while everything runs, in milliseconds. */
const LOOK_MS = 300;

/** And at least so many times as long as a look takes: in a long run the looks must not become what is measured. */
const PART_OF_TIME = 10;

/** A look at a database that hangs is given up after so many milliseconds. */
const GIVE_UP_MS = 10_000;

interface PotRow extends RowDataPacket {
  readonly name: string;
  readonly free: number;
  readonly frozen: number;
  /** A decimal comes as text. */
  readonly open: number | string;
}

/** One statement is one snapshot: what is frozen must be what the open reservations of the same moment say. */
const STOCK =
  'SELECT i.sku AS name, i.available AS free, i.frozen, COALESCE(r.open, 0) AS open FROM items i LEFT JOIN ' +
  "(SELECT sku, SUM(quantity) AS open FROM reservations WHERE status = 'RESERVED' GROUP BY sku) r ON r.sku = i.sku";
const MONEY =
  'SELECT a.buyer AS name, a.balance AS free, a.frozen, COALESCE(h.open, 0) AS open FROM accounts a LEFT JOIN ' +
  "(SELECT buyer, SUM(amount) AS open FROM holds WHERE status = 'HELD' GROUP BY buyer) h ON h.buyer = a.buyer";

/** Looks at the shop's books all the time, past every proxy, and keeps what it finds wrong. */
export class Watch {
  /** Looks that were answered. */
  looks = 0;
  private readonly faults = new Set<string>();
  private readonly stopping = new AbortController();
  private readonly loops: readonly Promise<void>[];

  constructor({ inventory, payments }: ShopUrls) {
    this.loops = [this.follow(inventory, 'pieces', STOCK), this.follow(payments, 'money', MONEY)];
  }

  /** What was found since the last time. */
  take(): string[] {
    const found = [...this.faults];
    this.faults.clear();
    return found;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  private async follow(url: string, what: string, statement: string): Promise<void> {
    const { signal } = this.stopping;
    let connection: Connection | undefined;
    while (!signal.aborted) {
      const fromMs = systemClock.monotonicMs();
      try {
        connection ??= await connected(url);
        const [rows] = await connection.query<PotRow[]>({ sql: statement, timeout: GIVE_UP_MS });
        this.looks += 1;
        for (const row of rows) for (const fault of faultsOf(row, what)) this.faults.add(fault);
      } catch {
        // The database is away, or is killed right now: then there is nothing to see.
        connection?.destroy();
        connection = undefined;
      }
      const tookMs = systemClock.monotonicMs() - fromMs;
      await sleep(systemClock, Math.max(LOOK_MS, Math.min(PART_OF_TIME * tookMs, GIVE_UP_MS)), signal);
    }
    connection?.destroy();
  }
}

async function connected(url: string): Promise<Connection> {
  const connection = await createConnection({ uri: url, connectTimeout: 2_000, supportBigNumbers: true });
  connection.on('error', () => undefined);
  return connection;
}

function faultsOf({ name, free, frozen, open }: PotRow, what: string): string[] {
  const faults: string[] = [];
  if (free < 0) faults.push(`meanwhile, ${what} of ${name}: ${free} is less than nothing`);
  if (frozen < 0) faults.push(`meanwhile, ${what} of ${name}: ${frozen} frozen is less than nothing`);
  if (frozen !== Number(open))
    faults.push(`meanwhile, ${what} of ${name}: ${frozen} frozen, open reservations say ${open}`);
  return faults;
}
