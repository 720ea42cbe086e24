import { encodePayload, type RawPayload } from './payload';
import type { Phase } from './words';

/** What a phase's business code returned, as it travels. Throws when the reply of a Try is more than the fence keeps. */
export function encodeReply(phase: Phase, reply: unknown, maxBytes: number): RawPayload | undefined {
  const payload = encodePayload(reply);
  if (phase === 'try' && payload !== undefined && payload.bytes.length > maxBytes) {
    throw new RangeError(`the reply has ${payload.bytes.length} bytes, and the fence keeps ${maxBytes}`);
  }
  return payload;
}
