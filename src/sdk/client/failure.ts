import type { ServiceError } from '@grpc/grpc-js';

import type { StatusReport } from '../../wire/status';

/**
 * What a failed call means for the next attempt. Every request may be repeated on any coordinator (the gid is the key), so
 * the only question is whether repeating it can help:
 * `elsewhere` nothing answered, or this coordinator cannot take it now: the next one may;
 * `late` no answer within the attempt's time: the work may be going on there;
 * `unexplained` something broke that gives no reason: worth a few attempts, not all of the patience;
 * `final` the answer will stay the same.
 */
export type Meaning = 'elsewhere' | 'late' | 'unexplained' | 'final';

export function meaningOf(report: StatusReport): Meaning {
  switch (report.status) {
    case 'UNAVAILABLE':
    // The caller's own signal is looked at before this: here a server that was torn down has reset its streams.
    case 'CANCELLED':
      return 'elsewhere';
    case 'DEADLINE_EXCEEDED':
      return 'late';
    case 'INTERNAL':
    case 'UNKNOWN':
      return 'unexplained';
    default:
      // RESOURCE_EXHAUSTED is retryable when the coordinator is full, and final when a message is too large: the first
      // comes with the advice to retry.
      return report.retryAfterMs === undefined ? 'final' : 'elsewhere';
  }
}

/** True for what grpc-js fails a call with. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}
