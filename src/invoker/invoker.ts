import type { Payload, Phase } from '../engine/model';
import type { Outcome } from '../engine/outcome';

/** Calls participants, whatever carries the call. */
export interface Invoker {
  /** Makes one call and tells the caller what came of it: once, and after this has returned. A failure is an outcome. Never retries. */
  call(call: ParticipantCall, caller: Caller): void;
}

/**
 * Who hears how a call ended. Not a promise: there are four calls to a transaction of two branches, and a promise with those who wait for
 * it is half a kilobyte each.
 */
export interface Caller {
  answered(call: ParticipantCall, outcome: Outcome): void;
}

/** The outcome as a promise, for those who make one call after the other. */
export function outcomeOf(invoker: Invoker, call: ParticipantCall): Promise<Outcome> {
  return new Promise((resolve) => {
    invoker.call(call, { answered: (_, outcome) => resolve(outcome) });
  });
}

export interface ParticipantCall {
  readonly participant: string;
  readonly action: string;
  readonly phase: Phase;
  readonly gid: string;
  readonly branchId: string;
  /** From 1 within the phase. */
  readonly attempt: number;
  readonly payload: Payload;
  /** Milliseconds that the call may take; at least 1. After that it is `unknown`. */
  readonly timeoutMs: number;
}

/** Who can be called for what. */
export interface Directory {
  /**
   * How an action wants to be called: at once when it is known, else after having looked in the database again. Rejects with
   * UNKNOWN_PARTICIPANT or UNKNOWN_ACTION. A participant whose instances have all expired is still known.
   */
  action(participant: string, action: string): ActionPolicy | Promise<ActionPolicy>;
  /** The same from memory: the defaults for an action that is not known there. For calls of journalled branches. */
  policyOf(participant: string, action: string): ActionPolicy;
}

export interface ActionPolicy {
  /** Milliseconds that one call of any phase may take. */
  readonly callTimeoutMs: number;
  /** How often a Try without an answer is called before the transaction is cancelled. */
  readonly tryAttempts: number;
}
