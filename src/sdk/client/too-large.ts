import { type ServiceError, status } from '@grpc/grpc-js';

import { DETAILS_TRAILER, encodeDetails } from '../../wire/error-details';
import { serviceError } from '../../wire/execute-stream';

/** What grpc-js says of a request above a bound (1.14.7): of the coordinator's, or of this client's own, which it does not even send. */
const TOO_LARGE = /^(Received message larger than max|Attempted to send message with a size larger than) /;

/**
 * What a unary call failed with; where the request is larger than a message may be, with a reason and a sentence that say so.
 * `isAnswering`: headers came, so that it was the reply that was too large.
 */
export function nameTooLarge(error: ServiceError, isAnswering: boolean): ServiceError {
  // A call that failed on this side may have neither, whatever its type says (see endOf in wire/status.ts).
  const { code, details } = error as Partial<ServiceError>;
  if (isAnswering || code !== status.RESOURCE_EXHAUSTED || !TOO_LARGE.test(details ?? '')) return error;
  const text = `the request is larger than a message to the coordinator may be (its limits.messageBytes): ${details}`;
  const trailer = encodeDetails(code, text, {
    reason: 'REQUEST_TOO_LARGE',
    metadata: {},
    violations: [],
    retryAfterMs: undefined,
  });
  const named = serviceError(code, text);
  named.metadata.set(DETAILS_TRAILER, trailer);
  return named;
}
