import type { Stoppable } from '../lib/lifecycle';

import { ClusterDatabase } from './cluster';
import type { Database } from './database';
import { parseDatabaseUrl, type DatabaseAddress, type MysqlAddress } from './database-url';
import { MysqlDatabase, type MysqlOptions } from './mysql';
import { PrimaryFinder, type PrimaryDeps } from './primary';
import { SqliteDatabase } from './sqlite';

/** Connections for everything but steps: loads, claims, lists. They never wait behind a batch nor hold one up. */
const OTHER_CONNECTIONS = 4;

export interface ConnectOptions {
  /** Connections that commit batches side by side. */
  readonly lanes: number;
  readonly connectTimeoutMs: number;
  /** For each statement. */
  readonly queryTimeoutMs: number;
}

/** The ways to the journal's database. Stop them to close every connection. */
export interface Databases extends Stoppable {
  /** For batches of steps. */
  readonly steps: Database;
  /** For everything else. With SQLite it is the same. */
  readonly others: Database;
  /** Where writes go now: host:port or a file; undefined while none of several hosts takes them. */
  host(): string | undefined;
  /** Calls `moved` whenever another host takes writes. One host never moves. */
  onMove(moved: () => void): void;
}

/**
 * Makes the ways to the database at `address`. A single host is connected to when it is needed; of several the one that takes
 * writes is looked for at once and followed. Throws a DatabaseFault 'unreachable' when none of several does.
 */
export async function connectDatabases(
  address: DatabaseAddress,
  options: ConnectOptions,
  deps: PrimaryDeps,
): Promise<Databases> {
  if (address.kind === 'mysql' && address.hosts.length > 1) return connectCluster(address, options, deps);
  const steps = connectTo(address, { ...options, connections: options.lanes });
  const others =
    steps instanceof SqliteDatabase ? steps : connectTo(address, { ...options, connections: OTHER_CONNECTIONS });
  return {
    name: `database ${steps.label}`,
    steps,
    others,
    host: () => (address.kind === 'sqlite' ? address.path : `${address.host}:${address.port}`),
    onMove: () => undefined,
    stop: async () => {
      if (others !== steps) await others.close();
      await steps.close();
    },
  };
}

async function connectCluster(address: MysqlAddress, options: ConnectOptions, deps: PrimaryDeps): Promise<Databases> {
  const finder = new PrimaryFinder(address, deps);
  try {
    await finder.find();
  } catch (error) {
    await finder.stop();
    throw error;
  }
  finder.watch();
  const others = new ClusterDatabase(address, { ...options, connections: OTHER_CONNECTIONS }, finder);
  const steps = new ClusterDatabase(address, { ...options, connections: options.lanes }, finder, others);
  return {
    name: `database ${steps.label}`,
    steps,
    others,
    host: () => finder.primary?.name,
    onMove: (moved) => {
      // After the databases, which have left the old host by then.
      finder.onChange(() => {
        if (finder.primary !== undefined) moved();
      });
    },
    stop: async () => {
      await finder.stop();
      await others.close();
      await steps.close();
    },
  };
}

/** Makes a Database for a URL with one host; SQLite needs no options. Nothing is connected yet. Throws INVALID_REQUEST when the URL is not usable. */
export function connectDatabase(databaseUrl: string, options: MysqlOptions): Database {
  return connectTo(parseDatabaseUrl(databaseUrl), options);
}

function connectTo(address: DatabaseAddress, options: MysqlOptions): Database {
  return address.kind === 'sqlite' ? new SqliteDatabase(address.path) : new MysqlDatabase(address, options);
}
