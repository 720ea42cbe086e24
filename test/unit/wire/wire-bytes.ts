/** Messages byte by byte, right and wrong ones. */

export function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** A field of a number. */
export function number(field: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

/** A field of a text, of bytes or of a message. */
export function bytes(field: number, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const value = Buffer.concat(parts.map((part) => Buffer.from(part)));
  return Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
}

/** A frame of these entries. */
export function frame(...entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(entries.map((entry) => bytes(1, entry)));
}

/** Fields that no message here has, one of each wire type. */
export const unknownFields: readonly Buffer[] = [
  number(900, 2n ** 64n - 1n),
  Buffer.concat([varint((901 << 3) | 1), Buffer.alloc(8, 0xff)]),
  bytes(902, 'whatever'),
  Buffer.concat([varint((903 << 3) | 3), number(1, 5), bytes(2, 'x'), varint((903 << 3) | 4)]),
  Buffer.concat([varint((904 << 3) | 5), Buffer.alloc(4, 0xff)]),
  // Field 1 and 2 of every message, as another wire type than it has.
  Buffer.concat([varint((1 << 3) | 5), Buffer.alloc(4)]),
  Buffer.concat([varint((2 << 3) | 1), Buffer.alloc(8)]),
];

/** Fields that no decoder takes. */
export const malformedFields: Readonly<Record<string, Buffer>> = {
  'a field longer than its message': Buffer.concat([varint((1 << 3) | 2), varint(1_000)]),
  'a field of four gigabytes': Buffer.concat([varint((1 << 3) | 2), varint(2 ** 32 - 1)]),
  'a number without an end': Buffer.concat([varint(900 << 3), Buffer.alloc(5, 0x80)]),
  'a number of eleven bytes': Buffer.concat([varint(900 << 3), Buffer.alloc(11, 0x80), Buffer.from([1])]),
  'a field number 0': Buffer.from([0x00, 0x01]),
  'wire type 6': varint((1 << 3) | 6),
  'wire type 7': varint((1 << 3) | 7),
  'the end of a group that never began': varint((5 << 3) | 4),
  'a group without an end': varint((5 << 3) | 3),
  'a group that ends as another': Buffer.concat([varint((5 << 3) | 3), varint((6 << 3) | 4)]),
  'groups as deep as there are bytes': Buffer.concat(Array.from({ length: 10_000 }, () => varint((5 << 3) | 3))),
  'half a number of 32 bits': Buffer.from([(9 << 3) | 5, 1, 2]),
};
