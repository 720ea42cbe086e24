/**
 * Sees everything that a coordinator does to the world, at the moment it does it, and says what must not be. It stands around the
 * real parts as their interfaces do, and holds them to the invariants of ARCHITECTURE.md.
 */
import type { TransactionApi } from '../../src/coordinator/api';
import type { Branch, Transaction, TransactionStatus } from '../../src/engine/model';
import { gidOf, type Step } from '../../src/engine/step';
import type { Invoker } from '../../src/invoker/invoker';
import { mode } from '../../src/journal/codes';
import type { Journal, StepResult } from '../../src/journal/journal';
import { isTccError } from '../../src/lib/errors';
import type { Running } from '../machines/coordinator';
import type { BranchBooks } from '../machines/fence-database';
import type { Machine } from '../kernel/machine';
import type { World } from '../world';
import { CallChecks } from './calls';
import { CommitChecks } from './commits';
import { branchStatusOf, JournalRows } from './rows';

/** How far a transaction has come: a promise may be overtaken, and never taken back. */
const rank: Readonly<Record<TransactionStatus, number>> = {
  TRYING: 0,
  CONFIRMING: 1,
  CANCELLING: 1,
  CONFIRMED: 2,
  CANCELLED: 2,
};

const EXECUTE = mode.of('execute');

export class Watch {
  /** What is broken, as sentences that begin with the invariant. */
  readonly broken: string[] = [];
  readonly rows: JournalRows;
  readonly calls: CallChecks;
  /** Transactions that are not terminal. */
  open = 0;
  /** Transactions that were begun, also those that are purged by now. */
  begun = 0;
  private readonly world: World;
  /** What applications were told: confirmed or cancelled. */
  private readonly told = new Map<string, 'confirmed' | 'cancelled'>();
  /** Gids that somebody has asked for. */
  private readonly asked = new Set<string>();
  /** What is gone because its retention was over. */
  private readonly purged = new Set<string>();

  constructor(world: World) {
    this.world = world;
    this.rows = new JournalRows(world.server);
    this.calls = new CallChecks({
      rows: this.rows,
      coverage: world.coverage,
      trace: world.trace,
      broken: (text) => this.breaks(text),
      isPurged: (gid) => this.purged.has(gid),
    });
    const { leaseMs, parkAfterRefusals } = world.rules;
    const checks = new CommitChecks({
      rows: this.rows,
      nowMs: () => world.server.nowMs,
      broken: (text) => this.breaks(text),
      reached: (what) => world.coverage.reached(what),
      booksOf: (participant, gid, branchId) => this.booksOf(participant, gid, branchId),
      wasTried: (gid, branchId) => this.calls.wasTried(gid, branchId),
      wasAsked: (gid) => this.asked.has(gid),
      ...{ leaseMs, parkAfterRefusals, retentionMs: world.settings.retentionMs },
      underWay: (gid) => world.network.underWay.get(gid) ?? 0,
    });
    world.server.watch((changes, who) => {
      for (const { table, before, after } of changes) {
        if (table !== 'tcc_transactions') continue;
        const gid = String((after ?? before)?.['gid']);
        if (after === undefined) this.purged.add(gid);
        if (before === undefined) this.begun += 1;
        this.open += Number(after?.['is_open'] ?? 0) - Number(before?.['is_open'] ?? 0);
        world.trace.note(
          'database',
          `${gid} ${after === undefined ? 'purged' : `${String(after['status'])} due ${String(after['due_at'])}`}`,
        );
      }
      checks.committed(changes, who);
    });
  }

  breaks(text: string): void {
    this.world.trace.note('BROKEN', text);
    this.broken.push(text);
  }

  /** An application wants it. */
  asksFor(gid: string): void {
    this.asked.add(gid);
  }

  invoker(inner: Invoker, machine: Machine): Invoker {
    return {
      call: async (call) => {
        if (!machine.isAlive) return new Promise(() => undefined);
        this.calls.sent(call, machine);
        const outcome = await inner.call(call);
        this.calls.heard(call, outcome);
        this.world.coverage.reached(
          `answer: ${call.phase} ${outcome.kind}${outcome.fence === undefined ? '' : ` ${outcome.fence}`}`,
        );
        this.world.trace.note(
          machine.name,
          `${call.phase} ${call.gid} ${call.branchId}#${call.attempt}: ${outcome.kind}`,
        );
        return outcome;
      },
    };
  }

