import type { Clock } from '../../lib/clock';
import type { Logger } from '../../lib/logger';
import type { RawBranchCall } from '../../wire/attach';
import type { Phase } from '../fence/words';
import type { Actions, ServedAction } from './actions';
import { BatchGate } from './batch';
import { doneAnswer, failed, failedAnswer, type Answer } from './answer';
import { BranchCall } from './call';
import { CallTime } from './call-time';

/** What the carrier of a call knows about its end. */
export interface CallLimits {
  /** Milliseconds that the carrier leaves the call, beside its own remaining_ms. Default: no limit. */
  readonly limitMs?: number;
  /** Calls its argument when the caller has gone. */
  readonly onGone?: (gone: () => void) => void;
}

/**
 * Answers calls, whatever carries them: the unary server now, a stream of frames as well.
 * H1. `handle` never rejects: what goes wrong is an answer.
 * H2. At most `maxInFlight` calls run at a time; the ones above are UNAVAILABLE, which a coordinator retries
 *     (RESOURCE_EXHAUSTED would be a refusal and cancel the transaction).
 * H3. After `refuseNew` no call starts, and `drained` resolves once the last has been answered.
 */
export class CallHandler {
  private readonly actions: Actions;
  private readonly maxInFlight: number;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private inFlight = 0;
  private refusing = false;
  private waiters: (() => void)[] = [];
  private readonly gates = new Map<string, BatchGate>();

  constructor(
    options: { readonly actions: Actions; readonly maxInFlight: number },
    deps: { readonly clock: Clock; readonly logger: Logger },
  ) {
    this.actions = options.actions;
    this.maxInFlight = options.maxInFlight;
    this.clock = deps.clock;
    this.logger = deps.logger;
  }

  handle(phase: Phase, wire: RawBranchCall | null, limits: CallLimits = {}): Promise<Answer> {
    if (this.refusing) return refused('UNAVAILABLE', 'the participant is shutting down');
    if (this.inFlight >= this.maxInFlight)
      return refused('UNAVAILABLE', 'the participant has too many calls in flight');
    if (wire === null) return refused('INVALID_ARGUMENT', 'the request has no call');
    this.inFlight += 1;
    const time = new CallTime(Math.min(wire.remainingMs || Infinity, limits.limitMs ?? Infinity), this.clock);
    limits.onGone?.(() => time.abort('the caller has gone'));
    return this.run(new BranchCall(phase, wire, time), time);
  }

  /** Starts no further call. */
  refuseNew(): void {
    this.refusing = true;
  }

  /** Resolves when no call is running. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push(resolve);
      this.release();
    });
  }

  /** All of it in one asynchronous function, and for a handler that is not asynchronous without a wait: every call comes by here. */
  private async run(call: BranchCall, time: CallTime): Promise<Answer> {
    const { phase } = call;
    try {
      const action = this.actions.get(call.action);
      if (action === undefined) return failed('UNIMPLEMENTED', 'this participant has no such action');
      // Nobody waits for such a Try any more, and its Cancel may have gone by. Confirm and Cancel are welcome late.
      if (phase === 'try' && call.remainingMs === 0) return failed('DEADLINE_EXCEEDED', 'the Try came too late');
      const gate = this.gate(call, action);
      if (gate !== undefined) return await gate.handle(call, time);
      const { handlers } = action;
      if (handlers[phase] === undefined) throw new Error('the phase has no handler');
      const returned = handlers[phase](call);
      return doneAnswer(call, isThenable(returned) ? await returned : returned, this.logger);
    } catch (error) {
      return failedAnswer(call, error, this.logger);
    } finally {
      time.finish();
      this.inFlight -= 1;
      this.release();
    }
  }

  /** Where calls of this action and phase gather, if they are served in batches. */
  private gate({ action, phase }: BranchCall, { handlers, options }: ServedAction): BatchGate | undefined {
    const serve = handlers[`${phase}Batch`];
    if (serve === undefined) return undefined;
    const name = `${phase} ${action}`;
    const known = this.gates.get(name);
    if (known !== undefined) return known;
    const gate = new BatchGate(
      { serve: serve.bind(handlers), serveAlone: handlers[phase]?.bind(handlers), ...options.batch },
      { clock: this.clock, logger: this.logger },
    );
    this.gates.set(name, gate);
    return gate;
  }

  private release(): void {
    if (this.inFlight > 0 || this.waiters.length === 0) return;
    for (const resolve of this.waiters.splice(0)) resolve();
  }
}

function refused(...why: Parameters<typeof failed>): Promise<Answer> {
  return Promise.resolve(failed(...why));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return 'then' in value && typeof value.then === 'function';
}
