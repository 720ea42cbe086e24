import type { FieldViolation } from '../../lib/errors';
import { type CancelReasonView, isCancelled, type TransactionView } from './views';

/** What every error of the client is. Programs branch on the class or on `code`; the message is for people. */
export class TccClientError extends Error {
  override readonly name: string = 'TccClientError';
  /** A stable UPPER_SNAKE reason. */
  readonly code: string;
  /** The transaction it concerns, where there is one. */
  readonly gid: string | undefined;

  constructor(code: string, message: string, details: { readonly gid?: string | undefined; readonly cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.gid = details.gid;
  }
}

/** What is known about a cancellation. */
export interface Cancellation {
  readonly gid: string;
  readonly reason: CancelReasonView;
  /** The transaction as it stood when the cancellation was seen. */
  readonly transaction?: TransactionView | undefined;
}

/**
 * The transaction is cancelled, or is being cancelled: nothing of it takes effect. Code 'CANCELLED' when the application
 * rolled back or a participant could not be reached (`reason.code` says which); see also the two subclasses.
 */
export class CancelledError extends TccClientError {
  override readonly name: string = 'CancelledError';
  readonly reason: CancelReasonView;
  readonly transaction: TransactionView | undefined;

  constructor(cancellation: Cancellation, code = 'CANCELLED', message = cancelledText(cancellation)) {
    super(code, message, { gid: cancellation.gid });
    this.reason = cancellation.reason;
    this.transaction = cancellation.transaction;
  }

  /** The branch that caused it; '' when no single branch did. */
  get branchId(): string {
    return this.reason.branchId;
  }
}

/** A participant refused its Try; the message is the participant's own ("no stock"). Code 'REFUSED'. */
export class RefusedError extends CancelledError {
  override readonly name = 'RefusedError';

  constructor(cancellation: Cancellation) {
    super(cancellation, 'REFUSED', cancellation.reason.message || cancelledText(cancellation));
  }
}

/** The transaction's deadline passed before it was decided. Code 'TIMED_OUT'. */
export class TimedOutError extends CancelledError {
  override readonly name = 'TimedOutError';

  constructor(cancellation: Cancellation) {
    super(cancellation, 'TIMED_OUT');
  }
}

/**
 * No coordinator answered, or the outcome is not known yet. The transaction may still be confirmed or cancelled: send
 * the same gid again, or ask `get(gid)`. Code 'UNAVAILABLE'.
 */
export class UnavailableError extends TccClientError {
  override readonly name = 'UnavailableError';

  constructor(message: string, details: { readonly gid?: string | undefined; readonly cause?: unknown }) {
    super('UNAVAILABLE', message, details);
  }
}

/**
 * A coordinator answered that the request cannot be served: 'INVALID_REQUEST' (see `violations`), 'GID_TAKEN',
 * 'TRANSACTION_NOT_FOUND', 'WRONG_STATE' (`metadata.status` names the state), 'UNKNOWN_PARTICIPANT',
 * 'REQUEST_TOO_LARGE' (for the coordinator's `limits.messageBytes`), …; the gRPC status name where no reason came. Sending the
 * same again gives the same.
 */
export class TccRequestError extends TccClientError {
  override readonly name = 'TccRequestError';
  /** The fields at fault, by their path in the proto request. */
  readonly violations: readonly FieldViolation[];
  /** The server's facts for programs. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    code: string,
    message: string,
    details: {
      readonly gid?: string | undefined;
      readonly cause?: unknown;
      readonly violations?: readonly FieldViolation[];
      readonly metadata?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(code, message, details);
    this.violations = details.violations ?? [];
    this.metadata = details.metadata ?? {};
  }
}

/** The typed error for a cancellation. */
export function cancelledError(cancellation: Cancellation): CancelledError {
  switch (cancellation.reason.code) {
    case 'REFUSED':
      return new RefusedError(cancellation);
    case 'TIMED_OUT':
      return new TimedOutError(cancellation);
    case 'UNREACHABLE':
    case 'ROLLED_BACK':
      return new CancelledError(cancellation);
  }
}

/** Throws the typed error when the transaction is cancelled or being cancelled. */
export function throwIfCancelled(transaction: TransactionView): void {
  const { gid, status, cancelReason } = transaction;
  if (!isCancelled(status)) return;
  const reason = cancelReason ?? { code: 'ROLLED_BACK', branchId: '', message: 'no reason is known' };
  throw cancelledError({ gid, reason, transaction });
}

function cancelledText({ gid, reason }: Cancellation): string {
  const words = reason.message === '' ? '' : `: ${reason.message}`;
  const branch = reason.branchId === '' ? '' : ` by branch ${reason.branchId}`;
  switch (reason.code) {
    case 'REFUSED':
      return `transaction ${gid} was refused${branch}${words}`;
    case 'TIMED_OUT':
      return `transaction ${gid} was cancelled because its deadline passed before it was decided${words}`;
    case 'UNREACHABLE':
      return `transaction ${gid} was cancelled because the Try of branch ${reason.branchId} stayed without an answer${words}`;
    case 'ROLLED_BACK':
      return `transaction ${gid} was rolled back${words}`;
  }
}
