import type { Payload } from '../../wire/generated/tcc/v1/Payload';
import { ownBytes } from '../../wire/raw-bytes';
import { TccRequestError } from './errors';
import type { RawPayload } from './views';

const JSON_TYPE = 'application/json';

/** Payloads travel as JSON unless they come as bytes with a content type. `undefined` is no payload. */
export function encodePayload(value: unknown, field: string): Payload | null {
  if (value === undefined) return null;
  if (isRaw(value)) return { data: value.bytes, contentType: value.contentType };
  return { data: Buffer.from(toJson(value, field), 'utf8'), contentType: JSON_TYPE };
}

/** As either carrier decodes it: bytes that are absent may be an empty list. */
export interface WirePayload {
  readonly data: Uint8Array | readonly never[];
  readonly contentType: string;
}

/**
 * What encodePayload made, back again. Bytes that are not JSON, or say so and are not, come back as they are: a reply
 * that cannot be read must not hide a transaction's outcome.
 */
export function decodePayload(payload: WirePayload | null): unknown {
  if (payload === null || (payload.data.length === 0 && payload.contentType === '')) return undefined;
  if (!/^application\/([^;]*\+)?json\b/i.test(payload.contentType)) return raw(payload);
  if (payload.data.length === 0) return undefined;
  try {
    const { data } = payload;
    return JSON.parse((Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('utf8')) as unknown;
  } catch {
    return raw(payload);
  }
}

function raw({ data, contentType }: WirePayload): RawPayload {
  return { bytes: ownBytes(data), contentType };
}

function isRaw(value: unknown): value is RawPayload {
  if (typeof value !== 'object' || value === null) return false;
  const { bytes, contentType } = value as Partial<RawPayload>;
  return bytes instanceof Uint8Array && typeof contentType === 'string';
}

function toJson(value: unknown, field: string): string {
  const fault = (cause?: unknown) =>
    new TccRequestError('INVALID_REQUEST', `${field} is not a JSON value`, {
      cause,
      violations: [{ field, description: 'must be a JSON value, or { bytes, contentType }' }],
    });
  try {
    // JSON.stringify answers undefined for functions and symbols, whatever its type says.
    const text = JSON.stringify(value) as string | undefined;
    if (text === undefined) throw fault();
    return text;
  } catch (error) {
    throw error instanceof TccRequestError ? error : fault(error);
  }
}
