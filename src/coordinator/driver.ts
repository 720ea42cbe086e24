/**
 * Drives one transaction: event → engine → journal → effects, one event at a time.
 * C1. No effect is carried out before the step that it rests on is durable (I8); while a step is under way, events wait
 *     and no call goes out: a Try that waits for its turn is not sent behind the decision.
 * C2. A step that lost makes the driver go on from the transaction as it stands (I1, I9).
 * C3. A journal that cannot be reached makes the driver let go: the row is the truth, the scanner will take it.
 * C4. After its release a driver makes no call, no step and keeps no timer (I13), and waits in no line.
 */
import type { Clock, Timer } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Logger } from '../lib/logger';
import { consider, decide, take, takeNew } from '../engine/decide';
import {
  inHand,
  NO_EFFECTS,
  type Command,
  type Context,
  type Decision,
  type Driven,
  type Effect,
  type Event,
  type Refusal,
} from '../engine/driven';
import type { Transaction } from '../engine/model';
import type { Step } from '../engine/step';
import type { Outcome } from '../engine/outcome';
import type { Caller, Directory, Invoker, ParticipantCall } from '../invoker/invoker';
import type { Journal, StepResult, Submitter } from '../journal/journal';

import type { CatchUp } from './catch-up';
import type { DatabaseTime } from './database-time';
import type { Circumstances } from './circumstances';

/** How often a command is decided again because something else changed the transaction in between. */
const COMMAND_RACES = 10;

export interface DriverDeps {
  readonly journal: Pick<Journal, 'submit'>;
  readonly invoker: Invoker;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly time: DatabaseTime;
  readonly logger: Logger;
  readonly circumstances: Circumstances;
  /** Somebody will call `expire` at this moment (monotonic ms) or soon after it. */
  readonly expiring: (atMs: number) => void;
  /** Called after each durable change. */
  readonly changed: (transaction: Transaction) => void;
  /** Called once, when the driver lets go; with an error when it had to. */
  readonly released: (driver: Driver, error: TccError | undefined) => void;
}

/** What became of a command: durable or moot, refused, or nobody knows. */
export interface CommandResult {
  /** As the command left it. */
  readonly transaction: Transaction;
  readonly refusal?: Refusal;
  readonly error?: TccError;
}

interface WaitingEvent {
  readonly event: Event;
  readonly settle: ((result: CommandResult) => void) | undefined;
}

export class Driver implements Submitter, Caller {
  readonly gid: string;
  private readonly deps: DriverDeps;
  private driven: Driven;
  private readonly waiting: WaitingEvent[] = [];
  /** Where it waits for its turn, or has waited. */
  private line: CatchUp | undefined;
  /** The calls that wait for it. */
  private held: readonly Effect[] = NO_EFFECTS;
  /** Of calls that go out after a delay. */
  private timers: Set<Timer> | undefined;
  private stepping = false;
  /** The command that led to the step that is under way. */
  private cause: WaitingEvent | undefined;
  private gone = false;
  /** Whether it carries the transaction on; otherwise somebody has only asked something about it. */
  private driving = false;
  private lostTo: TccError | undefined;
  private races = 0;
  private endsAt = Infinity;
  /** Monotonic ms. */
  readonly takenAtMs: number;

  constructor(transaction: Transaction, takenAtMs: number, deps: DriverDeps) {
    this.gid = transaction.gid;
    this.takenAtMs = takenAtMs;
    this.deps = deps;
    this.driven = inHand(transaction);
  }

  get transaction(): Transaction {
    return this.driven.transaction;
  }

  /** Until when it waits for a decision, monotonic ms; Infinity while it has no deadline to look after. */
  get endsAtMs(): number {
    return this.endsAt;
  }

  /** Its time is over. */
  expire(): void {
    this.endsAt = Infinity;
    this.handle({ kind: 'deadline' }, undefined);
  }

