import { ID_PATTERN } from '../../lib/ids';
import type { RawAction } from '../../wire/attach';
import type { Phase } from '../fence/words';
import { BATCH_CALLS_LIMIT } from './batch';
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

/**
 * Serves the calls of one phase that have arrived together, in one go: one local transaction for all of them instead of
 * one for each. It answers each call in its place: with what a single handler would return, or with the Error that a
 * single handler would throw (Refused for a Try that cannot be had). When it throws, or answers fewer or more, nothing
 * must have taken effect: each call is then run by itself, through the single handler of the phase or else through this
 * one. `fencedBatch` makes such handlers.
 */
export type BatchHandler = (calls: readonly BranchCall[]) => Promise<readonly unknown[]>;

/** A phase has a single handler, a batch handler, or both: then the single one runs the calls of a batch that failed. */
type Served<Name extends Phase> =
  | (Readonly<Record<Name, PhaseHandler>> & { readonly [Batch in `${Name}Batch`]?: BatchHandler })
  | (Readonly<Record<`${Name}Batch`, BatchHandler>> & { readonly [Single in Name]?: PhaseHandler });

/** The three phases of an action, of which some or all are served in batches: `try` or `tryBatch` or both, and so on. */
export type BatchActionHandlers = Served<'try'> & Served<'confirm'> & Served<'cancel'>;

/** How the calls of an action are put together for its batch handlers; for each phase by itself. */
export interface BatchOptions {
  /** Batches that run at a time; 1 to 64. More than one pays where the calls of an action mostly want different rows. Default: 1. */
  readonly lanes?: number;
  /** Calls in one batch; 1 to 1,024. Default: 512. */
  readonly maxCalls?: number;
  /** Bytes of payload in one batch, unless a single payload is larger. Default: 1,048,576. */
  readonly maxBytes?: number;
}

/** How an action wants to be called; but for `batch`, told to the coordinator. */
export interface ActionOptions {
  /** Milliseconds that one call of any phase may take. Default: the coordinator's (`calls.timeoutMs`). */
  readonly callTimeoutMs?: number;
  /** How often a Try without an answer is called. Default: the coordinator's (`calls.tryAttempts`). */
  readonly tryAttempts?: number;
  /** For the batch handlers of the action. */
  readonly batch?: BatchOptions;
}

/** The most actions that a coordinator registers for one participant. */
const MAX_ACTIONS = 64;

/** Each lane holds a connection of the service's pool; a pool of more is rare. */
const MAX_LANES = 64;

/** What a participant can do with one action. */
export interface ServedAction {
  readonly handlers: BatchActionHandlers;
  readonly options: ActionOptions;
}

/** What a participant can do. */
export class Actions {
  private readonly byName = new Map<string, ServedAction>();

  /** Throws on a malformed or taken name, on a phase without a handler, on options out of range, and on a 65th action. */
  add(name: string, handlers: BatchActionHandlers, options: ActionOptions): void {
    if (!ID_PATTERN.test(name)) throw new TypeError(`not an action's name: ${JSON.stringify(name)}`);
    if (this.byName.has(name)) throw new TypeError(`the action ${name} is there already`);
    if (this.byName.size >= MAX_ACTIONS) throw new RangeError(`a participant has at most ${MAX_ACTIONS} actions`);
    for (const value of [options.callTimeoutMs, options.tryAttempts]) {
      if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
        throw new RangeError(`callTimeoutMs and tryAttempts of ${name} must be positive integers`);
      }
    }
    requireHandlers(name, handlers);
    requireBatchOptions(name, options.batch ?? {});
    this.byName.set(name, { handlers, options });
  }

  get(name: string): ServedAction | undefined {
    return this.byName.get(name);
  }

  /** As the registry is told. */
  registered(): RawAction[] {
    return [...this.byName].map(([name, { options }]) => ({
      name,
      ...(options.callTimeoutMs === undefined ? {} : { callTimeoutMs: options.callTimeoutMs }),
      ...(options.tryAttempts === undefined ? {} : { tryAttempts: options.tryAttempts }),
    }));
  }
}

function requireHandlers(name: string, handlers: BatchActionHandlers): void {
  for (const phase of ['try', 'confirm', 'cancel'] as const) {
    const served: unknown = handlers[phase] ?? handlers[`${phase}Batch`];
    if (typeof served !== 'function') throw new TypeError(`the action ${name} has no handler for ${phase}`);
  }
}

function requireBatchOptions(name: string, { lanes = 1, maxCalls = 1, maxBytes = 1 }: BatchOptions): void {
  const isWithin = (value: number, limit: number) => Number.isInteger(value) && value >= 1 && value <= limit;
  if (!isWithin(lanes, MAX_LANES)) throw new RangeError(`batch.lanes of ${name} must be 1 to ${MAX_LANES}`);
  if (!isWithin(maxCalls, BATCH_CALLS_LIMIT)) {
    throw new RangeError(`batch.maxCalls of ${name} must be 1 to ${BATCH_CALLS_LIMIT}`);
  }
  if (!isWithin(maxBytes, Infinity)) throw new RangeError(`batch.maxBytes of ${name} must be a positive integer`);
}
