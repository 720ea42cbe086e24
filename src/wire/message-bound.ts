/**
 * How an application learns how large a frame may be: the coordinator says it in the headers with which it answers an
 * ExecuteStream. (An attached participant hears it in the welcome.)
 */
import { Metadata } from '@grpc/grpc-js';

/**
 * The least that `limits.messageBytes` may be set to, in bytes. So a message of this size is safe to send to a coordinator that has
 * not said yet what it takes.
 */
export const SMALLEST_MESSAGE_BYTES = 65_536;

const HEADER = 'tcc-message-bytes';

/** The headers that say how many bytes a message may have. */
export function headersOfBound(messageBytes: number): Metadata {
  const headers = new Metadata();
  headers.set(HEADER, String(messageBytes));
  return headers;
}

/** What the headers say; undefined when it is nothing, or no number of bytes. */
export function boundOfHeaders(headers: Metadata): number | undefined {
  const [said] = headers.get(HEADER);
  return typeof said === 'string' && /^[1-9]\d{0,9}$/.test(said) ? Number(said) : undefined;
}
