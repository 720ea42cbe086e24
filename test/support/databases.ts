import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

/** An empty database that belongs to one test file. */
export interface TestDatabase {
  /** Where it is, in the form that the daemon's `databaseUrl` takes. */
  readonly url: string;
  /** Removes it with everything in it. Close your own connections first: an open transaction holds it up. */
  readonly drop: () => Promise<void>;
}

/** A kind of database that the suites run on. */
export interface TestDatabases<Name extends string> {
  readonly name: Name;
  /** Makes a fresh one under a name that nobody else has. Throws, saying what to do, when there is no server. */
  readonly create: () => Promise<TestDatabase>;
}

/**
 * What every journal and fence suite runs on: SQLite in a private folder, and the server of TCC_TEST_MYSQL_URL (MySQL or
 * MariaDB). `npm test` finds or starts a server and sets the variable.
 */
export function sqlDatabases(): TestDatabases<'sqlite' | 'mysql'>[] {
  return [
    { name: 'sqlite', create: createSqlite },
    { name: 'mysql', create: createMysql },
  ];
}

/** The server of TCC_TEST_POSTGRES_URL; empty when it is not set, so that its tests are not registered at all. */
export function postgresDatabases(): TestDatabases<'postgres'>[] {
  const server = process.env['TCC_TEST_POSTGRES_URL'];
  if (server === undefined || server === '') return [];
  return [{ name: 'postgres', create: () => createPostgres(server) }];
}

/** The URL of the MySQL-family server itself. Throws, saying what to do, when TCC_TEST_MYSQL_URL is not set. */
export function mysqlServerUrl(): string {
  const server = process.env['TCC_TEST_MYSQL_URL'];
  if (server === undefined || server === '') {
    throw new Error(
      'TCC_TEST_MYSQL_URL is not set: run the suites through `npm test`, which finds or starts a MySQL-family server, ' +
        'or set it to a server where databases may be created, such as mysql://root@127.0.0.1:3306',
    );
  }
  return server;
}

/**
 * The program of TCC_TEST_MYSQL_CLUSTER, which starts a three-node Group Replication cluster and brings nodes back: it takes
 * `cluster`, `cluster-rejoin N` and `cluster-stop` and prints per node its URL, process id and role. Undefined when the
 * variable is not set: the tests that kill and freeze a primary are skipped then.
 */
export function mysqlClusterProgram(): string | undefined {
  const program = process.env['TCC_TEST_MYSQL_CLUSTER'];
  return program === undefined || program === '' ? undefined : program;
}

async function createSqlite(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'tcc-test-'));
  return {
    url: `sqlite:${join(folder, 'test.sqlite')}`,
    drop: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createMysql(): Promise<TestDatabase> {
  const server = mysqlServerUrl();
  const name = uniqueName();
  await onMysql(server, `CREATE DATABASE ${name}`);
  return { url: withDatabase(server, name), drop: () => onMysql(server, `DROP DATABASE IF EXISTS ${name}`) };
}

async function onMysql(server: string, statement: string): Promise<void> {
  const connection = await createConnection({ uri: server, connectTimeout: 10_000 });
  try {
    // A connection that a test forgot in an open transaction would hold DROP DATABASE up for a day.
    await connection.query('SET SESSION lock_wait_timeout = 10');
    await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function createPostgres(server: string): Promise<TestDatabase> {
  const name = uniqueName();
  await onPostgres(server, `CREATE DATABASE ${name}`);
  return {
    url: withDatabase(server, name),
    drop: () => onPostgres(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function onPostgres(server: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: server, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function uniqueName(): string {
  return `tcc_test_${randomBytes(8).toString('hex')}`;
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