  /** Starts an Execute that was just begun here. In a line its first calls wait for its turn; its deadline does not. */
  startNew(line?: CatchUp): void {
    this.start(takeNew(this.transaction, this.context()), line);
  }

  /** Its turn in the line has come. */
  letGoOn(): void {
    const effects = this.held;
    this.held = NO_EFFECTS;
    for (const effect of effects) this.perform(effect);
  }

  /** Carries a transaction on that was claimed or found standing. In a line the calls of one that is not decided wait. */
  resume(line?: CatchUp): void {
    const isUndecided = this.transaction.state.status === 'TRYING';
    this.start(take(this.transaction, this.context()), isUndecided ? line : undefined);
  }

  private start(decision: Decision, line: CatchUp | undefined): void {
    this.driving = true;
    if (line === undefined || decision.kind !== 'go') {
      this.carryOut(decision, undefined);
      return;
    }
    this.line = line;
    this.held = decision.effects.filter(({ kind }) => kind === 'call');
    this.carryOut({ ...decision, effects: decision.effects.filter(({ kind }) => kind !== 'call') }, undefined);
    line.join(this);
  }

  /** Puts a command to a driver that has not been started: the transaction is read, not held. */
  consider(command: Command): Promise<CommandResult> {
    return new Promise((resolve) => {
      this.carryOut(consider(this.transaction, command, this.context()), { event: command, settle: resolve });
      this.letGoWhenIdle();
    });
  }

  /**
   * Puts a command to a driver that is under way. Resolves once it is durable or refused. Where the transaction is still
   * TRYING after that, the driver has let go before the command's turn came: it must be put again.
   */
  command(command: Command): Promise<CommandResult> {
    return new Promise((resolve) => {
      this.handle(command, resolve);
    });
  }

  /** Lets go at once, without a word to the journal. */
  letGo(error?: TccError): void {
    if (this.gone) return;
    this.gone = true;
    this.lostTo = error;
    this.stopTimers();
    this.line?.leave(this);
    this.deps.released(this, error);
    for (const { settle } of this.waiting.splice(0)) settle?.(this.moot());
  }

  private handle(event: Event, settle: WaitingEvent['settle']): void {
    if (this.gone) {
      settle?.(this.moot());
    } else if (this.stepping) {
      this.waiting.push({ event, settle });
    } else {
      this.carryOut(decide(this.driven, event, this.context()), settle && { event, settle });
    }
  }

  /** What a command hears that comes after the release: how it ended is in the transaction, unless that was lost. */
  private moot(): CommandResult {
    const { transaction } = this;
    return this.lostTo === undefined ? { transaction } : { transaction, error: this.lostTo };
  }

  private carryOut(decision: Decision, cause: WaitingEvent | undefined): void {
    this.driven = decision.driven;
    switch (decision.kind) {
      case 'refuse':
        cause?.settle?.({ transaction: this.transaction, refusal: decision.refusal });
        return;
      case 'go':
        for (const effect of decision.effects) this.perform(effect);
        cause?.settle?.({ transaction: this.transaction });
        return;
      case 'step':
        // What the timers and the line were for is over when the step is applied, and is begun afresh when it is not (C1).
        this.stopTimers();
        this.stepping = true;
        this.cause = cause;
        this.deps.journal.submit(decision.step, this);
    }
  }

  /** Its step is done. */
  stepped(step: Step, result: StepResult): void {
    const cause = this.stepEnded();
    this.deps.time.seen(result.atMs);
    if (this.gone) {
      cause?.settle?.(this.moot());
    } else if (result.kind === 'applied') {
      this.driving = true;
      // The command is durable now, whatever comes next: its caller need not wait for the calls that follow.
      this.carryOut(decide(this.driven, { kind: 'applied', step, atMs: result.atMs }, this.context()), cause);
      this.deps.changed(this.transaction);
    } else if (result.current === undefined) {
      this.lost(new TccError('JOURNAL_UNAVAILABLE', `transaction ${this.gid} is not in the journal any more`), cause);
    } else {
      this.goOnFrom(result.current, cause);
    }
    this.handleWaiting();
    this.letGoWhenIdle();
  }

