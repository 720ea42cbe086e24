/**
 * One transaction, its row, and any number of coordinators that work on it at once, each in any state of forgetfulness.
 * Nothing happens by itself: whoever plays says which step reaches the journal, whose reply is lost, which call is answered
 * how, when time goes on and who dies. After everything that happens the invariants are checked.
 */
import { consider, decide, take, takeNew } from '../../../src/engine/decide';
import type { Command, Decision, Driven, Effect, Event } from '../../../src/engine/driven';
import { isTerminal, type NewBranch, type Phase, type Transaction } from '../../../src/engine/model';
import type { Outcome } from '../../../src/engine/outcome';
import type { Step } from '../../../src/engine/step';
import type { StepResult } from '../../../src/journal/journal';
import { applyStep, type Rows } from '../../support/memory-rows';

import { context, newTransaction } from './builders';

export interface OutCall {
  readonly by: Worker;
  readonly branchId: string;
  readonly phase: Phase;
  readonly attempt: number;
}

/** How a step fares on its way: done and told; done, and nobody knows by whom; done and the reply lost; not done. */
export type Fate = 'told' | 'read back' | 'reply lost' | 'not done';

/** A coordinator as far as the engine needs one: what it holds, and the step that it waits for. */
export interface Worker {
  driven: Driven | undefined;
  waiting: { readonly step: Step; readonly command: Command | undefined } | undefined;
}

export class World {
  readonly rows: Rows = new Map();
  readonly workers: Worker[] = [];
  /** Calls that are out. Those of dead coordinators stay: the participant may still be at work. */
  calls: OutCall[] = [];
  now = 0;
  private readonly sent = new Set<string>();
  private readonly doneCalls = new Set<string>();
  private seen: Transaction;

  constructor(shape: Parameters<typeof newTransaction>[0]) {
    const transaction = newTransaction(shape);
    applyStep(this.rows, { kind: 'begin', transaction, worker: 'w0', dueInMs: 5_000 }, 0, 1e9);
    this.seen = this.row;
    if (transaction.mode === 'execute') {
      const first = this.join();
      this.follow(first, takeNew(this.row, this.context()), undefined);
    }
  }

  get row(): Transaction {
    const found = this.rows.get('g')?.transaction;
    if (found === undefined) throw new Error('the row is gone');
    return found;
  }

  get isOver(): boolean {
    return isTerminal(this.row.state.status);
  }

  /** Another coordinator claims it and carries it on. */
  claim(): void {
    const row = this.rows.get('g');
    if (row === undefined || this.isOver || row.transaction.dueAt === undefined) return;
    row.transaction = { ...row.transaction, epoch: row.transaction.epoch + 1, dueAt: this.now + 5_000 };
    this.follow(this.join(), take(this.row, this.context()), undefined);
  }

  /** Somebody asks a coordinator that does not hold it. */
  ask(command: Command): void {
    const worker = this.join();
    this.follow(worker, consider(this.row, command, this.context()), command);
    // A command that needs no step leaves nothing to hold.
    if (worker.waiting === undefined) this.die(worker);
  }

  /** Something happens to one that holds it. While it waits for a step nothing does. */
  event(worker: Worker | undefined, event: Event): void {
    if (worker?.driven === undefined || worker.waiting !== undefined) return;
    const command = event.kind === 'commit' || event.kind === 'cancel' ? event : undefined;
    this.follow(worker, decide(worker.driven, event, this.context()), command);
  }

  /** The participant answers; the coordinator that called hears it, if it still lives and is not at a step. */
  answer(index: number, outcome: Outcome): void {
    const call = this.calls[index];
    if (call === undefined || call.by.waiting !== undefined) return;
    this.calls = this.calls.toSpliced(index, 1);
    const { by, branchId, phase, attempt } = call;
    if (outcome.kind === 'done') this.doneCalls.add(`${phase} ${branchId}`);
    this.event(by, { kind: 'answered', branchId, phase, attempt, outcome });
  }

  /** The step that a coordinator waits for reaches the journal, or does not. */
  step(worker: Worker | undefined, fate: Fate): void {
    const waiting = worker?.waiting;
    if (worker?.driven === undefined || waiting === undefined) return;
    worker.waiting = undefined;
    const result = fate === 'not done' ? undefined : this.apply(waiting.step);
    if (result === undefined || fate === 'reply lost') {
      this.die(worker);
    } else if (result.kind === 'applied' && fate === 'told') {
      const event = { kind: 'applied', step: waiting.step, atMs: result.atMs } as const;
      this.follow(worker, decide(worker.driven, event, this.context()), undefined);
    } else {
      const { command } = waiting;
      const again = command !== undefined && this.row.state.status === 'TRYING';
      const next = again ? consider(this.row, command, this.context()) : take(this.row, this.context());
      this.follow(worker, next, again ? command : undefined);
    }
  }

  /** Steps from outside a driver: a branch is registered, an application's Try recorded, an operator retries. */
  apply(step: Step): StepResult {
    const result = applyStep(this.rows, step, this.now, 1e9);
    this.check();
    return result;
  }

