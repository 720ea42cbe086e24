/**
 * The database server of a simulated world. It outlives every coordinator, and keeps what was committed.
 * D1. A transaction is committed whole or not at all, and its watchers hear of it at that moment.
 * D2. Who waits for a row waits until its holder is over, or the lock wait is; a circle of waiters is broken at once (1213).
 */
import { DatabaseFault, type SqlValue, type Written } from '../../src/journal/database';
import { EPOCH_MS } from '../kernel/machine';
import type { Scheduler } from '../kernel/scheduler';
import type { Coverage } from '../kernel/coverage';
import { tablesOfMigrations } from './schema';
import { Statements } from './sql-statements';
import type { Scope } from './sql-expressions';
import { type Change, type StoredRow, type Table, Transaction } from './store';

/** As coordinators set it for their sessions. */
const LOCK_WAIT_MS = 3_000;

/** What a statement came to. */
export interface Result {
  readonly rows: readonly StoredRow[];
  readonly written: Written;
}

/** The server's side of a connection. */
export interface Session {
  /** The open transaction. */
  transaction: Transaction | undefined;
  /** What LAST_INSERT_ID() says. */
  stampedMs: number;
  /** Whose connection it is. */
  readonly who: string;
}

export type Done = (fault: DatabaseFault | undefined, result: Result | undefined) => void;

/** Tables, and the statements that are compiled for them: worlds that come one after the other use the same, emptied. */
export class Storage {
  readonly tables: ReadonlyMap<string, Table> = tablesOfMigrations();
  readonly statements = new Statements(this.tables);

  emptied(): this {
    for (const table of this.tables.values()) table.clear();
    return this;
  }
}

export class DatabaseServer {
  readonly tables: ReadonlyMap<string, Table>;
  isAway = false;
  private readonly statements: Statements;
  private readonly watchers: ((changes: readonly Change[], who: string) => void)[] = [];
  private readonly open = new Set<Transaction>();
  private readonly scheduler: Scheduler;
  private readonly coverage: Coverage;

  constructor(scheduler: Scheduler, coverage: Coverage, storage = new Storage()) {
    this.tables = storage.tables;
    this.statements = storage.statements;
    this.scheduler = scheduler;
    this.coverage = coverage;
  }

  /** Its own clock: whole epoch milliseconds. */
  get nowMs(): number {
    return EPOCH_MS + Math.floor(this.scheduler.nowMs);
  }

  /** Transactions that somebody has open. */
  get transactions(): number {
    return this.open.size;
  }

  /** Hears of every commit, as it happens. */
  watch(watcher: (changes: readonly Change[], who: string) => void): void {
    this.watchers.push(watcher);
  }

  begin(session: Session): void {
    session.transaction = new Transaction();
    this.open.add(session.transaction);
  }

  commit(transaction: Transaction, who: string): void {
    this.open.delete(transaction);
    const changes = transaction.commit();
    if (changes.length > 0) for (const watcher of this.watchers) watcher(changes, who);
  }

  rollback(transaction: Transaction | undefined): void {
    if (transaction === undefined) return;
    this.open.delete(transaction);
    transaction.rollback();
  }

  /** A restart: every open transaction is rolled back. */
  rollbackAll(): void {
    for (const transaction of this.open) this.rollback(transaction);
  }

  /** Runs a statement in the session's transaction, or by itself. `done` is called once, at once unless it has to wait. */
  execute(session: Session, sql: string, values: readonly SqlValue[], done: Done): void {
    const own = session.transaction === undefined ? new Transaction() : undefined;
    if (own !== undefined) this.open.add(own);
    const run: Running = { session, sql, values, done, transaction: own ?? session.transaction ?? new Transaction() };
    this.attempt(run, own !== undefined);
  }

  private attempt(run: Running, isAlone: boolean): void {
    const { session, transaction, done } = run;
    const fail = (fault: DatabaseFault) => {
      this.rollback(transaction);
      done(fault, undefined);
    };
    if (transaction.isOver) {
      fail(new DatabaseFault('unreachable', 'the transaction was ended by the server'));
      return;
    }
    const scope: Scope = {
      values: run.values,
      nowMs: this.nowMs,
      transaction,
      rows: [],
      stampMs: 0,
      stampedMs: session.stampedMs,
    };
    try {
      const ran = this.statements.get(run.sql)(scope);
      if (ran.kind === 'waits') {
        this.wait(run, ran.holder, isAlone, fail);
        return;
      }
      if (ran.kind === 'wrote') session.stampedMs = scope.stampMs;
      if (isAlone) this.commit(transaction, session.who);
      const rows = ran.kind === 'rows' ? ran.rows : [];
      done(undefined, { rows, written: { rows: ran.kind === 'wrote' ? ran.rows : 0, stampMs: scope.stampMs } });
    } catch (error) {
      if (!(error instanceof DatabaseFault)) throw error;
      fail(error);
    }
  }

  private wait(run: Running, holder: Transaction, isAlone: boolean, fail: (fault: DatabaseFault) => void): void {
    const { transaction } = run;
    if (transaction.wouldDeadlock(holder)) {
      this.coverage.reached('path: a deadlock of two batches');
      fail(new DatabaseFault('contention', 'Deadlock found when trying to get lock'));
      return;
    }
    this.coverage.reached('path: a statement waits for a lock');
    transaction.waitsFor = holder;
    const late = this.scheduler.after(LOCK_WAIT_MS, this.scheduler.nature, () => {
      transaction.waitsFor = undefined;
      this.coverage.reached('path: a lock wait runs out');
      fail(new DatabaseFault('contention', 'Lock wait timeout exceeded'));
    });
    holder.onceOver(() => {
      if (late.fire === undefined) return;
      late.fire = undefined;
      transaction.waitsFor = undefined;
      this.scheduler.after(0, this.scheduler.nature, () => this.attempt(run, isAlone));
    });
  }
}

interface Running {
  readonly session: Session;
  readonly sql: string;
  readonly values: readonly SqlValue[];
  readonly done: Done;
  readonly transaction: Transaction;
}
