import { type Branch, cancelReasonOf, type Phase, type Transaction } from '../engine/model';
import type { FenceOutcome } from '../engine/outcome';
import type { StoredAttempt } from '../journal/journal';

/** One thing that happened, in the words that an operator reads. */
export interface TimelineEvent {
  readonly atMs: number;
  readonly text: string;
  /** '' for the transaction itself. */
  readonly branchId: string;
}

/** Things of one millisecond are told in the order in which they can only have happened. */
const order = { began: 0, registered: 1, tried: 2, decided: 3, called: 4, acknowledged: 5, finished: 6, parked: 7 };

interface Told extends TimelineEvent {
  readonly rank: number;
}

/** What happened to a transaction, in order: from the times on its rows and the recorded attempts. Pure. */
export function timeline(transaction: Transaction, attempts: readonly StoredAttempt[]): readonly TimelineEvent[] {
  const told: Told[] = [
    began(transaction),
    ...transaction.branches.flatMap((branch) => branchEvents(branch)),
    ...attempts.map(called),
    ...decided(transaction),
  ].sort(before);
  const last = told.at(-1)?.atMs ?? transaction.createdAt;
  return [...told, ...parked(transaction, last)].map(({ atMs, text, branchId }) => ({ atMs, text, branchId }));
}

function before(left: Told, right: Told): number {
  return left.atMs - right.atMs || left.rank - right.rank;
}

function began(transaction: Transaction): Told {
  const how = transaction.mode === 'execute' ? `execute, ${transaction.tryOrder} Try` : 'interactive';
  const timeoutMs = transaction.deadlineAt - transaction.createdAt;
  return {
    atMs: transaction.createdAt,
    text: `began (${how}), deadline in ${timeoutMs} ms`,
    branchId: '',
    rank: order.began,
  };
}

function branchEvents(branch: Branch): Told[] {
  const { branchId } = branch;
  const events: Told[] = [
    {
      atMs: branch.registeredAt,
      text: `branch ${branchId}: registered (${branch.participant}/${branch.action})`,
      branchId,
      rank: order.registered,
    },
  ];
  if (branch.triedAt !== undefined) {
    events.push({ atMs: branch.triedAt, text: `branch ${branchId}: Try done`, branchId, rank: order.tried });
  }
  if (branch.finishedAt !== undefined) {
    const text = `branch ${branchId}: ${branch.status === 'CONFIRMED' ? 'Confirm' : 'Cancel'} done`;
    events.push({ atMs: branch.finishedAt, text, branchId, rank: order.acknowledged });
  }
  return events;
}

const phaseNames: Record<Phase, string> = { try: 'Try', confirm: 'Confirm', cancel: 'Cancel' };

/** The fence's outcomes that are recorded like attempts, although the call went as it should. */
const fenceTexts: ReadonlyMap<string, string> = new Map<FenceOutcome, string>([
  ['FRESH', 'seen by the fence for the first time'],
  ['REPEAT', 'a repeat: it had taken effect before'],
  ['EMPTY_ROLLBACK', 'an empty rollback: no Try had taken effect'],
  ['HANGING_REFUSED', 'refused by the fence: it came after its Cancel'],
]);

function called(attempt: StoredAttempt): Told {
  const { branchId } = attempt;
  const call = `branch ${branchId}: ${phaseNames[attempt.phase]}`;
  const fence = fenceTexts.get(attempt.code);
  const answer = attempt.message === '' ? attempt.code : `${attempt.code}: ${attempt.message}`;
  return {
    atMs: attempt.atMs,
    text:
      fence === undefined
        ? `${call} failed (attempt ${attempt.attempt}): ${answer}`
        : `${call} (attempt ${attempt.attempt}) was ${fence}`,
    branchId,
    rank: attempt.phase === 'try' ? order.tried : order.called,
  };
}

function decided(transaction: Transaction): Told[] {
  const { state } = transaction;
  if (state.status === 'TRYING') return [];
  const events: Told[] = [
    { atMs: state.decidedAt, text: decisionText(transaction), branchId: '', rank: order.decided },
  ];
  if (state.status === 'CONFIRMED' || state.status === 'CANCELLED') {
    const rounds = transaction.rounds === 0 ? '' : `, after ${transaction.rounds} unfinished rounds`;
    const text = `finished: ${state.status}${rounds}`;
    events.push({ atMs: state.finishedAt, text, branchId: '', rank: order.finished });
  }
  return events;
}

function decisionText(transaction: Transaction): string {
  const reason = cancelReasonOf(transaction.state);
  if (reason === undefined) return 'decided to confirm';
  const by = reason.branchId === '' ? '' : ` by branch ${reason.branchId}`;
  const words = reason.message === '' ? '' : `: ${reason.message}`;
  return `decided to cancel: ${reason.code}${by}${words}`;
}

/** When it was parked is not recorded; it was the last thing that happened. */
function parked(transaction: Transaction, atMs: number): Told[] {
  const { state } = transaction;
  if (!('parked' in state) || !state.parked) return [];
  return [{ atMs, text: 'parked: waits for an operator to retry it', branchId: '', rank: order.parked }];
}
