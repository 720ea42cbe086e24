import { clip, type Payload, type Phase } from '../engine/model';
import type { Failure, FailureKind, FenceOutcome, Outcome } from '../engine/outcome';
import type { FenceOutcome__Output as WireFence } from '../wire/generated/tcc/v1/FenceOutcome';
import type { StatusName } from '../wire/status';

/** What a participant's answer means, by its gRPC status. OK is `done`. */
const meanings: Readonly<Record<Exclude<StatusName, 'OK'>, FailureKind>> = {
  // The participant's own word: it did not, and it will not.
  ABORTED: 'refused',
  FAILED_PRECONDITION: 'refused',
  NOT_FOUND: 'refused',
  ALREADY_EXISTS: 'refused',
  INVALID_ARGUMENT: 'refused',
  OUT_OF_RANGE: 'refused',
  RESOURCE_EXHAUSTED: 'refused',
  // Nobody can say whether it took effect.
  UNAVAILABLE: 'unknown',
  DEADLINE_EXCEEDED: 'unknown',
  UNKNOWN: 'unknown',
  INTERNAL: 'unknown',
  CANCELLED: 'unknown',
  DATA_LOSS: 'unknown',
  // It cannot work until somebody changes the set-up.
  UNIMPLEMENTED: 'never',
  UNAUTHENTICATED: 'never',
  PERMISSION_DENIED: 'never',
};

/** Codes beside gRPC's own, for what goes wrong on this side of the call. They stand in the timeline like the others. */
export type LocalCode =
  /** The participant has too many calls in flight and waiting; this one was not sent. */
  | 'OVERLOADED'
  /** The Try's reply is larger than what may be stored; or any reply is larger than what is read, so that its status was not seen. */
  | 'REPLY_TOO_LARGE'
  /** The Try took effect, and its reply cannot be read. */
  | 'MALFORMED_REPLY';

/** What an OK carries. */
export interface Reply {
  readonly payload: Payload | undefined;
  readonly fence: FenceOutcome | undefined;
}

/** Content types are stored in a column of this width. */
const CONTENT_TYPE = /^[\x20-\x7e]{0,64}$/;

/** The outcome of a call that ended with a status other than OK. */
export function failure(code: StatusName, message: string): Failure {
  // An OK that is not a reply is nobody's answer.
  return { kind: code === 'OK' ? 'unknown' : meanings[code], code, message: clip(message) };
}

/** The outcome of a call that failed on this side. */
export function localFailure(kind: FailureKind, code: LocalCode, message: string): Failure {
  return { kind, code, message: clip(message) };
}

/**
 * The outcome of a call whose reply is larger than a message may be. It was cut off before its status came, so that nobody can say
 * whether the call is done; a Try is not worth another attempt all the same, because its reply could not be handed on.
 */
export function cutOff(phase: Phase, messageBytes: number): Failure {
  const message = `the reply is larger than a message of ${messageBytes} bytes, and its status was not seen`;
  return localFailure(phase === 'try' ? 'never' : 'unknown', 'REPLY_TOO_LARGE', message);
}

/**
 * The outcome of a call that ended with OK. Only a Try's reply is kept, so only there can it be at fault: the Try has taken effect
 * then, but its reply can never be handed on, in this attempt or the next. `reply`: undefined when the bytes are not the message.
 */
export function done(phase: Phase, reply: Reply | undefined, payloadBytes: number): Outcome {
  if (reply === undefined) {
    if (phase !== 'try') return { kind: 'done', reply: undefined, fence: undefined };
    return localFailure('never', 'MALFORMED_REPLY', 'the Try is done, but its reply cannot be read');
  }
  const { payload, fence } = reply;
  if (phase !== 'try') return { kind: 'done', reply: undefined, fence };
  const size = payload?.data.length ?? 0;
  if (size > payloadBytes) {
    const message = `the Try is done, but its reply has ${size} bytes and at most ${payloadBytes} may be stored`;
    return localFailure('never', 'REPLY_TOO_LARGE', message);
  }
  if (payload !== undefined && !CONTENT_TYPE.test(payload.contentType)) {
    const message = "the Try is done, but its reply's content type is not at most 64 characters of printable ASCII";
    return localFailure('never', 'MALFORMED_REPLY', message);
  }
  return { kind: 'done', reply: payload, fence };
}

/** What the participant's fence found; undefined when it did not say, or says what this version does not know. */
export function fenceOutcome(fence: WireFence): FenceOutcome | undefined {
  return fences[fence];
}

const fences: Readonly<Partial<Record<string | number, FenceOutcome>>> = {
  FENCE_OUTCOME_FRESH: 'FRESH',
  FENCE_OUTCOME_REPEAT: 'REPEAT',
  FENCE_OUTCOME_EMPTY_ROLLBACK: 'EMPTY_ROLLBACK',
  FENCE_OUTCOME_HANGING_REFUSED: 'HANGING_REFUSED',
};
