import { loadSync, type MessageTypeDefinition } from '@grpc/proto-loader';

import type { FieldViolation } from '../lib/errors';
import { loaderOptions } from './proto';

/** The trailer that carries google.rpc.Status, by gRPC's convention. */
export const DETAILS_TRAILER = 'grpc-status-details-bin';

/** Who defines the reasons in ErrorInfo. */
const DOMAIN = 'tcc.v1';

/** What an error says beside its code and its text. */
export interface ErrorDetails {
  /** UPPER_SNAKE, as in lib/errors. */
  readonly reason: string | undefined;
  /** Facts for programs. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields at fault. */
  readonly violations: readonly FieldViolation[];
  /** When the same request is worth another try, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

interface Any {
  readonly type_url: string;
  readonly value: Buffer;
}
interface Status {
  readonly code: number;
  readonly message: string;
  readonly details: readonly Any[];
}
interface ErrorInfo {
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
}
interface BadRequest {
  readonly fieldViolations: readonly FieldViolation[];
}
interface RetryInfo {
  readonly retryDelay: { readonly seconds: number; readonly nanos: number } | null;
}

const definitions = loadSync(['google/rpc/status.proto', 'google/rpc/error_details.proto'], loaderOptions);

/** The shapes above are those of the .proto files, as loaderOptions render them. */
function message<Shape>(name: string): MessageTypeDefinition<Shape, Shape> {
  return definitions[`google.rpc.${name}`] as unknown as MessageTypeDefinition<Shape, Shape>;
}

const status = message<Status>('Status');
const errorInfo = message<ErrorInfo>('ErrorInfo');
const badRequest = message<BadRequest>('BadRequest');
const retryInfo = message<RetryInfo>('RetryInfo');

const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
const any = (name: string, value: Buffer): Any => ({ type_url: TYPE_PREFIX + name, value });

/** The bytes of a google.rpc.Status with these details. */
export function encodeDetails(code: number, text: string, details: ErrorDetails): Buffer {
  const list: Any[] = [];
  const { reason, metadata, violations, retryAfterMs } = details;
  if (reason !== undefined) list.push(any('ErrorInfo', errorInfo.serialize({ reason, domain: DOMAIN, metadata })));
  if (violations.length > 0) list.push(any('BadRequest', badRequest.serialize({ fieldViolations: violations })));
  if (retryAfterMs !== undefined) {
    const retryDelay = { seconds: Math.floor(retryAfterMs / 1000), nanos: (retryAfterMs % 1000) * 1_000_000 };
    list.push(any('RetryInfo', retryInfo.serialize({ retryDelay })));
  }
  return status.serialize({ code, message: text, details: list });
}

/** Reads them back. Details of other kinds, of other domains and malformed ones are passed over: they come from strangers. */
export function decodeDetails(bytes: Buffer): ErrorDetails {
  const found: { -readonly [Key in keyof ErrorDetails]: ErrorDetails[Key] } = {
    reason: undefined,
    metadata: {},
    violations: [],
    retryAfterMs: undefined,
  };
  try {
    for (const { type_url: type, value } of status.deserialize(bytes).details) {
      if (type === `${TYPE_PREFIX}ErrorInfo`) {
        const info = errorInfo.deserialize(value);
        if (info.domain === DOMAIN) Object.assign(found, { reason: info.reason, metadata: { ...info.metadata } });
      } else if (type === `${TYPE_PREFIX}BadRequest`) {
        found.violations = badRequest.deserialize(value).fieldViolations.map(({ field, description }) => ({
          field,
          description,
        }));
      } else if (type === `${TYPE_PREFIX}RetryInfo`) {
        const delay = retryInfo.deserialize(value).retryDelay;
        if (delay !== null) found.retryAfterMs = delay.seconds * 1000 + Math.round(delay.nanos / 1_000_000);
      }
    }
  } catch {
    // What was read before the malformed part is still worth having.
  }
  return found;
}