  register(branch: NewBranch): void {
    this.apply({ kind: 'register', gid: 'g', branch, maxBranches: 4 });
  }

  /** The interactive Try of one branch: called, answered OK, recorded. */
  tryInteractively(branchId: string): void {
    this.sent.add(branchId);
    this.doneCalls.add(`try ${branchId}`);
    this.apply({ kind: 'answer', gid: 'g', branchId, reply: undefined, attempts: [] });
  }

  die(worker: Worker | undefined): void {
    if (worker === undefined) return;
    worker.driven = undefined;
    worker.waiting = undefined;
  }

  /** Faults stop: whatever is under way goes well, time goes on, somebody claims. Says whether it ended. */
  comesToAnEnd(): boolean {
    for (let turn = 0; turn < 200 && !this.isOver; turn += 1) {
      for (const worker of this.workers) this.step(worker, 'told');
      while (this.calls.length > 0 && this.workers.every(({ waiting }) => waiting === undefined)) {
        this.answer(0, { kind: 'done', reply: undefined, fence: undefined });
      }
      if (this.workers.some(({ driven }) => driven !== undefined)) continue;
      this.now += 70_000;
      this.apply({ kind: 'retry', gid: 'g' });
      this.claim();
    }
    return this.isOver;
  }

  private context() {
    return context({ now: this.now });
  }

  private join(): Worker {
    const worker: Worker = { driven: undefined, waiting: undefined };
    this.workers.push(worker);
    return worker;
  }

  private follow(worker: Worker, decision: Decision, command: Command | undefined): void {
    worker.driven = decision.driven;
    if (decision.kind === 'step') worker.waiting = { step: decision.step, command };
    else if (decision.kind === 'refuse') this.die(worker);
    else for (const effect of decision.effects) this.perform(worker, effect);
    this.check();
  }

  private perform(worker: Worker, effect: Effect): void {
    if (effect.kind === 'release') this.die(worker);
    if (effect.kind !== 'call') return;
    const { phase, attempt, branch } = effect;
    this.checkCall(phase, branch.branchId);
    if (phase === 'try') this.sent.add(branch.branchId);
    this.calls = [...this.calls, { by: worker, branchId: branch.branchId, phase, attempt }];
  }

  private checkCall(phase: Phase, branchId: string): void {
    const { state, branches } = this.row;
    const branch = branches.find((each) => each.branchId === branchId);
    if (branch === undefined) throw new Error(`I2: ${phase} of ${branchId}, which is not durable`);
    if (phase === 'confirm') {
      if (state.status !== 'CONFIRMING' && state.status !== 'CONFIRMED')
        throw new Error(`I3: Confirm in ${state.status}`);
      const untried = branches.find((each) => each.triedBy === 'coordinator' && !this.isDone('try', each.branchId));
      if (untried !== undefined) throw new Error(`I3: Confirm, and ${untried.branchId} is not known to be tried`);
    }
    if (phase === 'cancel' && state.status !== 'CANCELLING' && state.status !== 'CANCELLED') {
      throw new Error(`I4: Cancel in ${state.status}`);
    }
    const skipped = phase === 'try' && branch.status === 'CANCELLED' && !this.isDone('cancel', branchId);
    if (skipped) throw new Error(`I4: Try of ${branchId}, which the decision skipped`);
  }

  private check(): void {
    const { seen, row } = this;
    this.seen = row;
    if (seen.state.status !== row.state.status) checkEdge(seen, row);
    if (JSON.stringify(decisionOf(seen)) !== JSON.stringify(decisionOf(row)) && seen.state.status !== 'TRYING') {
      throw new Error('I1: the decision changed');
    }
    if (seen.state.status !== 'TRYING' && seen.branches.length !== row.branches.length) {
      throw new Error('I5: a branch was registered after the decision');
    }
    if (!isTerminal(row.state.status)) return;
    const phase = row.state.status === 'CONFIRMED' ? 'confirm' : 'cancel';
    for (const { branchId } of row.branches) {
      const owed = phase === 'confirm' || this.sent.has(branchId);
      if (owed && !this.isDone(phase, branchId)) throw new Error(`I7: over, and ${branchId} did not acknowledge`);
    }
  }

  private isDone(phase: Phase, branchId: string): boolean {
    return this.doneCalls.has(`${phase} ${branchId}`);
  }
}

function checkEdge(from: Transaction, to: Transaction): void {
  const edges = ['TRYING CONFIRMING', 'CONFIRMING CONFIRMED', 'TRYING CANCELLING', 'CANCELLING CANCELLED'];
  const edge = `${from.state.status} ${to.state.status}`;
  if (!edges.includes(edge)) throw new Error(`I1: there is no edge ${edge}`);
}

/** What of a state must never change once it is there. */
function decisionOf({ state }: Transaction): unknown {
  const confirmed = state.status === 'CONFIRMING' || state.status === 'CONFIRMED';
  return state.status === 'TRYING' ? undefined : [confirmed, state.decidedAt, 'reason' in state ? state.reason : ''];
}
