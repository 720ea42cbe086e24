import type { FenceOutcome } from './words';

/**
 * The gRPC statuses that mean "refused" in a Try: the participant's own word that it did not reserve and will not. In a
 * Confirm or a Cancel each of them is a broken promise, which the coordinator counts and shows to an operator.
 */
export type RefusalStatus =
  | 'ABORTED'
  | 'FAILED_PRECONDITION'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'INVALID_ARGUMENT'
  | 'OUT_OF_RANGE'
  | 'RESOURCE_EXHAUSTED';

/**
 * Throw it in a Try to refuse the branch: the coordinator then cancels the whole transaction, and the application gets
 * the message ("no stock") as the reason. Thrown inside a local transaction it also rolls that back.
 */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** The gRPC status that the coordinator gets. Default: ABORTED. */
  readonly status: RefusalStatus;
  /** What the fence found, where it was the fence that refused. */
  readonly fence: FenceOutcome | undefined;

  /** `message`: for the application and its users; the first 512 characters travel. */
  constructor(
    message: string,
    details: { readonly status?: RefusalStatus; readonly fence?: FenceOutcome | undefined } = {},
  ) {
    super(message);
    this.status = details.status ?? 'ABORTED';
    this.fence = details.fence;
  }
}

/**
 * The time that the call was given is over, so its local transaction must not commit. To the coordinator it is
 * DEADLINE_EXCEEDED: an answer that it does not know, and by now does not wait for.
 */
export class CallExpired extends Error {
  override readonly name = 'CallExpired';
}
