/**
 * What a coordinator does for its callers. It keeps nothing that the journal does not hold: any call may go to any
 * coordinator, and a crash loses nothing that was promised.
 */
import type { Signal } from '../lib/abort';
import { sleep, type Clock } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Stoppable } from '../lib/lifecycle';
import type { Logger } from '../lib/logger';
import type { Random } from '../lib/random';
import type { Command, Rules } from '../engine/driven';
import {
  isTerminal,
  type Branch,
  type NewBranch,
  type NewTransaction,
  type Transaction,
  type TransactionStatus,
} from '../engine/model';
import type { Directory, Invoker } from '../invoker/invoker';
import type { Journal, Lease } from '../journal/journal';

import type { TransactionApi, TryResult, Wait } from './api';
import { appendBegin, type BeginningDeps } from './beginning';
import { begun, sameOrTaken } from './begun';
import { CatchUp } from './catch-up';
import { Circumstances } from './circumstances';
import { DatabaseTime } from './database-time';
import type { CommandResult } from './driver';
import { Hand } from './hand';
import { InteractiveBranches } from './interactive';
import { abandonable, Outcomes } from './outcomes';
import { decidedOtherwise, missing, refused } from './refusals';
import { isOver } from './waiter';
import { watchTransaction } from './watch';

export interface CoordinatorOptions {
  /** Unique among the coordinators on one database, and new with each start. At most 64 characters. */
  readonly worker: string;
  /** `limits.openTransactions`. */
  readonly openTransactions: number;
  /** `limits.branches`. */
  readonly maxBranches: number;
  /** How long stop() waits for what is under way, in milliseconds. */
  readonly drainMs: number;
  /** After this many unfinished rounds a transaction is logged as needing attention. */
  readonly attentionAfter: number;
  readonly rules: Rules;
}

export interface CoordinatorDeps {
  readonly journal: Journal;
  readonly invoker: Invoker;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The database's clock at the start, epoch ms. */
  readonly nowMs: number;
}

/** How often a command is put again because the driver it was put to let go first. */
const COMMAND_ROUNDS = 5;

export class Coordinator implements TransactionApi, Stoppable {
  readonly name = 'coordinator';
  private readonly options: CoordinatorOptions;
  private readonly deps: CoordinatorDeps;
  private readonly lease: Lease;
  private readonly time: DatabaseTime;
  private readonly hand: Hand;
  private readonly catchUp: CatchUp;
  private readonly outcomes: Outcomes;
  private readonly beginning: BeginningDeps;
  private readonly interactive: InteractiveBranches;

  constructor(options: CoordinatorOptions, deps: CoordinatorDeps) {
    this.options = options;
    this.deps = deps;
    const { journal, clock } = deps;
    const { rules, worker, openTransactions, maxBranches } = options;
    this.time = new DatabaseTime(clock, deps.nowMs);
    this.catchUp = new CatchUp(clock);
    this.lease = { worker, leaseMs: rules.leaseMs };
    this.beginning = { journal, clock, time: this.time, catchUp: this.catchUp };
    this.outcomes = new Outcomes({ journal, clock, inHand: (gid) => this.hand.has(gid) });
    this.hand = new Hand(
      { openTransactions },
      {
        ...deps,
        time: this.time,
        circumstances: new Circumstances({ ...deps, time: this.time, rules, worker }),
        changed: (transaction) => this.changed(transaction),
        failed: (gid, error) => this.outcomes.fail(gid, error),
      },
    );
    this.interactive = new InteractiveBranches({
      ...deps,
      time: this.time,
      rules,
      maxBranches,
      command: (gid, command) => this.command(gid, command),
    });
  }

  /** How many transactions are in hand. */
  get inHand(): number {
    return this.hand.size;
  }

  execute(asked: NewTransaction, wait: Wait, signal: Signal): Promise<Transaction> {
    return this.first(asked.gid, wait, signal, this.beginOrResume(asked));
  }

  async begin(asked: NewTransaction): Promise<Transaction> {
    this.hand.admit();
    try {
      const result = await appendBegin(asked, this.lease, this.beginning);
      if (result.kind === 'stands') return sameOrTaken(asked, result.current);
      this.hand.countInteractive(asked.gid, asked.timeoutMs);
      return begun(asked, result, this.options.worker);
    } finally {
      this.hand.admitted();
    }
  }

  async try(gid: string, branch: NewBranch, signal: Signal): Promise<TryResult> {
    this.hand.refuseWhenDraining();
    return abandonable(this.interactive.try(gid, branch), gid, signal);
  }

  async registerBranch(gid: string, branch: NewBranch): Promise<Branch> {
    this.hand.refuseWhenDraining();
    return (await this.interactive.register(gid, branch)).branch;
  }

  commit(gid: string, wait: Wait, signal: Signal): Promise<Transaction> {
    return this.first(gid, wait, signal, this.decided(gid, { kind: 'commit' }, 'CONFIRMING', 'CONFIRMED'));
  }

  rollback(gid: string, reason: string, wait: Wait, signal: Signal): Promise<Transaction> {
    const cancel: Command = {
      kind: 'cancel',
      reason: { code: 'ROLLED_BACK', branchId: '', message: reason },
      failed: undefined,
    };
    return this.first(gid, wait, signal, this.decided(gid, cancel, 'CANCELLING', 'CANCELLED'));
  }

  async get(gid: string): Promise<Transaction> {
    const transaction = (await this.deps.journal.load([gid])).get(gid);
    if (transaction === undefined) throw missing(gid);
    return transaction;
  }

