/** A MySQL-family server, what it counts, and the databases that the bench makes on it and removes again. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';

import { cpuMsOf, serverOnPort } from './proc';

export type ServerName = 'mariadb' | 'mysql';

/** What clients have asked of the server so far, without the bench's own statements. */
export interface Counters {
  /** Statements: each is a round trip. */
  readonly roundTrips: number;
  /** Transactions that wrote and were committed, autocommitted statements among them. */
  readonly commits: number;
  /** CPU time of the server in ms, where its process is on this machine and can be seen. */
  readonly cpuMs: number;
}

export class DatabaseServer {
  readonly name: ServerName;
  /** Such as "MariaDB 10.11.11". */
  readonly version: string;
  private readonly url: URL;
  private readonly connection: Connection;
  private readonly pid: number | undefined;
  private readonly made = new Set<string>();
  private ownStatements = 0;

  private constructor(name: ServerName, version: string, url: URL, connection: Connection, pid: number | undefined) {
    this.name = name;
    this.version = version;
    this.url = url;
    this.connection = connection;
    this.pid = pid;
  }

  static async connect(url: string): Promise<DatabaseServer> {
    const connection = await createConnection({ uri: url, connectTimeout: 10_000 });
    const [rows] = await connection.query<RowDataPacket[]>(
      'SELECT VERSION() AS version, @@hostname AS host, @@port AS port',
    );
    const version = String(rows[0]?.['version']);
    const name = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
    const label = `${name === 'mariadb' ? 'MariaDB' : 'MySQL'} ${/^[\d.]+/.exec(version)?.[0] ?? version}`;
    const pid = rows[0]?.['host'] === hostname() ? serverOnPort(Number(rows[0]['port'])) : undefined;
    const server = new DatabaseServer(name, label, new URL(url), connection, pid);
    // The one counter of InnoDB that counts a commit once, with and without BEGIN, and leaves reads out.
    await server.query("SET GLOBAL innodb_monitor_enable = 'trx_rw_commits'");
    return server;
  }

  async query(sql: string): Promise<RowDataPacket[]> {
    this.ownStatements += 1;
    const [rows] = await this.connection.query<RowDataPacket[]>(sql);
    return rows;
  }

  /** Runs statements one after the other on a connection of their own, in one of its databases. */
  async runApart(database: string, statements: readonly string[]): Promise<void> {
    const connection = await createConnection({ uri: this.urlOf(database), connectTimeout: 10_000 });
    try {
      for (const statement of statements) await connection.query(statement);
    } finally {
      await connection.end();
    }
  }

  async counters(): Promise<Counters> {
    const [commits] = await this.query(
      "SELECT COUNT AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'trx_rw_commits'",
    );
    const [questions] = await this.query("SHOW GLOBAL STATUS LIKE 'Questions'");
    return {
      roundTrips: Number(questions?.['Value']) - this.ownStatements,
      commits: Number(commits?.['n']),
      cpuMs: this.pid === undefined ? NaN : cpuMsOf(this.pid),
    };
  }

  /** Makes an empty database; returns its name. */
  async create(what: string): Promise<string> {
    const name = `tcc_bench_${what}_${randomBytes(3).toString('hex')}`;
    await this.query(`CREATE DATABASE ${name}`);
    this.made.add(name);
    return name;
  }

  /** The URL of one of its databases, as tccd takes it. */
  urlOf(database: string): string {
    const url = new URL(this.url);
    url.pathname = `/${database}`;
    return url.href;
  }

  async drop(database: string): Promise<void> {
    if (this.made.delete(database)) await this.query(`DROP DATABASE ${database}`);
  }

  /** Waits until the pages that earlier work has left to be written are written, for at most a while: they are not the next figure's. */
  async settle(patienceMs = 20_000): Promise<void> {
    const [before] = await this.query('SELECT @@innodb_max_dirty_pages_pct AS percent');
    await this.query('SET GLOBAL innodb_max_dirty_pages_pct = 0');
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 250) {
      const [dirty] = await this.query("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'");
      if (Number(dirty?.['Value']) < 200) break;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await this.query(`SET GLOBAL innodb_max_dirty_pages_pct = ${Number(before?.['percent'])}`);
  }

  /** Whether it keeps what it has committed through a power cut. */
  async durability(): Promise<string> {
    const [row] = await this.query(
      'SELECT @@innodb_flush_log_at_trx_commit AS log_, @@sync_binlog AS binlog, @@log_bin AS on_',
    );
    const binlog = Number(row?.['on_']) === 1 ? `, binlog on with sync_binlog=${row?.['binlog']}` : ', binlog off';
    return `innodb_flush_log_at_trx_commit=${row?.['log_']}${binlog}`;
  }

  async dropAll(): Promise<void> {
    for (const name of [...this.made]) await this.drop(name);
  }

  async close(): Promise<void> {
    await this.dropAll();
    await this.connection.end();
  }
}
