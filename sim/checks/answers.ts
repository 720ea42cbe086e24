/** What must be true of what a coordinator answers: it is durable by then (I8), and whoever watches sees it in order, to its end. */
import type { TransactionApi } from '../../src/coordinator/api';
import { type Branch, isTerminal, type Transaction, type TransactionStatus } from '../../src/engine/model';
import type { Signal } from '../../src/lib/abort';
import type { Coverage } from '../kernel/coverage';
import type { Machine } from '../kernel/machine';
import { branchStatusOf, type JournalRows, rank } from './rows';

export interface AnswerDeps {
  readonly rows: JournalRows;
  readonly coverage: Coverage;
  readonly broken: (text: string) => void;
  readonly isPurged: (gid: string) => boolean;
}

export class AnswerChecks {
  private readonly deps: AnswerDeps;

  constructor(deps: AnswerDeps) {
    this.deps = deps;
  }

  api(inner: TransactionApi, machine: Machine): TransactionApi {
    const checked = async (gid: string, asked: Promise<Transaction>): Promise<Transaction> => {
      const transaction = await asked;
      this.durable(machine, transaction);
      if (transaction.gid !== gid) this.deps.broken(`I8: asked for ${gid} and got ${transaction.gid}`);
      return transaction;
    };
    return {
      execute: (asked, wait, signal) => checked(asked.gid, inner.execute(asked, wait, signal)),
      begin: (asked) => checked(asked.gid, inner.begin(asked)),
      commit: (gid, wait, signal) => checked(gid, inner.commit(gid, wait, signal)),
      rollback: (gid, reason, wait, signal) => checked(gid, inner.rollback(gid, reason, wait, signal)),
      get: (gid) => checked(gid, inner.get(gid)),
      retry: (gid) => checked(gid, inner.retry(gid)),
      watch: (gid, signal) => this.watched(inner.watch(gid, signal), gid, machine, signal),
      try: async (gid, asked, signal) => {
        const result = await inner.try(gid, asked, signal);
        this.registered(machine, gid, result.branch);
        const row = this.deps.rows.branch(gid, result.branch.branchId);
        if (machine.isAlive && result.branch.status === 'TRIED' && row !== undefined)
          this.triedIsDurable(gid, branchStatusOf(row));
        return result;
      },
      registerBranch: async (gid, asked) => {
        const branch = await inner.registerBranch(gid, asked);
        this.registered(machine, gid, branch);
        return branch;
      },
    };
  }

  /** What a watcher sees is durable, never goes back, and ends with the end of the transaction. */
  private async *watched(
    shown: AsyncIterable<Transaction>,
    gid: string,
    machine: Machine,
    signal: Signal,
  ): AsyncGenerator<Transaction> {
    const { broken, coverage } = this.deps;
    let last: TransactionStatus | undefined;
    for await (const transaction of shown) {
      this.durable(machine, transaction);
      const { status } = transaction.state;
      if (last !== undefined && !follows(last, status))
        broken(`I1: a watcher sees ${gid} as ${status} when it has seen ${last}`);
      last = status;
      yield transaction;
    }
    if (last !== undefined && isTerminal(last)) coverage.reached('path: a watcher sees the end');
    else if (!signal.aborted) broken(`I7: a watcher of ${gid} is let go at ${String(last)}`);
  }

  private registered(machine: Machine, gid: string, branch: Branch): void {
    const { rows, broken, isPurged } = this.deps;
    if (machine.isAlive && !isPurged(gid) && rows.branch(gid, branch.branchId) === undefined)
      broken(`I8: ${machine.name} answers that ${gid} ${branch.branchId} is registered, and it is not`);
  }

  private durable(machine: Machine, { gid, state }: Transaction): void {
    if (!machine.isAlive || this.deps.isPurged(gid)) return;
    const status = this.deps.rows.status(gid);
    if (status === undefined || !follows(state.status, status))
      this.deps.broken(`I8: ${machine.name} answers that ${gid} is ${state.status}, and it is ${String(status)}`);
  }

  private triedIsDurable(gid: string, stored: string): void {
    if (this.deps.rows.status(gid) === 'TRYING' && stored !== 'TRIED')
      this.deps.broken(`I8: an application hears that a branch of ${gid} is TRIED, and it is ${stored}`);
  }
}

/** Whether a transaction can come from one status to the other: on its own side of the decision, and never back. */
function follows(from: TransactionStatus, to: TransactionStatus): boolean {
  if (rank[to] < rank[from]) return false;
  return rank[from] === 0 || from.slice(0, 4) === to.slice(0, 4);
}
