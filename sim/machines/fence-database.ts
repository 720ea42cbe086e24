/**
 * A participant's own database: the fence's table beside the business one, and local transactions over both. Like any database
 * it outlives the service that uses it.
 */
import type { ExecuteResult, FenceExecutor, LocalTransaction, SqlParameter } from '../../src/sdk/fence/executor';
import { rerunOnDeadlock } from '../../src/sdk/fence/rerun';
import type { FenceKey } from '../../src/sdk/fence/rows';
import { type Cell, type StoredRow, Table, Transaction } from '../database/store';
import type { Chance } from '../kernel/chance';
import type { Coverage } from '../kernel/coverage';
import type { Faults } from '../kernel/faults';
import type { Machine } from '../kernel/machine';
import type { Scheduler } from '../kernel/scheduler';
import { type FenceAccess, operations } from './fence-statements';

/** How often the business code of each phase took effect on a branch. */
export interface Effects {
  readonly tried: number;
  readonly confirmed: number;
  readonly cancelled: number;
}

/** What a branch looks like at its participant. */
export interface BranchBooks {
  readonly fence: string | undefined;
  readonly effects: Effects;
}

const NO_EFFECTS: Effects = { tried: 0, confirmed: 0, cancelled: 0 };

const column = (name: string) => ({ name, nullable: true, length: undefined });
const KEY = ['gid', 'branch_id'];

/**
 * So many ways to a participant's database take time; on the others nothing can come between. A turn of the scheduler for each would be
 * a fifth of all turns, and what may come between two statements is met often enough on these.
 */
const SLOW_WAYS = 0.4;

export interface FenceDatabaseDeps {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly chance: Chance;
  readonly coverage: Coverage;
  /** Hears of every branch that a commit has changed. */
  readonly committed: (key: FenceKey, books: BranchBooks) => void;
  /** Hears of every fence row that is gone. */
  readonly purged: (key: FenceKey) => void;
}

export class FenceDatabase {
  readonly fence = new Table(
    'tcc_fence',
    ['gid', 'branch_id', 'status', 'calls', 'reply', 'reply_type', 'last_call_at_ms'].map(column),
    KEY,
  );
  readonly business = new Table('business', ['gid', 'branch_id', 'tried', 'confirmed', 'cancelled'].map(column), KEY);
  readonly deps: FenceDatabaseDeps;

  constructor(deps: FenceDatabaseDeps) {
    this.deps = deps;
  }

  /** Opens local transactions for one machine, which runs them again where they were victims of a deadlock. */
  transactionsOf(machine: Machine): LocalTransaction<OpenTransaction> {
    return (work) => rerunOnDeadlock(() => this.transact(machine, work));
  }

  /** Some time goes by in which nobody calls. */
  ages(byMs: number): void {
    for (const cell of this.fence.all()) {
      const { committed: row } = cell;
      if (row !== undefined) cell.committed = { ...row, last_call_at_ms: Number(row['last_call_at_ms']) - byMs };
    }
  }

  booksOf(key: FenceKey): BranchBooks {
    const row: StoredRow = { gid: key.gid, branch_id: key.branchId };
    const fence = this.fence.cellFor(row).committed;
    return {
      fence: fence === undefined ? undefined : String(fence['status']),
      effects: effectsOf(this.business.cellFor(row).committed),
    };
  }

  private async transact<Result>(
    machine: Machine,
    work: (transaction: OpenTransaction, executor: FenceExecutor) => Promise<Result>,
  ): Promise<Result> {
    const { scheduler, chance, faults, coverage } = this.deps;
    const open = new OpenTransaction(this, machine);
    // The server rolls back what a client that is gone has left open.
    const leave = machine.onDeath(() => {
      scheduler.after(chance.between(0, 20), scheduler.nature, () => open.rollback());
    });
    try {
      const result = await work(open, open);
      await open.travel();
      open.commit();
      await open.travel();
      if (faults.strikes('participant: commit reply lost', machine.name))
        throw new Error('the reply to COMMIT was lost');
      return result;
    } catch (error) {
      open.rollback();
      if (isDeadlock(error)) coverage.reached('path: a local transaction is run again');
      throw error;
    } finally {
      leave();
    }
  }
}

function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === 1213;
}