  /** Nobody knows what became of its step. */
  failed(_step: Step, error: Error): void {
    this.lost(error, this.stepEnded());
  }

  /** What led to the step. */
  private stepEnded(): WaitingEvent | undefined {
    const { cause } = this;
    this.stepping = false;
    this.cause = undefined;
    return cause;
  }

  /** A command that changed nothing leaves nothing to drive: whoever decided it, or the scanner, has it. */
  private letGoWhenIdle(): void {
    if (!this.driving && !this.stepping) this.letGo();
  }

  private handleWaiting(): void {
    while (!this.stepping && !this.gone) {
      const next = this.waiting.shift();
      if (next === undefined) return;
      this.handle(next.event, next.settle);
    }
  }

  private goOnFrom(current: Transaction, cause: WaitingEvent | undefined): void {
    this.stopTimers();
    this.driven = inHand(current);
    this.deps.changed(current);
    const command = cause?.event;
    const again = command?.kind === 'commit' || command?.kind === 'cancel';
    if (again && current.state.status === 'TRYING' && ++this.races <= COMMAND_RACES) {
      this.carryOut(consider(current, command, this.context()), cause);
      return;
    }
    this.driving = true;
    this.carryOut(take(current, this.context()), undefined);
    cause?.settle?.({ transaction: this.transaction });
  }

  private lost(error: unknown, cause: WaitingEvent | undefined): void {
    const known =
      error instanceof TccError ? error : new TccError('BROKEN_INVARIANT', 'a step failed', { cause: error });
    if (known.kind === 'invariant')
      this.deps.logger.error({ gid: this.gid, err: error }, 'a step was rejected by the journal');
    this.letGo(known);
    cause?.settle?.({ transaction: this.transaction, error: known });
  }

  private perform(effect: Effect): void {
    switch (effect.kind) {
      case 'call':
        if (effect.delayMs === 0) this.call(effect);
        else this.after(effect.delayMs, () => this.call(effect));
        return;
      case 'arm':
        this.endsAt = this.deps.clock.monotonicMs() + Math.max(0, effect.atMs - this.deps.time.now());
        this.deps.expiring(this.endsAt);
        return;
      case 'release':
        this.letGo();
    }
  }

  private call({ branch, phase, attempt }: Extract<Effect, { kind: 'call' }>): void {
    const { participant, action, branchId, payload } = branch;
    const { callTimeoutMs } = this.deps.directory.policyOf(participant, action);
    const leftMs = this.transaction.deadlineAt - this.deps.time.now();
    const timeoutMs = Math.max(1, phase === 'try' ? Math.min(callTimeoutMs, leftMs) : callTimeoutMs);
    this.deps.invoker.call({ participant, action, phase, gid: this.gid, branchId, attempt, payload, timeoutMs }, this);
  }

  /** One of its calls is over. */
  answered({ branchId, participant, action, phase, attempt }: ParticipantCall, outcome: Outcome): void {
    if (outcome.kind === 'never' && phase !== 'try') {
      const fields = { gid: this.gid, branchId, participant, action, phase, attempt, code: outcome.code };
      this.deps.logger.error(fields, 'a call cannot work until somebody changes the set-up');
    }
    this.handle({ kind: 'answered', branchId, phase, attempt, outcome }, undefined);
  }

  private after(delayMs: number, fire: () => void): void {
    const timers = (this.timers ??= new Set());
    const timer = this.deps.clock.startTimer(delayMs, () => {
      timers.delete(timer);
      if (!this.gone) fire();
    });
    timers.add(timer);
  }

  private stopTimers(): void {
    this.endsAt = Infinity;
    this.held = NO_EFFECTS;
    if (this.timers === undefined) return;
    for (const timer of this.timers) timer.stop();
    this.timers.clear();
  }

  private context(): Context {
    return this.deps.circumstances.now();
  }
}