  watch(gid: string, signal: Signal): AsyncIterable<Transaction> {
    return watchTransaction(gid, signal, this.outcomes, () => this.get(gid));
  }

  async retry(gid: string): Promise<Transaction> {
    const result = await this.deps.journal.append({ kind: 'retry', gid });
    const transaction = result.kind === 'stands' ? result.current : await this.get(gid);
    if (transaction === undefined) throw missing(gid);
    if (result.kind === 'stands' && isTerminal(transaction.state.status)) throw decidedOtherwise(transaction);
    return transaction;
  }

  /** Carries claimed transactions on. Resolves when the last of them is let go of. Those already in hand stay as they are. */
  async resume(transactions: readonly Transaction[]): Promise<void> {
    await Promise.all(
      transactions.map((transaction) => {
        if (!this.hand.isClosed) this.hand.take(transaction)?.resume(this.line);
        return this.hand.release(transaction.gid);
      }),
    );
  }

  /** Gids in hand for at least `ms`: whoever renews leases renews theirs. */
  heldFor(ms: number): readonly string[] {
    return this.hand.heldFor(ms);
  }

  /** Admits nothing new; waits for what is under way; hands the rest over. */
  async stop(): Promise<void> {
    this.hand.drain();
    const patience = new AbortController();
    // A Try that fails leaves a decision to drive, so the hand is empty only after the last of them.
    const drained = this.interactive.idle().then(() => this.hand.empty());
    await Promise.race([drained, sleep(this.deps.clock, this.options.drainMs, patience.signal)]);
    patience.abort();
    this.interactive.stop();
    this.catchUp.stop();
    const left = this.hand.letGoOfAll();
    if (left.length > 0)
      this.deps.logger.warn({ count: left.length }, 'handed open transactions over to other coordinators');
    await Promise.allSettled(left.map((gid) => this.deps.journal.append({ kind: 'retry', gid })));
    this.outcomes.stop();
  }

  /** Makes the transaction durable and drives it, or finds the same one and sees to it that somebody drives it. */
  private async beginOrResume(asked: NewTransaction): Promise<Transaction> {
    this.hand.admit();
    try {
      for (const { participant, action } of asked.branches) {
        const policy = this.deps.directory.action(participant, action);
        if (policy instanceof Promise) await policy;
      }
      const result = await appendBegin(asked, this.lease, this.beginning);
      if (result.kind === 'stands') return await this.takeOver(sameOrTaken(asked, result.current));
      const transaction = begun(asked, result, this.options.worker);
      this.hand.take(transaction)?.startNew(this.line);
      return transaction;
    } finally {
      this.hand.admitted();
    }
  }

  /** Where transactions wait while the journal's absence is being made up for. */
  private get line(): CatchUp | undefined {
    return this.catchUp.isOn ? this.catchUp : undefined;
  }

  /**
   * A repeated Execute: its first coordinator may be gone, so this one carries it on at once. One that waits for a retry
   * keeps its backoff.
   */
  private async takeOver(standing: Transaction): Promise<Transaction> {
    const { gid, state, rounds } = standing;
    if (isTerminal(state.status) || rounds > 0 || this.hand.has(gid)) return standing;
    const [claimed] = await this.deps.journal.claim([gid], this.lease, 'held');
    if (claimed === undefined) return standing;
    this.hand.take(claimed)?.resume(this.line);
    return claimed;
  }

  /** Puts a command to a transaction, wherever it is; resolves with it as it stands once the command is durable or moot. */
  private async command(gid: string, command: Command): Promise<Transaction> {
    for (let round = 0; round < COMMAND_ROUNDS; round += 1) {
      const transaction = await this.put(gid, command);
      // Undecided: the driver that had it let go before the command's turn came.
      if (transaction.state.status !== 'TRYING') return transaction;
    }
    throw new TccError('JOURNAL_UNAVAILABLE', `transaction ${gid} changed while it was to be decided; try again`);
  }

  private async put(gid: string, command: Command): Promise<Transaction> {
    const driver = this.hand.get(gid);
    if (driver !== undefined) return settled(await driver.command(command));
    const transaction = await this.get(gid);
    const taken = this.hand.take(transaction);
    if (taken === undefined) return this.put(gid, command);
    return settled(await taken.consider(command));
  }

  /** The transaction as the command leaves it. Rejects with WRONG_STATE when it is decided otherwise. */
  private async decided(gid: string, command: Command, ...wanted: readonly TransactionStatus[]): Promise<Transaction> {
    const transaction = await this.command(gid, command);
    if (!wanted.includes(transaction.state.status)) throw decidedOtherwise(transaction);
    return transaction;
  }

  private first(gid: string, wait: Wait, signal: Signal, standing: Promise<Transaction>): Promise<Transaction> {
    // Without a driver it has been let go of, or somebody else has it: the journal says how it stands.
    const now = () => this.hand.get(gid)?.transaction ?? this.get(gid);
    return this.outcomes.first({ gid, satisfies: isOver[wait], signal }, standing, now);
  }

  private changed(transaction: Transaction): void {
    this.outcomes.publish(transaction);
    const { rounds, gid, state } = transaction;
    if (rounds === 0) return;
    const fields = { gid, status: state.status, rounds };
    if (rounds === this.options.attentionAfter) this.deps.logger.warn(fields, 'a transaction needs attention');
    if ('parked' in state && state.parked) this.deps.logger.warn(fields, 'a transaction was parked');
  }
}

function settled({ transaction, refusal, error }: CommandResult): Transaction {
  if (error !== undefined) throw error;
  if (refusal !== undefined) throw refused(refusal);
  return transaction;
}