/** One local transaction, and what business code may do in it. */
export class OpenTransaction implements FenceExecutor, FenceAccess {
  readonly transaction = new Transaction();
  private readonly database: FenceDatabase;
  private readonly machine: Machine;
  private readonly touched = new Map<string, FenceKey>();
  /** Keys of rows that this transaction purges. */
  readonly removed = new Set<FenceKey>();

  constructor(database: FenceDatabase, machine: Machine) {
    this.database = database;
    this.machine = machine;
  }

  get nowMs(): number {
    return Math.floor(this.database.deps.scheduler.nowMs);
  }

  async execute(sql: string, parameters: readonly SqlParameter[]): Promise<ExecuteResult> {
    const { faults, coverage } = this.database.deps;
    const operation = operations.get(sql);
    if (operation === undefined) throw new Error(`the simulated fence knows no ${sql}`);
    await this.travel();
    if (faults.strikes('participant: deadlock', this.machine.name)) throw deadlock();
    for (;;) {
      if (this.transaction.isOver) throw new Error('the local transaction is over');
      const done = operation(this, parameters);
      if (!(done instanceof Transaction)) return done;
      if (this.transaction.wouldDeadlock(done)) {
        coverage.reached('path: a deadlock at a participant');
        throw deadlock();
      }
      coverage.reached('path: calls of a branch wait for each other');
      await this.endOf(done);
    }
  }

  /** The business code's own write: counts that a phase took effect on a branch. */
  count(key: FenceKey, phase: 'tried' | 'confirmed' | 'cancelled'): void {
    const { business } = this.database;
    const cell = this.cell(business, key);
    const effects = effectsOf(cell.seenBy(this.transaction));
    this.transaction.write(cell, { gid: key.gid, branch_id: key.branchId, ...effects, [phase]: effects[phase] + 1 });
    this.touch(key);
  }

  /** One way to the database or back. */
  travel(): Promise<void> {
    const { scheduler, chance, faults } = this.database.deps;
    if (!this.machine.touchesWorld()) return new Promise(() => undefined);
    const stallMs = faults.strikes('participant: stall', this.machine.name, 0.3)
      ? faults.draw('participant: stall', 200, 4_000)
      : 0;
    if (stallMs === 0 && !chance.happens(SLOW_WAYS)) return AT_ONCE;
    return new Promise((resolve) => scheduler.after(chance.between(0.05, 0.4) + stallMs, this.machine, resolve));
  }

  commit(): void {
    if (this.transaction.isOver) throw new Error('the local transaction is over');
    this.transaction.commit();
    const { committed, purged } = this.database.deps;
    for (const key of this.touched.values()) {
      const books = this.database.booksOf(key);
      if (books.fence === undefined && this.removed.has(key)) purged(key);
      else committed(key, books);
    }
  }

  rollback(): void {
    this.transaction.rollback();
  }

  get fence(): Table {
    return this.database.fence;
  }

  /** The fence's row as this transaction sees it; a transaction that holds it must be waited for. */
  row(key: FenceKey): { readonly cell: Cell; readonly row: StoredRow | undefined } | Transaction {
    const cell = this.cell(this.database.fence, key);
    if (cell.owner !== undefined && cell.owner !== this.transaction) return cell.owner;
    this.transaction.hold(cell);
    return { cell, row: cell.seenBy(this.transaction) };
  }

  write(cell: Cell, key: FenceKey, row: StoredRow | undefined): void {
    this.transaction.write(cell, row);
    this.touch(key);
  }

  private touch(key: FenceKey): void {
    this.touched.set(`${key.gid} ${key.branchId}`, key);
  }

  private cell(table: Table, key: FenceKey): Cell {
    return table.cellFor({ gid: key.gid, branch_id: key.branchId });
  }

  private endOf(holder: Transaction): Promise<void> {
    const { scheduler } = this.database.deps;
    this.transaction.waitsFor = holder;
    return new Promise((resolve) => {
      holder.onceOver(() => {
        this.transaction.waitsFor = undefined;
        scheduler.after(0, this.machine, resolve);
      });
    });
  }
}

const AT_ONCE = Promise.resolve();

function effectsOf(row: StoredRow | undefined): Effects {
  if (row === undefined) return NO_EFFECTS;
  const { tried, confirmed, cancelled } = row;
  return { tried: Number(tried), confirmed: Number(confirmed), cancelled: Number(cancelled) };
}

function deadlock(): Error {
  return Object.assign(new Error('Deadlock found when trying to get lock'), { errno: 1213 });
}
