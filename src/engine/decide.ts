/**
 * The rules: what may happen to a transaction. Pure functions of the transaction, the event and the context.
 * E1. Whatever changes a transaction for others comes back as a step; effects come only after the step that they rest on (I8).
 * E2. An answer to a call of a phase that is over changes nothing.
 * E3. No event moves a transaction along an edge that the protocol does not have (I1).
 */
import { unreachable } from '../lib/errors';

import { afterStep } from './applied';
import { branchDraft } from './draft';
import {
  inHand,
  NO_EFFECTS,
  withBranches,
  type Command,
  type Context,
  type Decision,
  type Driven,
  type Effect,
  type Event,
  type Refusal,
} from './driven';
import { driveRound, roundAnswered, stageOf } from './driving';
import { cancelReasonOf, isTerminal, type Transaction } from './model';
import type { PostponeStep, Step } from './step';
import { advanceTry, cancel, confirm, tryAnswered } from './trying';

const RELEASE: readonly Effect[] = [{ kind: 'release' }];
const released = (driven: Driven): Decision => ({ kind: 'go', driven, effects: RELEASE });
const unchanged = (driven: Driven): Decision => ({ kind: 'go', driven, effects: NO_EFFECTS });

/** An Execute that this coordinator has just begun: nobody else has sent a Try. */
export function takeNew(transaction: Transaction, context: Context): Decision {
  return advanceTry(inHand(transaction), context, [{ kind: 'arm', atMs: transaction.deadlineAt }]);
}

/** A transaction from the journal that this coordinator is to carry on: claimed, resumed, or standing after a lost step. */
export function take(transaction: Transaction, context: Context): Decision {
  const driven = inHand(transaction);
  if (isTerminal(transaction.state.status)) return released(driven);
  if ('parked' in transaction.state && transaction.state.parked) return released(driven);
  if (transaction.state.status !== 'TRYING') return carryOn(driven, context);
  if (context.now >= transaction.deadlineAt) return timeOut(asMaybeSent(driven), context);
  if (transaction.mode === 'execute')
    return advanceTry(asMaybeSent(driven), context, [{ kind: 'arm', atMs: transaction.deadlineAt }]);
  const step: PostponeStep = {
    kind: 'postpone',
    gid: transaction.gid,
    from: 'TRYING',
    due: 'deadline',
    rounds: 0,
    afterRounds: undefined,
    branches: [],
    attempts: [],
  };
  return { kind: 'step', driven, step };
}

/** A transaction from the journal about which somebody asks for something. */
export function consider(transaction: Transaction, command: Command, context: Context): Decision {
  return decide(asMaybeSent(inHand(transaction)), command, context);
}

/** What an event leads to. */
export function decide(driven: Driven, event: Event, context: Context): Decision {
  switch (event.kind) {
    case 'applied':
      return applied(driven, event.step, event.atMs, context);
    case 'answered':
      return answered(driven, event, context);
    case 'deadline':
      return driven.transaction.state.status === 'TRYING' ? timeOut(driven, context) : unchanged(driven);
    case 'commit':
      return commit(driven, context);
    case 'cancel':
      return cancelOnCommand(driven, event, context);
    default:
      return unreachable(event);
  }
}

/** Whoever had an Execute before may have sent the Try of any branch (T2). Other rows are right as they stand. */
function asMaybeSent(driven: Driven): Driven {
  const { transaction } = driven;
  if (transaction.mode !== 'execute' || transaction.state.status !== 'TRYING') return driven;
  const branches = transaction.branches.map((branch) => {
    if (branch.status !== 'REGISTERED') return branch;
    const maybeSent = branchDraft(branch);
    maybeSent.status = 'UNKNOWN';
    return maybeSent;
  });
  return withBranches(driven, branches, driven.calls);
}

function timeOut(driven: Driven, context: Context): Decision {
  return cancel(
    driven,
    { code: 'TIMED_OUT', branchId: '', message: 'the deadline passed before the decision' },
    'expired',
    context,
  );
}

