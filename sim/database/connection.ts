/**
 * A coordinator's way to the database: the driver's promises (src/journal/database.ts), kept over a wire and a server on which
 * anything can go wrong. It is to MySQL's driver what the simulated server is to MySQL.
 */
import {
  type Connection,
  type Database,
  DatabaseFault,
  type Row,
  type Sql,
  type SqlValue,
  type Written,
} from '../../src/journal/database';
import { mysqlDialect, type Dialect } from '../../src/journal/dialect';
import type { Chance } from '../kernel/chance';
import type { Faults } from '../kernel/faults';
import type { Machine } from '../kernel/machine';
import type { Event, Scheduler } from '../kernel/scheduler';
import type { DatabaseServer, Done, Result, Session } from './server';
import type { Transaction } from './store';

/** MySQL's, in the words that the simulated server knows. */
const dialect: Dialect = { ...mysqlDialect, now: 'NOW()', stamp: 'STAMP()', stamped: 'STAMPED()' };

export interface WireDeps {
  readonly server: DatabaseServer;
  readonly machine: Machine;
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly chance: Chance;
  readonly queryTimeoutMs: number;
}

/**
 * So many of the statements that commit nothing are at the server without any time going by, so that nothing can come between: a turn
 * of the scheduler for each would be a fifth of all turns, and what may come between is met often enough before the others.
 */
const AT_ONCE = 0.5;

/** What a statement is, for what can happen to it. */
type Weight = 'read' | 'write' | 'autocommit' | 'commit';

export class SimulatedDatabase implements Database {
  readonly dialect = dialect;
  readonly label = 'simulated';
  private readonly wire: WireDeps;
  private readonly connections: number;
  private lent = 0;
  private waiting: (() => void)[] = [];
  private closed = false;

  constructor(connections: number, wire: WireDeps) {
    this.connections = connections;
    this.wire = wire;
  }

  /** Connections in use. */
  get inUse(): number {
    return this.lent;
  }

  transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.lend((line) => line.transaction(() => work(line)));
  }

  session<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.lend(work);
  }

  script(statements: readonly Sql[]): Promise<readonly Written[]> {
    return this.lend((line) => (statements.length === 1 ? line.each(statements) : line.script(statements)));
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  private async lend<T>(work: (line: Line) => Promise<T>): Promise<T> {
    if (this.closed) throw new DatabaseFault('unreachable', 'the pool is closed');
    while (this.lent >= this.connections) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.lent += 1;
    const line = new Line(this.wire);
    try {
      return await work(line);
    } finally {
      line.hangUp();
      this.lent -= 1;
      this.waiting.shift()?.();
    }
  }
}

/** One connection. */
class Line implements Connection {
  private readonly wire: WireDeps;
  private readonly session: Session;
  private broken = false;
  private readonly leave: () => void;

  constructor(wire: WireDeps) {
    this.wire = wire;
    this.session = { transaction: undefined, stampedMs: 0, who: wire.machine.name };
    // A server that loses a client rolls its transaction back.
    this.leave = wire.machine.onDeath(() => {
      const { transaction } = this.session;
      if (transaction === undefined) return;
      wire.scheduler.after(wire.chance.between(0, 50), wire.scheduler.nature, () => wire.server.rollback(transaction));
    });
  }

  async read(sql: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
    return (await this.send('read', (done) => this.wire.server.execute(this.session, sql, values, done))).rows;
  }

  async write(sql: string, values: readonly SqlValue[] = []): Promise<Written> {
    const weight = this.session.transaction === undefined ? 'autocommit' : 'write';
    return (await this.send(weight, (done) => this.wire.server.execute(this.session, sql, values, done))).written;
  }

  async each(statements: readonly Sql[]): Promise<readonly Written[]> {
    const written: Written[] = [];
    for (const { text, values } of statements) written.push(await this.write(text, values));
    return written;
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    // BEGIN goes with the first statement: by itself it does nothing that could fail in another way.
    if (!this.wire.machine.touchesWorld()) return new Promise(() => undefined);
    this.wire.server.begin(this.session);
    try {
      const result = await work();
      const { transaction } = this.session;
      await this.send('commit', (done) => this.committed(transaction, done));
      return result;
    } catch (error) {
      this.wire.server.rollback(this.session.transaction);
      throw error;
    } finally {
      this.session.transaction = undefined;
    }
  }

  /** All in one round trip: the server stops at the first that fails. */
  async script(statements: readonly Sql[]): Promise<readonly Written[]> {
    const written: Written[] = [];
    const { server } = this.wire;
    try {
      await this.send('commit', (done) => {
        // The server's own: it goes on with all of it, or none, also when nobody waits for it here any more.
        const session: Session = { ...this.session };
        server.begin(session);
        this.session.transaction = session.transaction;
        const run = (index: number): void => {
          const statement = statements[index];
          if (statement === undefined) {
            this.committed(session.transaction, done);
            return;
          }
          server.execute(session, statement.text, statement.values, (fault, result) => {
            if (result === undefined) {
              done(fault, undefined);
              return;
            }
            written.push(result.written);
            run(index + 1);
          });
        };
        run(0);
      });
      return written;
    } finally {
      this.session.transaction = undefined;
    }
  }

  /** Given back to the pool, or cut off. */
  hangUp(): void {
    this.leave();
  }

