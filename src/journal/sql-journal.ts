import type { Transaction } from '../engine/model';
import type { Step } from '../engine/step';

import type { Batcher } from './batcher';
import type { Connection, Database, Row, Sql } from './database';
import type { Due, Journal, Lease, StepResult, StoredAttempt, Submitter, TransactionFilter } from './journal';
import * as sql from './read-statements';
import type { Retrier } from './retry';
import { attemptOf, number, text, transactionOf, transactionsOf } from './rows';
import { chunks } from './script';

/** Transactions that one DELETE removes: small, so that a purge never holds a lane's rows or the log for long. */
const PURGED_AT_ONCE = 100;

/** The journal over SQL: steps go through the batcher, everything else straight to the database. */
export class SqlJournal implements Journal {
  private readonly database: Database;
  private readonly batcher: Batcher;
  private readonly retrier: Retrier;

  constructor(database: Database, batcher: Batcher, retrier: Retrier) {
    this.database = database;
    this.batcher = batcher;
    this.retrier = retrier;
  }

  append(step: Step): Promise<StepResult> {
    return this.batcher.append(step);
  }

  submit(step: Step, submitter: Submitter): void {
    this.batcher.submit(step, submitter);
  }

  async load(gids: readonly string[]): Promise<ReadonlyMap<string, Transaction>> {
    const loaded = new Map<string, Transaction>();
    for (const some of chunks(gids)) {
      const rows = await this.read(sql.selectTransactions(some, ''));
      for (const [gid, transaction] of transactionsOf(rows)) loaded.set(gid, transaction);
    }
    return loaded;
  }

  async due(limit: number): Promise<Due> {
    const rows = await this.read(sql.selectDue(this.database.dialect, limit + 1));
    const due = rows.filter((row) => number(row, 'due_in_ms') <= 0);
    const next = due.length > limit ? due[limit] : rows[due.length];
    return {
      gids: due.slice(0, limit).map((row) => text(row, 'gid')),
      nextInMs: next === undefined ? undefined : Math.max(number(next, 'due_in_ms'), 0),
    };
  }

  async claim(gids: readonly string[], lease: Lease, even: 'due' | 'held'): Promise<readonly Transaction[]> {
    const claimed: Transaction[] = [];
    for (const some of chunks([...new Set(gids)].sort())) {
      const peek = await this.read(sql.peekForClaim(this.database.dialect, some));
      const promising = claimable(peek, even);
      if (promising.length === 0) continue;
      claimed.push(...(await this.transaction((connection) => this.take(connection, promising, lease, even))));
    }
    return claimed;
  }

  /** Decides under the rows' locks, so that each is taken once whoever asks (also twice the same coordinator). */
  private async take(
    connection: Connection,
    gids: readonly string[],
    lease: Lease,
    even: 'due' | 'held',
  ): Promise<readonly Transaction[]> {
    const { dialect } = this.database;
    const taken = claimable(await run(connection, sql.lockForClaim(dialect, gids)), even);
    if (taken.length === 0) return [];
    const claim = sql.claim(dialect, lease.worker, lease.leaseMs, taken);
    await connection.write(claim.text, claim.values);
    const found = transactionsOf(await run(connection, sql.selectTransactions(taken, '')));
    return taken.flatMap((gid) => found.get(gid) ?? []);
  }

  async renew(gids: readonly string[], lease: Lease): Promise<void> {
    for (const some of chunks([...new Set(gids)].sort())) {
      const { text, values } = sql.renew(this.database.dialect, lease.worker, lease.leaseMs, some);
      await this.retrier.run(() => this.database.session((connection) => connection.write(text, values)));
    }
  }

  async purge(limit: number): Promise<number> {
    const { dialect } = this.database;
    let purged = 0;
    while (purged < limit) {
      const wanted = Math.min(limit - purged, PURGED_AT_ONCE);
      const gids = (await this.read(sql.selectPurgeable(dialect, wanted))).map((row) => text(row, 'gid')).sort();
      if (gids.length === 0) break;
      purged += await this.transaction((connection) => this.remove(connection, gids));
      if (gids.length < wanted) break;
    }
    return purged;
  }

  private async remove(connection: Connection, gids: readonly string[]): Promise<number> {
    const locked = await run(connection, sql.lockForPurge(this.database.dialect, gids));
    const over = locked.filter((row) => number(row, 'is_open') === 0 && number(row, 'due_in_ms') <= 0);
    if (over.length === 0) return 0;
    for (const { text, values } of sql.purge(over.map((row) => String(row['gid'])))) {
      await connection.write(text, values);
    }
    return over.length;
  }

  async attempts(gid: string): Promise<readonly StoredAttempt[]> {
    return (await this.read(sql.selectAttempts(gid))).map(attemptOf);
  }

  async list(filter: TransactionFilter): Promise<readonly Transaction[]> {
    const rows = await this.read(sql.selectPage(this.database.dialect, filter));
    return rows.map((row) => transactionOf(row, []));
  }

  async now(): Promise<number> {
    const [row] = await this.read(sql.selectNow(this.database.dialect));
    return row === undefined ? 0 : number(row, 'now_ms');
  }

  private read(statement: Sql): Promise<readonly Row[]> {
    return this.retrier.run(() => this.database.session((connection) => run(connection, statement)));
  }

  private transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.retrier.run(() => this.database.transaction(work));
  }
}

/** Parked transactions have no due time: only an operator's retry makes them claimable again. */
function claimable(rows: readonly Row[], even: 'due' | 'held'): readonly string[] {
  return rows
    .filter((row) => row['due_in_ms'] !== null && (even === 'held' || number(row, 'due_in_ms') <= 0))
    .map((row) => text(row, 'gid'))
    .sort();
}

function run(connection: Connection, statement: Sql): Promise<readonly Row[]> {
  return connection.read(statement.text, statement.values);
}