function carryOn(driven: Driven, context: Context): Decision {
  const stage = stageOf(driven.transaction, context);
  return stage === undefined ? released(driven) : driveRound(driven, stage);
}

function answered(driven: Driven, event: Extract<Event, { kind: 'answered' }>, context: Context): Decision {
  const index = driven.transaction.branches.findIndex((branch) => branch.branchId === event.branchId);
  const branch = driven.transaction.branches[index];
  const call = driven.calls[index];
  const stage = stageOf(driven.transaction, context);
  const expected = stage?.phase === event.phase && call?.kind === 'out' && call.attempt === event.attempt;
  if (!expected || branch === undefined) return unchanged(driven);
  return driven.transaction.state.status === 'TRYING'
    ? tryAnswered(driven, index, branch, call.attempt, event.outcome, context)
    : roundAnswered(driven, stage, index, branch, call, event.outcome, context);
}

function commit(driven: Driven, context: Context): Decision {
  const { transaction } = driven;
  const { status } = transaction.state;
  if (transaction.mode === 'execute') {
    return refuse(driven, wrongState(transaction, 'was begun by Execute, which decides by itself'));
  }
  if (status === 'CONFIRMING' || status === 'CONFIRMED') return unchanged(driven);
  if (status !== 'TRYING') return refuse(driven, wrongState(transaction, 'is cancelled and cannot be committed'));
  if (context.now >= transaction.deadlineAt) return timeOut(driven, context);
  const open = transaction.branches.find((branch) => branch.triedBy === 'coordinator' && branch.status !== 'TRIED');
  if (open === undefined) return confirm(driven, context);
  return refuse(driven, {
    code: 'BRANCH_NOT_TRIED',
    message: `branch ${open.branchId} of transaction ${transaction.gid} is not known to be tried; repeat its Try or roll back`,
    metadata: { gid: transaction.gid, branchId: open.branchId, branchStatus: open.status },
  });
}

function cancelOnCommand(driven: Driven, command: Extract<Command, { kind: 'cancel' }>, context: Context): Decision {
  const { transaction } = driven;
  const { status } = transaction.state;
  if (status === 'CANCELLING' || status === 'CANCELLED') return unchanged(driven);
  if (status !== 'TRYING') return refuse(driven, wrongState(transaction, 'is confirmed and cannot be rolled back'));
  const decision = cancel(driven, command.reason, 'any', context);
  if (decision.kind !== 'step' || decision.step.kind !== 'decide' || command.failed === undefined) return decision;
  const { change, records } = command.failed;
  const others = decision.step.branches.filter((branch) => branch.branchId !== change.branchId);
  return {
    ...decision,
    step: { ...decision.step, branches: [...others, change], attempts: [...decision.step.attempts, ...records] },
  };
}

function refuse(driven: Driven, refusal: Refusal): Decision {
  return { kind: 'refuse', driven, refusal };
}

function wrongState(transaction: Transaction, why: string): Refusal {
  const { status } = transaction.state;
  const reason = cancelReasonOf(transaction.state);
  return {
    code: 'WRONG_STATE',
    message: `transaction ${transaction.gid} is ${status}: it ${why}`,
    metadata: {
      gid: transaction.gid,
      status,
      ...(reason && { cancelCode: reason.code, cancelBranchId: reason.branchId, cancelMessage: reason.message }),
    },
  };
}

function applied(driven: Driven, step: Step, atMs: number, context: Context): Decision {
  switch (step.kind) {
    case 'decide':
      return carryOn(inHand(afterStep(driven.transaction, step, atMs)), context);
    case 'finish':
    case 'postpone':
      return released(inHand(afterStep(driven.transaction, step, atMs)));
    case 'begin':
    case 'register':
    case 'answer':
    case 'retry':
      // These begin or touch a transaction from outside; whoever made them takes it afresh.
      return unchanged(driven);
    default:
      return unreachable(step);
  }
}
