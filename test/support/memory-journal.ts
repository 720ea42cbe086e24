import type { Clock } from '../../src/lib/clock';
import { TccError } from '../../src/lib/errors';
import type { Transaction } from '../../src/engine/model';
import { gidOf, type Step } from '../../src/engine/step';
import type {
  Due,
  Journal,
  Lease,
  StepResult,
  StepStore,
  StoredAttempt,
  Submitter,
  TransactionFilter,
} from '../../src/journal/journal';

import { applyStep, isOpen, type Rows } from './memory-rows';

/** What a hook is told: which method, and for a commit or an append its steps. */
export interface JournalCall {
  readonly method: 'append' | 'commit' | 'load' | 'due' | 'claim' | 'renew' | 'purge' | 'attempts' | 'list' | 'now';
  readonly steps: readonly Step[];
}

/**
 * Where a test puts trouble. Both may take their time (a delay) and may throw (the call rejects with what was thrown):
 * `before` nothing is done yet; `after` it is done, and the caller cannot know. An `after` that says 'read back' makes an
 * applied step resolve as `stands`: done, but nobody can say by whom (J2).
 */
export interface JournalHooks {
  before?: ((call: JournalCall) => unknown) | undefined;
  after?: ((call: JournalCall) => unknown) | undefined;
}

export interface MemoryJournalOptions {
  readonly clock: Clock;
  /** How long terminal transactions are kept. */
  readonly retentionMs?: number;
}

/** What the hooks throw to play a database that is away. */
export function away(): TccError {
  return new TccError('JOURNAL_UNAVAILABLE', 'the database is away');
}

/**
 * A journal without a database. The clock's wall time is the database's clock. Several coordinators may share one.
 * Nothing is ever done before `append` returns: its caller goes on first, as with a real database.
 */
export class MemoryJournal implements Journal, StepStore {
  readonly hooks: JournalHooks = {};
  /** Every step that was tried, in order, with what came of it in the database. */
  readonly steps: { readonly step: Step; readonly result: StepResult }[] = [];
  private readonly rows: Rows = new Map();
  private readonly clock: Clock;
  private readonly retentionMs: number;

  constructor({ clock, retentionMs = 7 * 24 * 3_600_000 }: MemoryJournalOptions) {
    this.clock = clock;
    this.retentionMs = retentionMs;
  }

  async append(step: Step): Promise<StepResult> {
    const [result] = await this.run('append', [step], () => [this.apply(step)]);
    if (result === undefined) throw new Error('a step has no result');
    return result;
  }

  submit(step: Step, submitter: Submitter): void {
    void this.append(step).then(
      (result) => submitter.stepped(step, result),
      (error: unknown) => submitter.failed(step, error as Error),
    );
  }

  async commit(steps: readonly Step[]): Promise<readonly StepResult[]> {
    if (new Set(steps.map(gidOf)).size < steps.length) throw new TccError('BROKEN_INVARIANT', 'a gid twice (J4)');
    return this.run('commit', steps, () => steps.map((step) => this.apply(step)));
  }

  load(gids: readonly string[]): Promise<ReadonlyMap<string, Transaction>> {
    return this.call('load', () => {
      const found = gids.flatMap((gid): [string, Transaction][] => {
        const transaction = this.peek(gid);
        return transaction === undefined ? [] : [[gid, transaction]];
      });
      return new Map(found);
    });
  }

  due(limit: number): Promise<Due> {
    return this.call('due', () => {
      const now = this.nowMs();
      const waiting = this.all()
        .flatMap(({ gid, dueAt }) => (dueAt === undefined ? [] : [{ gid, dueAt }]))
        .sort((one, other) => one.dueAt - other.dueAt);
      const due = waiting.filter(({ dueAt }) => dueAt <= now);
      const next = waiting[Math.min(due.length, limit)];
      return {
        gids: due.slice(0, limit).map(({ gid }) => gid),
        nextInMs: next === undefined ? undefined : Math.max(0, next.dueAt - now),
      };
    });
  }

