/**
 * The one error type. Its code is a stable UPPER_SNAKE reason that travels to the client as google.rpc.ErrorInfo; what
 * gRPC status it becomes stands in `wire/status.ts`, and nowhere else.
 */

/** `caller`: the request is at fault. `retryable`: the same request may succeed later. `invariant`: this is a bug. */
export type ErrorKind = 'caller' | 'retryable' | 'invariant';

/** Every reason that an error can have, and whose fault it is. */
export const errorKinds = {
  /** The request is malformed; the violations name the fields. */
  INVALID_REQUEST: 'caller',
  /** No transaction has this gid. */
  TRANSACTION_NOT_FOUND: 'caller',
  /** The gid is taken by a transaction with other content. */
  GID_TAKEN: 'caller',
  /** The branch_id is taken by a branch with other content. */
  BRANCH_ID_TAKEN: 'caller',
  /** The transaction's state does not allow this; metadata `status` names the state. */
  WRONG_STATE: 'caller',
  /** Commit was asked for while a branch is not known to be tried; metadata `branchId` and `branchStatus`. */
  BRANCH_NOT_TRIED: 'caller',
  /** The transaction has as many branches as are allowed. */
  TOO_MANY_BRANCHES: 'caller',
  /** No participant has this name. */
  UNKNOWN_PARTICIPANT: 'caller',
  /** The participant has no such action. */
  UNKNOWN_ACTION: 'caller',
  /** This coordinator has as many open transactions as it may; try again or elsewhere. */
  TOO_MANY_OPEN_TRANSACTIONS: 'retryable',
  /** There is no place for one more instance of a participant: metadata `limit` and `most` say which limit, and how many. */
  TOO_MANY_INSTANCES: 'retryable',
  /** The journal's database cannot be reached, or did not say how the commit went. */
  JOURNAL_UNAVAILABLE: 'retryable',
  /** The coordinator is shutting down; try another one. */
  DRAINING: 'retryable',
  /** The caller went away or its deadline passed; the transaction goes on. */
  WAIT_ABANDONED: 'retryable',
  /** Something that cannot happen happened. */
  BROKEN_INVARIANT: 'invariant',
} as const satisfies Record<string, ErrorKind>;

/** A reason. */
export type ErrorCode = keyof typeof errorKinds;

/** A field of a request and what is wrong with it. */
export interface FieldViolation {
  /** The path in proto field names, such as `branches[2].payload.data`. */
  readonly field: string;
  /** What must change, as a sentence. */
  readonly description: string;
}

/** An error that the other side may see. */
export class TccError extends Error {
  override readonly name = 'TccError';
  readonly code: ErrorCode;
  /** Facts for programs, as strings. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly violations: readonly FieldViolation[];

  constructor(
    code: ErrorCode,
    message: string,
    details: {
      readonly metadata?: Readonly<Record<string, string>>;
      readonly violations?: readonly FieldViolation[];
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.metadata = details.metadata ?? {};
    this.violations = details.violations ?? [];
  }

  get kind(): ErrorKind {
    return errorKinds[this.code];
  }
}

/** Narrows an unknown thrown value to a TccError of one code. */
export function isTccError(error: unknown, code?: ErrorCode): error is TccError {
  return error instanceof TccError && (code === undefined || error.code === code);
}

/** For the default branch of a switch over a union: a compile error when a case is missing. */
export function unreachable(value: never): never {
  throw new TccError('BROKEN_INVARIANT', `unexpected value ${JSON.stringify(value)}`);
}