  private committed(transaction: Transaction | undefined, done: Done): void {
    if (transaction === undefined || transaction.isOver) {
      done(new DatabaseFault('unknown', 'the connection was lost at the commit'), undefined);
      return;
    }
    this.wire.server.commit(transaction, this.session.who);
    done(undefined, NOTHING);
  }

  /** One round trip: there, `run` at the server, and back. */
  private send(weight: Weight, run: (done: (fault?: DatabaseFault, result?: Result) => void) => void): Promise<Result> {
    const { machine, scheduler, faults, chance, queryTimeoutMs } = this.wire;
    if (!machine.touchesWorld()) return new Promise(() => undefined);
    if (this.broken) return Promise.reject(new DatabaseFault('unreachable', 'the connection is broken'));
    const commits = weight === 'autocommit' || weight === 'commit';
    const { transaction } = this.session;
    const stallMs = faults.strikes('database: stall', machine.name, 0.3)
      ? faults.draw('database: stall', 300, 4_000)
      : 0;
    return new Promise((resolve, reject) => {
      let isOver = false;
      let timeout: Event | undefined;
      const answer = (fault: DatabaseFault | undefined, result: Result | undefined): void => {
        if (isOver) return;
        isOver = true;
        if (timeout !== undefined) timeout.fire = undefined;
        const hear = (): void => {
          if (result === undefined) reject(fault ?? new DatabaseFault('unreachable', 'no answer'));
          else resolve(result);
        };
        // Between a commit and the word of it anything can happen; an answer that changes nothing is heard at once.
        if (commits) scheduler.after(chance.between(0.05, 0.5), machine, hear);
        else scheduler.as(machine, hear);
      };
      // The driver cuts the connection off: what runs at the server may still be done.
      const armTimeout = (): void => {
        timeout = scheduler.after(queryTimeoutMs, machine, () => {
          this.broken = true;
          answer(new DatabaseFault(commits ? 'unknown' : 'unreachable', 'the statement took too long'), undefined);
          if (!commits) this.wire.server.rollback(this.session.transaction);
        });
      };
      if (stallMs > 0) armTimeout();
      const arrive = (): void => {
        // What was cut off while it was on its way is never begun; a commit that is on its way alone may still be done.
        const isCutOff = transaction?.isOver === true || (!commits && (this.broken || !machine.isAlive));
        const fault = isCutOff
          ? new DatabaseFault(commits ? 'unknown' : 'unreachable', 'the connection was lost')
          : this.faultBefore(commits, run);
        if (fault !== undefined) {
          answer(fault, undefined);
          return;
        }
        run((failed, result) => {
          const after = failed ?? this.faultAfter(commits);
          answer(after, after === undefined ? result : undefined);
        });
        // Only what waits for a lock can take long without a stall.
        if (!isOver && timeout === undefined) armTimeout();
      };
      if (!commits && stallMs === 0 && chance.happens(AT_ONCE)) arrive();
      else scheduler.after(chance.between(0.05, 0.5) + stallMs, scheduler.nature, arrive);
    });
  }

  /** What goes wrong before the server has done anything. */
  private faultBefore(
    commits: boolean,
    run: (done: (fault?: DatabaseFault, result?: Result) => void) => void,
  ): DatabaseFault | undefined {
    const { server, machine, faults, scheduler } = this.wire;
    const { transaction } = this.session;
    if (server.isAway) return this.breaks(commits && this.wire.chance.happens(0.5) ? 'unknown' : 'unreachable');
    if (faults.strikes('database: statement fails', machine.name))
      return this.breaks(commits ? 'unknown' : 'unreachable');
    if (transaction?.hasWritten === true && faults.strikes('database: dies in mid-batch', machine.name)) {
      return this.breaks(commits ? 'unknown' : 'unreachable');
    }
    if (commits && faults.strikes('database: commit lost', machine.name)) return this.breaks('unknown');
    if (commits && faults.strikes('database: commit late', machine.name)) {
      this.broken = true;
      // The server goes on with it, and nobody else can end it now.
      this.session.transaction = undefined;
      const lateMs = faults.draw('database: commit late', 1, 2_000);
      scheduler.after(lateMs, scheduler.nature, () => run(() => undefined));
      return new DatabaseFault('unknown', 'the connection broke under a commit');
    }
    if (faults.strikes('database: deadlock', machine.name, 0.5)) {
      server.rollback(transaction);
      return new DatabaseFault('contention', 'Deadlock found when trying to get lock');
    }
    if (faults.strikes('database: lock wait', machine.name, 0.5)) {
      return new DatabaseFault('contention', 'Lock wait timeout exceeded');
    }
    return undefined;
  }

  /** What goes wrong once it is done. */
  private faultAfter(commits: boolean): DatabaseFault | undefined {
    const { machine, faults } = this.wire;
    if (!commits || !faults.strikes('database: reply lost', machine.name)) return undefined;
    this.broken = true;
    return new DatabaseFault('unknown', 'the reply to a commit was lost');
  }

  private breaks(kind: 'unknown' | 'unreachable'): DatabaseFault {
    this.broken = true;
    this.wire.server.rollback(this.session.transaction);
    return new DatabaseFault(kind, 'the connection broke');
  }
}

const NOTHING: Result = { rows: [], written: { rows: 0, stampMs: 0 } };
