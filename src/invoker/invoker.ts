import type { Payload, Phase } from '../engine/model';
import type { Outcome } from '../engine/outcome';

/** Calls participants, whatever carries the call. */
export interface Invoker {
  /** Makes one call and says what came of it. Never rejects: a failure is an outcome. Never retries. */
  call(call: ParticipantCall): Promise<Outcome>;
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
