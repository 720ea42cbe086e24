/**
 * Sees everything that a coordinator does to the world, at the moment it does it, and says what must not be. It stands around the
 * real parts as their interfaces do, and holds them to the invariants of ARCHITECTURE.md.
 */
import type { Outcome } from '../../src/engine/outcome';
import type { Caller, Invoker, ParticipantCall } from '../../src/invoker/invoker';
import type { Running } from '../machines/coordinator';
import type { Machine } from '../kernel/machine';
import type { World } from '../world';
import { AnswerChecks } from './answers';
import { AppendChecks } from './appends';
import { BooksChecks } from './books';
import { CallChecks } from './calls';
import { CommitChecks } from './commits';
import { JournalRows } from './rows';

export class Watch {
  /** What is broken, as sentences that begin with the invariant. */
  readonly broken: string[] = [];
  readonly rows: JournalRows;
  readonly calls: CallChecks;
  readonly appends: AppendChecks;
  readonly answers: AnswerChecks;
  readonly books: BooksChecks;
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
    const { coverage, trace } = world;
    const shared = {
      ...{ rows: this.rows, coverage, trace },
      broken: (text: string) => this.breaks(text),
      isPurged: (gid: string) => this.purged.has(gid),
    };
    const booksOf = (participant: string, gid: string, branchId: string) =>
      world.participant(participant).database.booksOf({ gid, branchId });
    this.calls = new CallChecks(shared);
    this.appends = new AppendChecks({ ...shared, calls: this.calls });
    this.answers = new AnswerChecks(shared);
    this.books = new BooksChecks({ ...shared, booksOf });
    const { leaseMs, parkAfterRefusals } = world.rules;
    const checks = new CommitChecks({
      rows: this.rows,
      nowMs: () => world.server.nowMs,
      broken: (text) => this.breaks(text),
      reached: (what) => world.coverage.reached(what),
      booksOf,
      roundsSeenBy: (who, gid) => this.appends.roundsSeenBy(who, gid),
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
      call: (call, caller) => {
        if (!machine.isAlive) return;
        this.calls.sent(call, machine);
        inner.call(call, { answered: (_, outcome) => this.answered(call, caller, outcome, machine) });
      },
    };
  }

  private answered(call: ParticipantCall, caller: Caller, outcome: Outcome, machine: Machine): void {
    this.calls.heard(call, outcome);
    if (outcome.kind !== 'done' && outcome.code === 'OVERLOADED')
      this.world.coverage.reached('path: a call finds too many before it');
    this.world.coverage.reached(
      `answer: ${call.phase} ${outcome.kind}${outcome.fence === undefined ? '' : ` ${outcome.fence}`}`,
    );
    this.world.trace.note(machine.name, `${call.phase} ${call.gid} ${call.branchId}#${call.attempt}: ${outcome.kind}`);
    caller.answered(call, outcome);
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
}
