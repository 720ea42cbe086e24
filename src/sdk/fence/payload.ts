/** Bytes with a media type: what travels when JSON is not wanted. */
export interface RawPayload {
  readonly bytes: Uint8Array;
  /** At most 64 characters of printable ASCII, such as "application/protobuf". */
  readonly contentType: string;
}

export const JSON_CONTENT_TYPE = 'application/json';

/** As the protocol has it: a header-sized media type without control characters. */
const CONTENT_TYPE_PATTERN = /^[\x20-\x7e]{0,64}$/;

/** The payload cannot be read as what it says it is: the caller's fault, so the branch is refused with INVALID_ARGUMENT. */
export class MalformedPayload extends Error {
  override readonly name = 'MalformedPayload';
}

/**
 * What a handler's return value is on the wire: nothing for undefined, the bytes of a RawPayload as they are, and JSON
 * for everything else. Throws a TypeError for what JSON cannot hold.
 */
export function encodePayload(value: unknown): RawPayload | undefined {
  if (value === undefined) return undefined;
  if (isRawPayload(value)) {
    if (!CONTENT_TYPE_PATTERN.test(value.contentType)) {
      throw new TypeError('a content type is at most 64 characters of printable ASCII');
    }
    return value;
  }
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`JSON cannot hold a ${typeof value}`);
  return { bytes: Buffer.from(text, 'utf8'), contentType: JSON_CONTENT_TYPE };
}

/** Reads a JSON payload; undefined when there is none. Throws MalformedPayload. */
export function decodeJson(payload: RawPayload): unknown {
  if (payload.bytes.length === 0) return undefined;
  if (!isJson(payload.contentType)) {
    throw new MalformedPayload(`the payload is ${payload.contentType || 'application/octet-stream'}, not JSON`);
  }
  try {
    return JSON.parse(strictUtf8.decode(payload.bytes)) as unknown;
  } catch {
    throw new MalformedPayload('the payload is not well-formed JSON');
  }
}

/** The value that was encoded: JSON is decoded, everything else stays a RawPayload. */
export function decodePayload(payload: RawPayload | undefined): unknown {
  return payload !== undefined && isJson(payload.contentType) ? decodeJson(payload) : payload;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

function isJson(contentType: string): boolean {
  const [type = ''] = contentType.split(';');
  return /^application\/(json|[^/]+\+json)$/i.test(type.trim());
}

function isRawPayload(value: unknown): value is RawPayload {
  return (
    typeof value === 'object' &&
    value !== null &&
    'bytes' in value &&
    value.bytes instanceof Uint8Array &&
    'contentType' in value &&
    typeof value.contentType === 'string'
  );
}
