/** A view into more than this many bytes that are not its own is worth a copy. */
export const BORROWED_BYTES = 16_384;

const NO_BYTES = Buffer.alloc(0);

/**
 * The bytes of a decoded message, fit to be kept: decoding makes views into what arrived, and a small one that is kept for
 * minutes would keep a frame of a megabyte with it. protobufjs itself makes absent bytes an empty list.
 */
export function ownBytes(bytes: Uint8Array | readonly never[]): Uint8Array {
  if (bytes.length === 0 || !(bytes instanceof Uint8Array)) return NO_BYTES;
  return bytes.buffer.byteLength - bytes.length > BORROWED_BYTES ? Buffer.from(bytes) : bytes;
}
