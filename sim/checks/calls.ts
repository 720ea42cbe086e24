/** What must be true of every call to a participant, and of what a coordinator takes for its answer: I2, I3, I4, I9, I12. */
import type { Phase } from '../../src/engine/model';
import type { Outcome } from '../../src/engine/outcome';
import type { ParticipantCall } from '../../src/invoker/invoker';
import type { Answer } from '../../src/sdk/participant/answer';
import type { Coverage } from '../kernel/coverage';
import type { Machine } from '../kernel/machine';
import type { Trace } from '../kernel/trace';
import type { JournalRows } from './rows';

export interface CallDeps {
  readonly rows: JournalRows;
  readonly coverage: Coverage;
  readonly trace: Trace;
  readonly broken: (text: string) => void;
  readonly isPurged: (gid: string) => boolean;
}

/** Which branch a call is about. */
interface BranchName {
  readonly gid: string;
  readonly branchId: string;
}

export class CallChecks {
  private readonly deps: CallDeps;
  private readonly triesSent = new Set<string>();
  private readonly cancelsSeen = new Set<string>();
  /** `phase gid branchId kind`: what participants have said, whether or not anybody heard it. */
  private readonly said = new Set<string>();
  /** `machine gid`: the coordinator is deciding an Execute, or knows its decision. */
  private readonly deciding = new Set<string>();
  /** Branches whose fence row is gone. */
  private readonly forgotten = new Set<string>();

  constructor(deps: CallDeps) {
    this.deps = deps;
  }

  wasTried(gid: string, branchId: string): boolean {
    return this.triesSent.has(`${gid} ${branchId}`);
  }

  /** A Try that an application sends by itself. */
  sentByApplication(gid: string, branchId: string): void {
    this.triesSent.add(`${gid} ${branchId}`);
    if (this.deps.rows.branch(gid, branchId) === undefined && !this.deps.isPurged(gid))
      this.deps.broken(`I8: ${gid} ${branchId} was registered, and is not durable`);
  }

  /** A coordinator puts the decision of an Execute to the journal, or has learnt that it was not taken. */
  decides(machine: Machine, gid: string, isDeciding: boolean): void {
    const key = `${machine.name} ${gid}`;
    if (isDeciding) this.deciding.add(key);
    else this.deciding.delete(key);
  }

  sent({ gid, branchId, phase, attempt, participant }: ParticipantCall, machine: Machine): void {
    const { trace, broken, isPurged } = this.deps;
    trace.note(machine.name, `sends ${phase} ${gid} ${branchId}#${attempt}`);
    if (phase === 'try') {
      this.triesSent.add(`${gid} ${branchId}`);
      if (this.deciding.has(`${machine.name} ${gid}`))
        broken(`C1: ${machine.name} sends the Try of ${gid} ${branchId} behind its own decision`);
    }
    this.allowed(phase, gid, branchId, participant);
    if (isPurged(gid)) broken(`I12: a ${phase} of ${gid} ${branchId} is sent after its transaction was purged`);
  }

  /** A call reached its participant. */
  arrived(participant: string, phase: Phase, { gid, branchId }: BranchName): void {
    const { trace, coverage, broken, isPurged } = this.deps;
    const key = `${gid} ${branchId}`;
    trace.note(participant, `hears ${phase} ${key}`);
    if (phase === 'cancel') this.cancelsSeen.add(key);
    if (phase === 'try' && this.cancelsSeen.has(key)) coverage.reached('path: a Try arrives after its Cancel');
    this.allowed(phase, gid, branchId, participant);
    if (isPurged(gid)) broken(`I12: a ${phase} of ${key} arrives after its transaction was purged`);
    if (this.forgotten.has(key)) broken(`I12: a ${phase} of ${key} arrives after its fence row was purged`);
  }

  /** A participant answers; the answer may still be lost. */
  says(phase: Phase, { gid, branchId }: BranchName, { kind }: Answer): void {
    this.said.add(`${phase} ${gid} ${branchId} ${kind}`);
  }

  /** What a coordinator makes of a call: certain is only what the participant has said (I9). */
  heard({ phase, gid, branchId }: ParticipantCall, { kind }: Outcome): void {
    const needed = kind === 'done' ? 'done' : kind === 'refused' ? 'failed' : undefined;
    if (needed !== undefined && !this.said.has(`${phase} ${gid} ${branchId} ${needed}`))
      this.deps.broken(`I9: the ${phase} of ${gid} ${branchId} is taken for ${kind}, and nobody has said so`);
  }

  /** A fence row was purged. */
  forgets({ gid, branchId }: BranchName): void {
    this.forgotten.add(`${gid} ${branchId}`);
  }

  /** I2, I3, I4: at the sending and at the arrival of every call. */
  private allowed(phase: Phase, gid: string, branchId: string, participant: string): void {
    const { rows, broken, isPurged } = this.deps;
    if (isPurged(gid)) return;
    const status = rows.status(gid);
    const says = (invariant: string) =>
      broken(`${invariant}: a ${phase} of ${gid} ${branchId} at ${participant} while it is ${String(status)}`);
    if (rows.branch(gid, branchId) === undefined) says('I2');
    else if (phase === 'confirm' && status !== 'CONFIRMING' && status !== 'CONFIRMED') says('I3');
    else if (phase === 'cancel' && status !== 'CANCELLING' && status !== 'CANCELLED') says('I4');
  }
}
