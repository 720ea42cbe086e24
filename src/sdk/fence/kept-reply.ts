import { Refused } from './errors';
import { encodePayload, type RawPayload } from './payload';
import type { Phase } from './words';

/**
 * What the business code of a Try returned, as it travels and is kept. Throws when it is more than the fence keeps: a refusal, because
 * the same would come of it again, and it rolls the local transaction back, so that nothing has happened. What the other phases return
 * goes nowhere and is not looked at: no value may keep a Confirm or a Cancel from being done.
 */
export function encodeReply(phase: Phase, reply: unknown, maxBytes: number): RawPayload | undefined {
  if (phase !== 'try') return undefined;
  const payload = encodePayload(reply);
  if (payload !== undefined && payload.bytes.length > maxBytes) {
    const message = `the reply has ${payload.bytes.length} bytes, and the fence keeps ${maxBytes}`;
    throw new Refused(message, { status: 'RESOURCE_EXHAUSTED' });
  }
  return payload;
}
