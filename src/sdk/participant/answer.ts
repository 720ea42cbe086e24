import type { StatusName } from '../../wire/status';
import type { Logger } from '../../lib/logger';
import { CallExpired, Refused } from '../fence/errors';
import { encodePayload, MalformedPayload, type RawPayload } from '../fence/payload';
import { FenceResult } from '../fence/result';
import type { FenceOutcome } from '../fence/words';
import type { BranchCall } from './call';

/** The answer to one call, before anything carries it. */
export type Answer =
  | {
      readonly kind: 'done';
      /** For the application, after a Try. */
      readonly payload: { readonly data: Uint8Array; readonly contentType: string } | undefined;
      readonly fence: FenceOutcome | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly status: StatusName;
      readonly message: string;
      /** What the fence found, where it was the fence that refused. */
      readonly fence: FenceOutcome | undefined;
    };

/** A coordinator takes payloads up to this many bytes by default (`limits.payloadBytes`). */
const REPLY_BYTES = 1_048_576;

/** As much of a refusal as a coordinator keeps. */
const MESSAGE_LENGTH = 512;

export function failed(status: StatusName, message: string, fence?: FenceOutcome): Answer {
  return { kind: 'failed', status, message: clip(message), fence };
}

/**
 * The answer to a Try whose reply is larger than what can be sent. Its local transaction is most likely committed, so the answer must
 * be one that has the branch cancelled, and a refusal is: the coordinator decides to cancel at once, and its Cancel goes to every
 * branch whose Try may have been sent, this one as well (I4). An answer that says nothing for certain would have the Try repeated, with
 * the same reply as its end; and OK without the reply would let the application go on without what it asked for.
 */
export function replyTooLarge(bytes: number, most: number): Answer {
  return failed(
    'RESOURCE_EXHAUSTED',
    `the Try is done, but its reply has ${bytes} bytes, and at most ${most} can be sent`,
  );
}

/** What a handler returned, as a reply. Throws what cannot be sent. */
export function doneAnswer(call: BranchCall, returned: unknown, logger: Logger): Answer {
  const fence = returned instanceof FenceResult ? returned.fence : undefined;
  // What a Confirm or a Cancel returns goes nowhere, so that nothing about it can be wrong: the work is done, and whatever is not OK
  // would be asked again for ever.
  const payload = call.phase === 'try' ? replyPayload(returned) : undefined;
  if (payload === undefined) return { kind: 'done', payload, fence };
  const bytes = payload.bytes.length;
  if (bytes > REPLY_BYTES) {
    const { gid, branchId, action, phase, attempt } = call;
    logger.warn({ gid, branchId, action, phase, attempt, bytes }, 'a Try is refused because its reply is too large');
    return replyTooLarge(bytes, REPLY_BYTES);
  }
  return { kind: 'done', payload: { data: payload.bytes, contentType: payload.contentType }, fence };
}

function replyPayload(returned: unknown): RawPayload | undefined {
  return returned instanceof FenceResult ? returned.payload : encodePayload(returned);
}

/**
 * What a handler threw, as a status. Only a refusal's own words travel; anything else may hold what the other side must
 * not see, and goes to the log.
 */
export function failedAnswer(call: BranchCall, error: unknown, logger: Logger): Answer {
  if (error instanceof Refused) return failed(error.status, error.message, error.fence);
  if (error instanceof MalformedPayload) return failed('INVALID_ARGUMENT', error.message);
  const { gid, branchId, action, phase, attempt } = call;
  const fields = { gid, branchId, action, phase, attempt };
  if (error instanceof CallExpired) {
    logger.warn(fields, 'a Try was rolled back because its time was over');
    return failed('DEADLINE_EXCEEDED', error.message);
  }
  logger.error({ ...fields, err: error }, 'a handler failed');
  return failed('UNKNOWN', 'handler failed');
}

/** Cuts a text, and replaces half characters (a cut emoji): gRPC cannot send them. */
function clip(text: string): string {
  const short = text.length <= MESSAGE_LENGTH ? text : `${text.slice(0, MESSAGE_LENGTH - 1)}…`;
  return Buffer.from(short, 'utf8').toString('utf8');
}
