import type { NewInstance } from '../journal/participants';
import type { AttachUp } from '../wire/attach';
import { type RequestLimits, Violations } from './validate';
import { checkActions, storedAction } from './validate-registry';

/** Calls out on one stream: a frame or a few. Each holds some 300 bytes here and whatever its handler needs there. */
const DEFAULT_CALLS = 4_096;
const MOST_CALLS = 100_000;
/** Payload bytes out on one stream. */
const DEFAULT_BYTES = 16 * 1_048_576;
const FEWEST_BYTES = 1_048_576;
const MOST_BYTES = 1_024 * 1_048_576;

/** Who attaches, and how much it takes at once. */
export function readHello(
  hello: AttachUp['hello'],
  limits: RequestLimits,
): { instance: NewInstance; maxCalls: number; maxBytes: number } {
  const violations = new Violations();
  const { participant = '', instanceId = '', actions = [], address = '' } = hello ?? {};
  const { maxCallsInFlight = 0, maxBytesInFlight = 0 } = hello ?? {};
  violations.id('hello.participant', participant);
  violations.id('hello.instance_id', instanceId);
  if (address !== '') violations.address('hello.address', address);
  violations.countOrZero('hello.max_calls_in_flight', maxCallsInFlight, 1, MOST_CALLS);
  violations.countOrZero('hello.max_bytes_in_flight', maxBytesInFlight, FEWEST_BYTES, MOST_BYTES);
  const named = actions.map(({ name, methods = null, callTimeoutMs = 0, tryAttempts = 0 }) => ({
    name,
    methods,
    callTimeoutMs,
    tryAttempts,
  }));
  checkActions(violations, 'hello.actions', named, limits);
  named.forEach(({ methods }, index) => {
    if (methods !== null)
      violations.add(`hello.actions[${index}].methods`, 'must be absent: a stream carries no methods');
  });
  violations.throwIfAny();
  return {
    instance: { participant, instanceId, address, actions: named.map(storedAction) },
    maxCalls: maxCallsInFlight || DEFAULT_CALLS,
    maxBytes: maxBytesInFlight || DEFAULT_BYTES,
  };
}
