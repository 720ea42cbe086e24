import { Metadata, status, type ServiceError } from '@grpc/grpc-js';

import { isTccError, type ErrorCode, type FieldViolation, type TccError } from '../lib/errors';
import { decodeDetails, DETAILS_TRAILER, encodeDetails, type ErrorDetails } from './error-details';

/** The name of a gRPC status code, such as 'UNAVAILABLE'. */
export type StatusName = keyof typeof status;

/** What a server ends a call with: fits a grpc-js callback and a stream's `error` event. */
export interface WireStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** What a client knows about a call that failed. */
export interface StatusReport extends ErrorDetails {
  readonly status: StatusName;
  /** The text, for people. */
  readonly message: string;
}

/**
 * What each reason is on the wire. `retryAfterMs` stands at those that the same request may get over; the wait is short
 * where another coordinator may take it at once, and longer where a database must come back, a queue must empty, or instances
 * that ended must be forgotten.
 */
const wireCodes: Readonly<Record<ErrorCode, { readonly status: StatusName; readonly retryAfterMs?: number }>> = {
  INVALID_REQUEST: { status: 'INVALID_ARGUMENT' },
  UNKNOWN_PARTICIPANT: { status: 'INVALID_ARGUMENT' },
  UNKNOWN_ACTION: { status: 'INVALID_ARGUMENT' },
  TRANSACTION_NOT_FOUND: { status: 'NOT_FOUND' },
  GID_TAKEN: { status: 'ALREADY_EXISTS' },
  BRANCH_ID_TAKEN: { status: 'ALREADY_EXISTS' },
  WRONG_STATE: { status: 'FAILED_PRECONDITION' },
  BRANCH_NOT_TRIED: { status: 'FAILED_PRECONDITION' },
  TOO_MANY_BRANCHES: { status: 'FAILED_PRECONDITION' },
  TOO_MANY_OPEN_TRANSACTIONS: { status: 'RESOURCE_EXHAUSTED', retryAfterMs: 500 },
  TOO_MANY_INSTANCES: { status: 'RESOURCE_EXHAUSTED', retryAfterMs: 5_000 },
  JOURNAL_UNAVAILABLE: { status: 'UNAVAILABLE', retryAfterMs: 500 },
  DRAINING: { status: 'UNAVAILABLE', retryAfterMs: 50 },
  WAIT_ABANDONED: { status: 'DEADLINE_EXCEEDED', retryAfterMs: 50 },
  BROKEN_INVARIANT: { status: 'INTERNAL' },
};

/** The text of an error that is nobody's business but the log's. */
const INTERNAL_TEXT = 'internal error';

/** Status texts are cut to this many characters: they travel as a header, percent-encoded. */
const TEXT_LENGTH = 1_024;

/**
 * The details are kept to this many bytes: gRPC implementations other than this one refuse more than 8 KiB of headers,
 * and base64 makes 5,400 bytes 7,200.
 */
const DETAILS_BYTES = 5_400;

/** The most violations that are listed; a request with more faults than this is fixed in rounds anyway. */
const VIOLATIONS = 50;

/**
 * What a thrown value is on the wire. A TccError keeps its reason, metadata and violations; anything else becomes
 * INTERNAL without a word of its text, which may hold what the caller must not see.
 */
export function toStatus(error: unknown): WireStatus {
  if (!isTccError(error) || error.kind === 'invariant') {
    const details = isTccError(error) ? { ...noDetails, reason: error.code } : noDetails;
    return wireStatus('INTERNAL', INTERNAL_TEXT, encodeDetails(status.INTERNAL, INTERNAL_TEXT, details));
  }
  const { status: name } = wireCodes[error.code];
  const text = tidy(error.message, TEXT_LENGTH);
  return wireStatus(name, text, boundedDetails(status[name], text, error));
}

/** Reads what toStatus wrote, and any other gRPC error as far as it goes. */
export function readStatus(error: ServiceError): StatusReport {
  const trailer = readTrailer(error);
  return { ...(trailer ? decodeDetails(trailer) : noDetails), ...endOf(error) };
}

/**
 * The code and the text that a call ended with. grpc-js fails a call whose reply is compressed in a way that it does not know with
 * neither (1.14.7), whatever its types say.
 */
export function endOf(error: Partial<ServiceError>): { readonly status: StatusName; readonly message: string } {
  const { code, details } = error;
  if (code === undefined) return { status: 'INTERNAL', message: details ?? 'the reply could not be read' };
  return { status: statusName(code), message: details ?? '' };
}

/** The name of a status code; UNKNOWN for a number that is none, as gRPC wants it. */
export function statusName(code: number): StatusName {
  return (status as Record<number, string | undefined>)[code] === undefined ? 'UNKNOWN' : (status[code] as StatusName);
}

const noDetails: ErrorDetails = { reason: undefined, metadata: {}, violations: [], retryAfterMs: undefined };

function wireStatus(name: StatusName, details: string, trailer: Buffer): WireStatus {
  const metadata = new Metadata();
  metadata.set(DETAILS_TRAILER, trailer);
  return { code: status[name], details, metadata };
}

/** Lists as many violations as fit, and says how many there are beyond. Metadata goes last of all. */
function boundedDetails(code: status, text: string, error: TccError): Buffer {
  const { retryAfterMs } = wireCodes[error.code];
  const all = error.violations.map(({ field, description }) => ({
    field: tidy(field, 256),
    description: tidy(description, 512),
  }));
  const details = { reason: error.code, metadata: error.metadata, retryAfterMs };
  for (let listed = Math.min(all.length, VIOLATIONS); ; listed = Math.floor(listed / 2)) {
    const bytes = encodeDetails(code, text, { ...details, violations: shorten(all, listed) });
    if (bytes.length <= DETAILS_BYTES) return bytes;
    if (listed === 0) return encodeDetails(code, text, { ...noDetails, reason: error.code, retryAfterMs });
  }
}

function shorten(violations: readonly FieldViolation[], listed: number): readonly FieldViolation[] {
  if (violations.length <= listed) return violations;
  const more = violations.length - listed;
  return [...violations.slice(0, listed), { field: '', description: `${more} more faults are not listed here.` }];
}

/** Cuts a text, and replaces half characters (a cut emoji): grpc-js cannot send them and would throw. */
function tidy(text: string, length: number): string {
  return Buffer.from(text.slice(0, length), 'utf8').toString('utf8');
}

/** Errors that are not from a call (a programming mistake, a test's fake) have no metadata, whatever their type says. */
function readTrailer(error: { readonly metadata?: Metadata }): Buffer | undefined {
  const [trailer] = error.metadata?.get(DETAILS_TRAILER) ?? [];
  return Buffer.isBuffer(trailer) ? trailer : undefined;
}
