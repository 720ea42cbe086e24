/** What must be true of what the journal says of its steps: J1, J2, J3. */
import { gidOf, type Step } from '../../src/engine/step';
import { mode } from '../../src/journal/codes';
import type { Journal, StepResult } from '../../src/journal/journal';
import { isTccError } from '../../src/lib/errors';
import type { Coverage } from '../kernel/coverage';
import type { Machine } from '../kernel/machine';
import type { Trace } from '../kernel/trace';
import type { CallChecks } from './calls';
import { type JournalRows, rank } from './rows';

export interface AppendDeps {
  readonly rows: JournalRows;
  readonly calls: CallChecks;
  readonly coverage: Coverage;
  readonly trace: Trace;
  readonly broken: (text: string) => void;
  readonly isPurged: (gid: string) => boolean;
}

const EXECUTE = mode.of('execute');

export class AppendChecks {
  private readonly deps: AppendDeps;
  private readonly roundsSeen = new Map<string, number>();

  constructor(deps: AppendDeps) {
    this.deps = deps;
  }

  /** The journal of one machine, with somebody who hears each step's result. */
  journal(inner: Journal, machine: Machine): Journal {
    const append = (step: Step): Promise<StepResult> => this.append(inner, step, machine);
    const submit: Journal['submit'] = (step, submitter) =>
      void append(step).then(
        (result) => submitter.stepped(step, result),
        (error: unknown) => submitter.failed(step, error as Error),
      );
    const claim: Journal['claim'] = async (...asked) => {
      const claimed = await inner.claim(...asked);
      for (const { gid } of claimed) this.sees(machine, gid);
      return claimed;
    };
    const load: Journal['load'] = async (gids) => {
      const loaded = await inner.load(gids);
      for (const gid of loaded.keys()) this.sees(machine, gid);
      return loaded;
    };
    return Object.assign(Object.create(inner) as Journal, { append, submit, claim, load });
  }

  /** How many rounds had ended when this coordinator was last told of the transaction; undefined when it never was. */
  roundsSeenBy(who: string, gid: string): number | undefined {
    return this.roundsSeen.get(`${who} ${gid}`);
  }

  private sees({ name }: Machine, gid: string): void {
    this.roundsSeen.set(`${name} ${gid}`, Number(this.deps.rows.transaction(gid)?.['rounds'] ?? 0));
  }

  private async append(inner: Journal, step: Step, machine: Machine): Promise<StepResult> {
    const { rows, calls, coverage, trace, broken } = this.deps;
    const isDecision = step.kind === 'decide' && rows.transaction(step.gid)?.['mode'] === EXECUTE;
    if (isDecision) calls.decides(machine, step.gid, true);
    try {
      const result = await inner.append(step);
      this.sees(machine, gidOf(step));
      if (isDecision && result.kind === 'stands' && result.current?.state.status === 'TRYING')
        calls.decides(machine, step.gid, false);
      this.appended(step, result, machine);
      return result;
    } catch (error) {
      if (isDecision) calls.decides(machine, step.gid, false);
      coverage.reached('path: a step fails');
      trace.note(machine.name, `${step.kind} ${gidOf(step)}: ${String(error)}`);
      if (!isTccError(error, 'JOURNAL_UNAVAILABLE'))
        broken(`J3: ${step.kind} of ${gidOf(step)} fails with ${describe(error)}`);
      throw error;
    }
  }

  private appended(step: Step, result: StepResult, machine: Machine): void {
    const { rows, coverage, trace, broken, isPurged } = this.deps;
    const gid = gidOf(step);
    coverage.reached(`step: ${step.kind} ${result.kind}`);
    trace.note(machine.name, `${step.kind} ${gid}: ${result.kind}`);
    if (!machine.isAlive || isPurged(gid)) return;
    const status = rows.status(gid);
    if (result.kind === 'stands') {
      if (result.current !== undefined && status !== undefined && rank[status] < rank[result.current.state.status])
        broken(`J2: ${step.kind} of ${gid} hears ${result.current.state.status}, and it is ${status}`);
      return;
    }
    if (!this.isDurable(step)) broken(`J1: ${step.kind} of ${gid} is said to be applied, and it is ${String(status)}`);
  }

  private isDurable(step: Step): boolean {
    const { rows } = this.deps;
    const gid = gidOf(step);
    const status = rows.status(gid);
    switch (step.kind) {
      case 'decide':
        return status === step.to || status === (step.to === 'CONFIRMING' ? 'CONFIRMED' : 'CANCELLED');
      case 'finish':
        return status === step.to;
      case 'register':
        return rows.branch(gid, step.branch.branchId) !== undefined;
      default:
        return status !== undefined;
    }
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? (error.stack ?? error.message) : `${error.message}: ${describe(error.cause)}`;
}
