import { ID_PATTERN } from '../../lib/ids';
import type { Action } from '../../wire/generated/tcc/v1/Action';
import type { BranchCall } from './call';

/**
 * Serves one phase. What it returns is the reply: nothing, any JSON value, `{ bytes, contentType }`, or what `fence.run`
 * returned. To refuse a Try, throw Refused; whatever else is thrown counts as "not known whether it took effect", and
 * the call comes again.
 */
export type PhaseHandler = (call: BranchCall) => unknown;

/** The three phases of an action. Each may be called more than once, late and out of order: use the fence. */
export interface ActionHandlers {
  /** Reserves. Returning means: reserved, durably, and both Confirm and Cancel will succeed. Its reply goes to the application. */
  readonly try: PhaseHandler;
  /** Uses what was reserved. What it returns is ignored. */
  readonly confirm: PhaseHandler;
  /** Releases what was reserved. What it returns is ignored. */
  readonly cancel: PhaseHandler;
}

/** How an action wants to be called; told to the coordinator. */
export interface ActionOptions {
  /** Milliseconds that one call of any phase may take. Default: the coordinator's (`calls.timeoutMs`). */
  readonly callTimeoutMs?: number;
  /** How often a Try without an answer is called. Default: the coordinator's (`calls.tryAttempts`). */
  readonly tryAttempts?: number;
}

/** The most actions that a coordinator registers for one participant. */
const MAX_ACTIONS = 64;

/** What a participant can do. */
export class Actions {
  private readonly byName = new Map<string, { readonly handlers: ActionHandlers; readonly options: ActionOptions }>();

  /** Throws on a malformed or taken name, on options that are no positive integers, and on more than 64 actions. */
  add(name: string, handlers: ActionHandlers, options: ActionOptions): void {
    if (!ID_PATTERN.test(name)) throw new TypeError(`not an action's name: ${JSON.stringify(name)}`);
    if (this.byName.has(name)) throw new TypeError(`the action ${name} is there already`);
    if (this.byName.size >= MAX_ACTIONS) throw new RangeError(`a participant has at most ${MAX_ACTIONS} actions`);
    for (const value of [options.callTimeoutMs, options.tryAttempts]) {
      if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
        throw new RangeError(`callTimeoutMs and tryAttempts of ${name} must be positive integers`);
      }
    }
    this.byName.set(name, { handlers, options });
  }

  handlers(name: string): ActionHandlers | undefined {
    return this.byName.get(name)?.handlers;
  }

  /** As the registry is told. */
  registered(): Action[] {
    return [...this.byName].map(([name, { options }]) => ({ name, ...options }));
  }
}
