import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openDatabase } from '../database/open';

/** One database for the coordinator and one for each service: no two of them share anything. */
export interface DemoDatabases {
  readonly tccd: string;
  readonly inventory: string;
  readonly orders: string;
  readonly payments: string;
  /** Removes them. */
  drop(): Promise<void>;
}

const owners = ['tccd', 'inventory', 'orders', 'payments'] as const;

/** Fresh databases: files in `folder`, or with random names on the server at `serverUrl`. */
export async function createDatabases(folder: string, serverUrl: string | undefined): Promise<DemoDatabases> {
  if (serverUrl === undefined) {
    const file = (owner: string): string => `sqlite:${join(folder, `${owner}.sqlite`)}`;
    return { ...urls(file), drop: () => Promise.resolve() };
  }
  const suffix = randomBytes(4).toString('hex');
  const nameOf = (owner: string): string => `tcc_demo_${owner}_${suffix}`;
  const urlOf = (owner: string): string => {
    const url = new URL(serverUrl);
    url.pathname = `/${nameOf(owner)}`;
    return url.href;
  };
  await onServer(
    serverUrl,
    owners.map((owner) => `CREATE DATABASE ${nameOf(owner)}`),
  );
  const drop = () =>
    onServer(
      serverUrl,
      owners.map((owner) => `DROP DATABASE IF EXISTS ${nameOf(owner)}`),
    );
  return { ...urls(urlOf), drop };
}

function urls(urlOf: (owner: string) => string): Omit<DemoDatabases, 'drop'> {
  return {
    tccd: urlOf('tccd'),
    inventory: urlOf('inventory'),
    orders: urlOf('orders'),
    payments: urlOf('payments'),
  };
}

async function onServer(url: string, statements: readonly string[]): Promise<void> {
  const { db } = openDatabase(url);
  try {
    for (const statement of statements) await db.raw(statement);
  } finally {
    await db.destroy();
  }
}
