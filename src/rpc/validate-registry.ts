import type { NewInstance, StoredAction } from '../journal/participants';
import type { Action__Output } from '../wire/generated/tcc/v1/Action';
import type { DeregisterRequest__Output } from '../wire/generated/tcc/v1/DeregisterRequest';
import type { RegisterRequest__Output } from '../wire/generated/tcc/v1/RegisterRequest';
import { type RequestLimits, Violations } from './validate';

/** Actions of one participant: they travel together in one row and one message. */
export const MOST_ACTIONS = 64;

/** A Try that was unanswered this often will not be answered; the transaction's deadline is the better bound. */
export const MOST_TRY_ATTEMPTS = 100;

/** Shorter ones would expire between two renewals on a busy machine. */
export const SHORTEST_LIFETIME_MS = 1_000;
/** A dead instance is called until its lifetime is over. */
export const LONGEST_LIFETIME_MS = 3_600_000;
export const DEFAULT_LIFETIME_MS = 15_000;

export function readRegister(
  request: RegisterRequest__Output,
  limits: RequestLimits,
): { instance: NewInstance; lifetimeMs: number } {
  const violations = new Violations();
  violations.id('participant', request.participant);
  violations.id('instance_id', request.instanceId);
  violations.address('address', request.address);
  violations.countOrZero('lifetime_ms', request.lifetimeMs, SHORTEST_LIFETIME_MS, LONGEST_LIFETIME_MS);
  checkActions(violations, 'actions', request.actions, limits);
  violations.throwIfAny();
  return {
    instance: {
      participant: request.participant,
      instanceId: request.instanceId,
      address: request.address,
      actions: request.actions.map(storedAction),
    },
    lifetimeMs: request.lifetimeMs === 0 ? DEFAULT_LIFETIME_MS : request.lifetimeMs,
  };
}

export function readDeregister(request: DeregisterRequest__Output): { participant: string; instanceId: string } {
  const violations = new Violations();
  violations.id('participant', request.participant);
  violations.id('instance_id', request.instanceId);
  violations.throwIfAny();
  return { participant: request.participant, instanceId: request.instanceId };
}

/** An action as either carrier brings it. */
type WireAction = Pick<Action__Output, 'name' | 'methods' | 'callTimeoutMs' | 'tryAttempts'>;

export function checkActions(
  violations: Violations,
  field: string,
  actions: readonly WireAction[],
  limits: RequestLimits,
): void {
  if (actions.length === 0) violations.add(field, 'must have at least one action');
  if (actions.length > MOST_ACTIONS) {
    violations.add(field, `has ${actions.length} actions; at most ${MOST_ACTIONS} are allowed`);
  }
  const firstWith = new Map<string, number>();
  actions.slice(0, MOST_ACTIONS).forEach((action, index) => {
    const path = `${field}[${index}]`;
    checkAction(violations, path, action, limits);
    const first = firstWith.get(action.name);
    if (first === undefined) firstWith.set(action.name, index);
    else violations.add(`${path}.name`, `is the same as ${field}[${first}].name`);
  });
}

function checkAction(violations: Violations, path: string, action: WireAction, limits: RequestLimits): void {
  violations.id(`${path}.name`, action.name);
  violations.countOrZero(`${path}.call_timeout_ms`, action.callTimeoutMs, 1, limits.timeoutMs);
  violations.countOrZero(`${path}.try_attempts`, action.tryAttempts, 1, MOST_TRY_ATTEMPTS);
  if (action.methods === null) return;
  violations.method(`${path}.methods.try`, action.methods.try);
  violations.method(`${path}.methods.confirm`, action.methods.confirm);
  violations.method(`${path}.methods.cancel`, action.methods.cancel);
}

export function storedAction(action: WireAction): StoredAction {
  const { methods } = action;
  return {
    name: action.name,
    methods: methods === null ? undefined : { try: methods.try, confirm: methods.confirm, cancel: methods.cancel },
    callTimeoutMs: action.callTimeoutMs,
    tryAttempts: action.tryAttempts,
  };
}
