/**
 * A database of several hosts, of which one takes writes at a time. One pool at a time, rebuilt at every move, instead of one per host:
 * a connection to a host that was left can then never be lent again, whatever that host believes to be.
 * D1. Everything goes to the primary that the finder knows; without one it fails at once as 'unreachable'.
 * D2. When the primary changes, every connection to the old one is cut at once: what was on its way there is unreachable, or of
 *     unknown outcome, and is run again by its caller on the new one (I9). Nobody waits for a host that stands still.
 * D3. What was only read is not believed because a host that takes itself for the primary said it. A change is proof by itself: a
 *     group commits nothing for a member that it has left behind. Without one, a group is asked again on a session that waits for
 *     everything the group has committed; elsewhere the host must still take writes after it was read.
 */
import { connect, type Socket } from 'node:net';

import { DatabaseFault, isFault, type Connection, type Database, type Sql, type Written } from './database';
import { labelOf, type MysqlAddress } from './database-url';
import { mysqlDialect } from './dialect';
import type { Flavour } from './host-probe';
import { MysqlDatabase, type MysqlOptions } from './mysql';
import { KEEPALIVE_AFTER_MS } from './mysql-tls';
import type { Primary, PrimaryFinder } from './primary';

/** Its connections, and where they lead. */
interface Pool {
  readonly primary: Primary;
  readonly database: MysqlDatabase;
  readonly sockets: Set<Socket>;
}

export class ClusterDatabase implements Database {
  readonly dialect = mysqlDialect;
  readonly label: string;
  private readonly options: MysqlOptions;
  private readonly finder: PrimaryFinder;
  private readonly upToDate: Database | undefined;
  private readonly stopListening: () => void;
  private pool: Pool | undefined;
  private isClosed = false;

  /**
   * `upToDate`: where a group is asked again (D3); a database of the same finder. Without it this database itself waits for
   * everything that the group has committed, each time: for reads, since every step would be slower by a round of the group.
   */
  constructor(address: MysqlAddress, options: MysqlOptions, finder: PrimaryFinder, upToDate?: Database) {
    this.label = labelOf(address);
    this.options = options;
    this.finder = finder;
    this.upToDate = upToDate;
    this.stopListening = finder.onChange(() => this.leave());
  }

  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.proven('transaction', work);
  }

  session<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.proven('session', work);
  }

  /** Statements that wrote nothing prove nothing; whoever ran them looks at the rows in a session. */
  script(statements: readonly Sql[]): Promise<readonly Written[]> {
    return this.onPrimary(({ database }) => database.script(statements));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.stopListening();
    await this.pool?.database.close();
    this.leave();
  }

  private async proven<T>(kind: 'transaction' | 'session', work: (connection: Connection) => Promise<T>): Promise<T> {
    const first = await this.onPrimary(async ({ primary, database }) => {
      const { flavour } = primary;
      let proof = new Proof();
      const result = await database[kind](async (connection) => {
        proof = new Proof();
        const done = await work(proof.watch(connection));
        if (!proof.hasWritten && flavour.kind === 'plain') await refuseReadOnly(connection, primary);
        return done;
      });
      return { result, isProven: proof.hasWritten || flavour.kind === 'plain' };
    });
    if (first.isProven || this.upToDate === undefined) return first.result;
    return this.upToDate[kind](work);
  }

  private async onPrimary<T>(work: (pool: Pool) => Promise<T>): Promise<T> {
    const pool = this.current();
    try {
      return await work(pool);
    } catch (error) {
      if (!isFault(error, 'unreachable', 'unknown')) throw error;
      this.finder.suspect();
      const wasCut = error.kind === 'unreachable' && this.pool !== pool;
      if (!wasCut || this.finder.primary === undefined) throw error;
      // It waited for the old host while the group elected another, for longer than callers try again, and nothing of it is done.
      return work(this.current());
    }
  }

  private current(): Pool {
    const { primary } = this.finder;
    if (this.isClosed) throw new DatabaseFault('unreachable', `${this.label} is closed`);
    if (primary === undefined) {
      throw new DatabaseFault('unreachable', `no host of ${this.label} takes writes (${this.finder.why})`);
    }
    return (this.pool ??= this.open(primary));
  }

  private open(primary: Primary): Pool {
    const sockets = new Set<Socket>();
    const { host, port } = primary.address;
    const openSocket = () => {
      const socket = connect(port, host).setNoDelay(true).setKeepAlive(true, KEEPALIVE_AFTER_MS);
      sockets.add(socket);
      return socket.once('close', () => sockets.delete(socket));
    };
    const session = sessionOf(primary.flavour, this.upToDate === undefined);
    return { primary, sockets, database: new MysqlDatabase(primary.address, { ...this.options, openSocket, session }) };
  }

  private leave(): void {
    const { pool } = this;
    this.pool = undefined;
    if (pool === undefined) return;
    for (const socket of pool.sockets) socket.destroy(new Error(`${pool.primary.name} was left`));
    void pool.database.close();
  }
}

/**
 * A new primary answers only once it has applied what the old one had committed; for reads, every primary only after it has heard
 * from its group. A member that was left behind while it stood still cannot: measured on MySQL 9.7, its read is held for three
 * seconds and fails with 3797, where a plain one shows old rows all that time.
 */
function sessionOf(flavour: Flavour, isForReads: boolean): readonly string[] {
  switch (flavour.kind) {
    case 'plain':
      return [];
    case 'group':
      return [`SET SESSION group_replication_consistency = '${isForReads ? 'BEFORE' : 'BEFORE_ON_PRIMARY_FAILOVER'}'`];
    case 'galera':
      // 1: before reading; 2 and 4: before what looks for the rows that it changes.
      return [`SET SESSION wsrep_sync_wait = ${isForReads ? 7 : 1}`];
  }
}

/** Whether a connection has changed a row. */
class Proof {
  hasWritten = false;

  watch(connection: Connection): Connection {
    return {
      read: (sql, values) => connection.read(sql, values),
      write: async (sql, values) => {
        const written = await connection.write(sql, values);
        if (written.rows > 0) this.hasWritten = true;
        return written;
      },
    };
  }
}

/** A switch-over makes the old primary read-only before the new one takes writes: what still takes them now was the truth before. */
async function refuseReadOnly(connection: Connection, { name }: Primary): Promise<void> {
  const [row] = await connection.read('SELECT @@global.read_only AS read_only');
  const value = row?.['read_only'];
  if (value === 0 || value === 'OFF') return;
  throw new DatabaseFault('unreachable', `${name} was read, and takes no writes any more`);
}