  /** I10, at each commit of a participant. */
  participantCommitted(
    participant: string,
    { gid, branchId }: { gid: string; branchId: string },
    books: BranchBooks,
  ): void {
    const { fence, effects } = books;
    const { tried, confirmed, cancelled } = effects;
    const says = (text: string) => this.breaks(`I10: ${gid} ${branchId} at ${participant} ${text}`);
    this.world.trace.note(participant, `${gid} ${branchId} is ${String(fence)} ${tried}/${confirmed}/${cancelled}`);
    if (tried > 1 || confirmed > 1 || cancelled > 1) says(`took effect ${tried}/${confirmed}/${cancelled} times`);
    if (confirmed > tried) says('is confirmed without a Try');
    const outside = this.rows.branch(gid, branchId)?.['action'] === 'outside';
    if (cancelled > tried && !outside && this.rows.branch(gid, branchId) !== undefined)
      says('is cancelled without a Try');
    if (confirmed + cancelled > 1) says('is confirmed and cancelled');
    if (fence === 'TRIED' && (tried !== 1 || confirmed + cancelled > 0))
      says('is fenced as TRIED, and its books say otherwise');
    if (fence === 'CONFIRMED' && confirmed !== 1) says('is fenced as CONFIRMED, and its books say otherwise');
    if (fence === 'CANCELLED' && tried > cancelled) says('is fenced as CANCELLED, and its Try still stands');
  }

  journal(inner: Journal, machine: Machine): Journal {
    const append = async (step: Step): Promise<StepResult> => {
      const isDecision = step.kind === 'decide' && this.rows.transaction(step.gid)?.['mode'] === EXECUTE;
      if (isDecision) this.calls.decides(machine, step.gid, true);
      try {
        const result = await inner.append(step);
        if (isDecision && result.kind === 'stands' && result.current?.state.status === 'TRYING')
          this.calls.decides(machine, step.gid, false);
        this.appended(step, result, machine);
        return result;
      } catch (error) {
        if (isDecision) this.calls.decides(machine, step.gid, false);
        this.world.coverage.reached('path: a step fails');
        this.world.trace.note(machine.name, `${step.kind} ${gidOf(step)}: ${String(error)}`);
        if (!isTccError(error, 'JOURNAL_UNAVAILABLE'))
          this.breaks(`J3: ${step.kind} of ${gidOf(step)} fails with ${describe(error)}`);
        throw error;
      }
    };
    return new Proxy(inner, {
      get: (target, name: keyof Journal) => (name === 'append' ? append : (target[name] as () => unknown).bind(target)),
    });
  }

  /** What a coordinator answers must be durable by then (I8). */
  api(inner: TransactionApi, machine: Machine): TransactionApi {
    const checked = async (gid: string, asked: Promise<Transaction>): Promise<Transaction> => {
      const transaction = await asked;
      this.durable(machine, transaction);
      if (transaction.gid !== gid) this.breaks(`I8: asked for ${gid} and got ${transaction.gid}`);
      return transaction;
    };
    const branchIs = (gid: string, branch: Branch) => {
      if (machine.isAlive && !this.purged.has(gid) && this.rows.branch(gid, branch.branchId) === undefined) {
        this.breaks(`I8: ${machine.name} answers that ${gid} ${branch.branchId} is registered, and it is not`);
      }
    };
    return {
      execute: (asked, wait, signal) => checked(asked.gid, inner.execute(asked, wait, signal)),
      begin: (asked) => checked(asked.gid, inner.begin(asked)),
      commit: (gid, wait, signal) => checked(gid, inner.commit(gid, wait, signal)),
      rollback: (gid, reason, wait, signal) => checked(gid, inner.rollback(gid, reason, wait, signal)),
      get: (gid) => checked(gid, inner.get(gid)),
      retry: (gid) => checked(gid, inner.retry(gid)),
      watch: (gid, signal) => inner.watch(gid, signal),
      try: async (gid, asked, signal) => {
        const result = await inner.try(gid, asked, signal);
        branchIs(gid, result.branch);
        const row = this.rows.branch(gid, result.branch.branchId);
        if (machine.isAlive && result.branch.status === 'TRIED' && row !== undefined)
          this.triedIsDurable(gid, branchStatusOf(row));
        return result;
      },
      registerBranch: async (gid, asked) => {
        const branch = await inner.registerBranch(gid, asked);
        branchIs(gid, branch);
        return branch;
      },
    };
  }

