/**
 * Sorts a batch of steps into what one statement can do each. Within a kind the gids are in order, so that batches of
 * several coordinators lock rows in the same order.
 */
import type {
  AnswerStep,
  AttemptRecord,
  BeginStep,
  BranchChange,
  DecideStep,
  FinishStep,
  PostponeStep,
  RegisterStep,
  RetryStep,
  Step,
} from '../engine/step';
import { gidOf } from '../engine/step';

/** Steps that one statement does for all their gids. */
export interface Group<S extends Step> {
  readonly first: S;
  readonly gids: string[];
}

export interface Plan {
  readonly begins: BeginStep[];
  readonly registers: RegisterStep[];
  readonly answers: AnswerStep[];
  readonly decisions: Map<string, Group<DecideStep>>;
  readonly postpones: PostponeStep[];
  readonly finishes: Map<string, Group<FinishStep>>;
  readonly retries: RetryStep[];
  /** By gid: what is written besides, once the step itself is known to have been applied. */
  readonly changes: Map<string, readonly BranchChange[]>;
  readonly attempts: Map<string, readonly AttemptRecord[]>;
}

export function planOf(steps: readonly Step[]): Plan {
  const plan: Plan = {
    begins: [],
    registers: [],
    answers: [],
    decisions: new Map(),
    postpones: [],
    finishes: new Map(),
    retries: [],
    changes: new Map(),
    attempts: new Map(),
  };
  for (const step of inOrder(steps)) add(plan, step);
  return plan;
}

/** Whether no statement of the plan depends on what another one found (see script.ts). */
export function isScript(plan: Plan): boolean {
  if (plan.registers.length > 0 || plan.answers.length > 0 || plan.postpones.length > 0 || plan.retries.length > 0)
    return false;
  if (plan.changes.size > 0 || plan.attempts.size > 0) return false;
  for (const { first } of plan.decisions.values()) if (first.to !== 'CONFIRMING') return false;
  return true;
}

/** Whether a plan that is no script is a single statement, which needs no BEGIN and COMMIT: by itself it is atomic and durable. */
export function isOneStatement(plan: Plan): boolean {
  if (plan.registers.length > 0 || plan.changes.size > 0 || plan.attempts.size > 0) return false;
  const { begins, answers, decisions, postpones, finishes, retries } = plan;
  if (begins.length > 0 || decisions.size > 0 || finishes.size > 0) return false;
  return answers.length + postpones.length + (retries.length > 0 ? 1 : 0) === 1;
}

function inOrder(steps: readonly Step[]): readonly Step[] {
  if (steps.length === 1) return steps;
  const keyed = steps.map((step) => ({ gid: gidOf(step), step }));
  keyed.sort((left, right) => (left.gid < right.gid ? -1 : left.gid > right.gid ? 1 : 0));
  return keyed.map(({ step }) => step);
}

function add(plan: Plan, step: Step): void {
  switch (step.kind) {
    case 'begin':
      plan.begins.push(step);
      return;
    case 'register':
      plan.registers.push(step);
      return;
    case 'retry':
      plan.retries.push(step);
      return;
    case 'answer':
      plan.answers.push(step);
      break;
    case 'decide':
      addTo(plan.decisions, decisionKey(step), step);
      if (step.branches.length > 0) plan.changes.set(step.gid, step.branches);
      break;
    case 'postpone':
      plan.postpones.push(step);
      if (step.branches.length > 0) plan.changes.set(step.gid, step.branches);
      break;
    case 'finish':
      addTo(plan.finishes, step.to, step);
      break;
  }
  if (step.attempts.length > 0) plan.attempts.set(step.gid, step.attempts);
}

/**
 * Decisions that say the same of their rows go together. So do those of a sold-out item: thousands of orders are
 * cancelled for the same reason at the same branch.
 */
function decisionKey({ to, deadline, branchCount, dueInMs, worker, epoch, reason }: DecideStep): string {
  const known = `${to} ${deadline} ${branchCount} ${dueInMs} ${worker}`;
  if (reason === undefined) return known;
  return `${known} ${epoch ?? ''} ${reason.code} ${reason.branchId} ${reason.message}`;
}

function addTo<S extends DecideStep | FinishStep>(groups: Map<string, Group<S>>, key: string, step: S): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, { first: step, gids: [step.gid] });
  else group.gids.push(step.gid);
}
