import { setMaxListeners } from 'node:events';

import { isTccError } from '../../../src/lib/errors';
import type { Logger } from '../../../src/lib/logger';
import { Coordinator, type CoordinatorOptions } from '../../../src/coordinator/coordinator';
import type { NewBranch, NewTransaction, Transaction } from '../../../src/engine/model';
import { Recovery } from '../../../src/recovery/recovery';
import { MemoryJournal } from '../../support/memory-journal';
import { OpenDirectory, ScriptedInvoker } from '../../support/scripted-invoker';
import { VirtualClock } from '../../support/virtual-clock';
import { newBranch, newTransaction, rules } from '../engine/builders';

export const LEASE_MS = rules.leaseMs;
export const SCAN_MS = 500;

/** A signal of a caller that waits for ever. */
export const patient = new AbortController().signal;
// Many calls of a test share it; each call of a real caller brings its own.
setMaxListeners(0, patient);

/** One database, one set of participants, and coordinators as a test asks for them; time stands still by itself. */
export class House {
  readonly clock = new VirtualClock();
  readonly journal = new MemoryJournal({ clock: this.clock });
  readonly invoker = new ScriptedInvoker(this.clock);
  readonly directory = new OpenDirectory();
  /** Warnings and errors, as `level message`. */
  readonly log: string[] = [];
  private readonly recoveries: Recovery[] = [];

  coordinator(worker = 'c1', options: Partial<CoordinatorOptions> = {}): Coordinator {
    const { clock, journal, invoker, directory } = this;
    return new Coordinator(
      { worker, openTransactions: 100, maxBranches: 4, drainMs: 10_000, attentionAfter: 10, rules, ...options },
      { journal, invoker, directory, clock, random: () => 0, logger: this.logger, nowMs: clock.wallMs() },
    );
  }

  /** A started scanner for a coordinator. */
  recovery(coordinator: Coordinator, worker = 'c1'): Recovery {
    const { journal, clock } = this;
    const options = { worker, leaseMs: LEASE_MS, scanMs: SCAN_MS, scanSize: 100 };
    const recovery = new Recovery(options, { journal, coordinator, clock, random: () => 0, logger: this.logger });
    recovery.start();
    this.recoveries.push(recovery);
    return recovery;
  }

  /** Stops the scanners, then the coordinators; says how many timers are left. */
  async close(...coordinators: Coordinator[]): Promise<number> {
    for (const recovery of this.recoveries) await recovery.stop();
    for (const coordinator of coordinators) await coordinator.stop();
    return this.clock.pending;
  }

  row(gid = 'g'): Transaction {
    const row = this.journal.peek(gid);
    if (row === undefined) throw new Error(`there is no ${gid}`);
    return row;
  }

  status(gid = 'g'): string {
    return this.row(gid).state.status;
  }

  /** Lets time go on until the transaction is over. */
  async over(gid = 'g', limitMs?: number): Promise<Transaction> {
    await this.clock.advanceUntil(() => this.row(gid).dueAt === undefined && this.isTerminal(gid), limitMs);
    return this.row(gid);
  }

  /** The kinds of the steps that reached the journal, with what came of them. */
  get steps(): readonly string[] {
    return this.journal.steps.map(({ step, result }) => `${step.kind} ${result.kind}`);
  }

  private isTerminal(gid: string): boolean {
    return ['CONFIRMED', 'CANCELLED'].includes(this.status(gid));
  }

  private get logger(): Logger {
    const line = (level: string) => (_fields: Record<string, unknown>, message: string) => {
      this.log.push(`${level} ${message}`);
    };
    const logger: Logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: line('warn'),
      error: line('error'),
      child: () => logger,
    };
    return logger;
  }
}

export const execute = (change: Partial<NewTransaction> = {}): NewTransaction => newTransaction(change);

export const interactive = (change: Partial<NewTransaction> = {}): NewTransaction =>
  newTransaction({ mode: 'interactive', branches: [], ...change });

export const branchOf = (id: string, change: Partial<NewBranch> = {}): NewBranch => newBranch(id, change);

/** What a call comes to: OK, or its error's code. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'OK',
    (error: unknown) => (isTccError(error) ? error.code : String(error)),
  );
}