  /** What an application was told of a transaction's end: it may never be told otherwise. */
  tells(gid: string, outcome: 'confirmed' | 'cancelled'): void {
    this.world.coverage.reached(`path: an application hears ${outcome}`);
    this.world.trace.note('application', `${gid} is ${outcome}`);
    const before = this.told.get(gid);
    if (before !== undefined && before !== outcome)
      this.breaks(`I1: ${gid} was ${before} for one application, and is ${outcome} for another`);
    this.told.set(gid, outcome);
    const status = this.rows.status(gid);
    if (status === undefined && this.purged.has(gid)) return;
    const isSo =
      outcome === 'confirmed'
        ? status === 'CONFIRMING' || status === 'CONFIRMED'
        : status === 'CANCELLING' || status === 'CANCELLED';
    if (!isSo) this.breaks(`I8: ${gid} is ${String(status)}, and an application hears that it is ${outcome}`);
  }

  /** I13, of a coordinator that has stopped. */
  stopped(machine: Machine, { coordinator, databases, counters }: Running): void {
    const left = {
      timers: machine.timers,
      inHand: coordinator.inHand,
      connections: databases[0]?.inUse ?? 0,
      steps: counters.queued,
    };
    for (const [what, count] of Object.entries(left))
      if (count > 0) this.breaks(`I13: ${machine.name} has stopped and leaves ${count} ${what}`);
  }

  /** When everything is over: each transaction's books are as its decision says. */
  atRest(): void {
    for (const row of this.rows.all()) {
      const gid = String(row['gid']);
      for (const branch of this.rows.branchesOf(gid)) this.branchAtRest(gid, branch);
    }
  }

  booksOf(participant: string, gid: string, branchId: string): BranchBooks {
    return this.world.participant(participant).database.booksOf({ gid, branchId });
  }

  private branchAtRest(gid: string, branch: Readonly<Record<string, unknown>>): void {
    const branchId = String(branch['branch_id']);
    const { fence, effects } = this.booksOf(String(branch['participant']), gid, branchId);
    const status = this.rows.status(gid);
    const { tried, confirmed, cancelled } = effects;
    const isRight =
      status === 'CONFIRMED'
        ? confirmed === 1 && cancelled === 0
        : confirmed === 0 && fence !== 'TRIED' && cancelled >= tried;
    if (!isRight)
      this.breaks(
        `I7: ${gid} is ${String(status)} at rest, and ${branchId} is ${String(fence)} ${tried}/${confirmed}/${cancelled}`,
      );
  }

  private appended(step: Step, result: StepResult, machine: Machine): void {
    const gid = gidOf(step);
    this.world.coverage.reached(`step: ${step.kind} ${result.kind}`);
    this.world.trace.note(machine.name, `${step.kind} ${gid}: ${result.kind}`);
    if (!machine.isAlive || this.purged.has(gid)) return;
    const status = this.rows.status(gid);
    if (result.kind === 'stands') {
      if (result.current !== undefined && status !== undefined && rank[status] < rank[result.current.state.status])
        this.breaks(`J2: ${step.kind} of ${gid} hears ${result.current.state.status}, and it is ${status}`);
      return;
    }
    const isDurable =
      step.kind === 'decide'
        ? status === step.to || status === (step.to === 'CONFIRMING' ? 'CONFIRMED' : 'CANCELLED')
        : step.kind === 'finish'
          ? status === step.to
          : step.kind === 'register'
            ? this.rows.branch(gid, step.branch.branchId) !== undefined
            : status !== undefined;
    if (!isDurable) this.breaks(`J1: ${step.kind} of ${gid} is said to be applied, and it is ${String(status)}`);
  }

  private durable(machine: Machine, { gid, state }: Transaction): void {
    if (!machine.isAlive || this.purged.has(gid)) return;
    const status = this.rows.status(gid);
    if (
      status === undefined ||
      rank[status] < rank[state.status] ||
      (rank[status] > 0 && rank[state.status] > 0 && status.slice(0, 4) !== state.status.slice(0, 4))
    )
      this.breaks(`I8: ${machine.name} answers that ${gid} is ${state.status}, and it is ${String(status)}`);
  }

  private triedIsDurable(gid: string, stored: string): void {
    const status = this.rows.status(gid);
    if (status === 'TRYING' && stored !== 'TRIED')
      this.breaks(`I8: an application hears that a branch of ${gid} is TRIED, and it is ${stored}`);
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? (error.stack ?? error.message) : `${error.message}: ${describe(error.cause)}`;
}