  claim(gids: readonly string[], { worker, leaseMs }: Lease, even: 'due' | 'held'): Promise<readonly Transaction[]> {
    return this.call('claim', () => {
      const now = this.nowMs();
      const taken = [...new Set(gids)].sort().filter((gid) => {
        const row = this.peek(gid);
        return row !== undefined && isOpen(row) && row.dueAt !== undefined && (even === 'held' || row.dueAt <= now);
      });
      return taken.flatMap((gid) =>
        this.update(gid, (row) => ({ ...row, dueAt: now + leaseMs, epoch: row.epoch + 1, worker })),
      );
    });
  }

  async renew(gids: readonly string[], { worker, leaseMs }: Lease): Promise<void> {
    await this.call('renew', () => {
      for (const gid of gids) {
        const row = this.peek(gid);
        const parked = row !== undefined && 'parked' in row.state && row.state.parked;
        if (row === undefined || !isOpen(row) || parked || row.worker !== worker) continue;
        this.update(gid, (held) => ({ ...held, dueAt: this.nowMs() + leaseMs }));
      }
    });
  }

  purge(limit: number): Promise<number> {
    return this.call('purge', () => {
      const over = [...this.rows].filter(
        ([, { purgeableAt }]) => purgeableAt !== undefined && purgeableAt <= this.nowMs(),
      );
      for (const [gid] of over.slice(0, limit)) this.rows.delete(gid);
      return Math.min(over.length, limit);
    });
  }

  attempts(gid: string): Promise<readonly StoredAttempt[]> {
    return this.call('attempts', () => [...(this.rows.get(gid)?.attempts ?? [])]);
  }

  list(filter: TransactionFilter): Promise<readonly Transaction[]> {
    const { statuses, name, participant, olderThanMs, parkedOnly, gidPrefix, minRounds, beforeGid, limit } = filter;
    const wanted = ({ gid, state, rounds, createdAt, branches, ...rest }: Transaction) =>
      (statuses.length === 0 || statuses.includes(state.status)) &&
      (name === undefined || rest.name === name) &&
      (participant === undefined || branches.some((branch) => branch.participant === participant)) &&
      (olderThanMs === undefined || createdAt <= this.nowMs() - olderThanMs) &&
      (!parkedOnly || ('parked' in state && state.parked)) &&
      (gidPrefix === undefined || gid.startsWith(gidPrefix)) &&
      (minRounds === undefined || rounds >= minRounds) &&
      (beforeGid === undefined || gid < beforeGid);
    return this.call('list', () =>
      this.all()
        .filter(wanted)
        .sort((one, other) => (one.gid < other.gid ? 1 : -1))
        .slice(0, limit)
        .map((transaction) => ({ ...transaction, branches: [] })),
    );
  }

  now(): Promise<number> {
    return this.call('now', () => this.nowMs());
  }

  /** The row as it is, at once: for what a test asserts. */
  peek(gid: string): Transaction | undefined {
    return this.rows.get(gid)?.transaction;
  }

  /** Every row as it is. */
  all(): Transaction[] {
    return [...this.rows.values()].map(({ transaction }) => transaction);
  }

  private nowMs(): number {
    return Math.floor(this.clock.wallMs());
  }

  private apply(step: Step): StepResult {
    // What no database would store: its column is shorter.
    if (gidOf(step).length > 64) throw new TccError('BROKEN_INVARIANT', 'the gid is too long');
    const result = applyStep(this.rows, step, this.nowMs(), this.retentionMs);
    this.steps.push({ step, result });
    return result;
  }

  private update(gid: string, change: (row: Transaction) => Transaction): Transaction[] {
    const row = this.rows.get(gid);
    if (row === undefined) return [];
    row.transaction = change(row.transaction);
    return [row.transaction];
  }

  private async call<Value>(method: JournalCall['method'], work: () => Value): Promise<Value> {
    const call = { method, steps: [] };
    await this.hooks.before?.(call);
    const value = work();
    await this.hooks.after?.(call);
    return value;
  }

  private async run(
    method: 'append' | 'commit',
    steps: readonly Step[],
    work: () => StepResult[],
  ): Promise<StepResult[]> {
    const call = { method, steps };
    await this.hooks.before?.(call);
    const results = work();
    const verdict = await this.hooks.after?.(call);
    if (verdict !== 'read back') return results;
    return steps.map((step, index) => {
      const { atMs } = results[index] ?? { atMs: this.nowMs() };
      return { kind: 'stands', atMs, current: this.peek(gidOf(step)) };
    });
  }
}
