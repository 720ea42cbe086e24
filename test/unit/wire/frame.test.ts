import { decodeFrame, encodeFrame, type EntryFormat, MOST_FRAME_ENTRIES } from '../../../src/wire/frame';
import { MalformedBytes, MOST_PARTS, Reader } from '../../../src/wire/reader';
import { bytes, frame, number, unknownFields } from './wire-bytes';

/** Reads the first field, a number, and leaves the rest to whoever reads on. */
const numbers = (seen: number[]): EntryFormat<number | string> => ({
  read: (reader, end) => {
    reader.tag(end);
    const value = reader.uint32(end);
    seen.push(value);
    if (value === 13) throw new MalformedBytes('unlucky');
    if (value === 14) throw new Error('a bug');
    reader.at = end;
    return value;
  },
  unreadable: (id, why) => `${id}: ${why}`,
});

const read = (wire: Buffer, seen: number[] = []) => decodeFrame(new Reader(wire, { borrow: true }), numbers(seen));

it('a frame is its entries, whatever else is in it', () => {
  expect(read(frame()).entries).toEqual([]);
  expect(read(Buffer.concat([frame(number(1, 1)), ...unknownFields, frame(number(1, 2))])).entries).toEqual([1, 2]);
});

it('what is encoded is what is read', () => {
  const entries = [number(1, 1), Buffer.concat([number(1, 2), bytes(9, Buffer.alloc(300))]), number(1, 2 ** 31)];
  expect(encodeFrame(entries)).toEqual(frame(...entries));
  expect(read(encodeFrame(entries)).entries).toEqual([1, 2, 2 ** 31]);
});

it('as many entries as may be are read, and of more not one', () => {
  const entries = Array.from({ length: MOST_FRAME_ENTRIES }, () => number(1, 7));
  const seen: number[] = [];
  expect(read(frame(...entries)).entries).toHaveLength(MOST_FRAME_ENTRIES);
  expect(read(frame(...entries, number(1, 7)), seen)).toEqual({
    entries: [],
    fault: `a frame has more than the ${MOST_FRAME_ENTRIES} entries that it may have`,
  });
  expect(seen).toEqual([]);
});

it('an entry that cannot be read stands for itself, under the last id that it has', () => {
  const bad = Buffer.concat([number(1, 13), number(1, 99)]);
  expect(read(frame(number(1, 1), bad, number(1, 2))).entries).toEqual([1, '99: the entry cannot be read: unlucky', 2]);
});

it('a frame that is cut off is refused as a whole', () => {
  const whole = frame(number(1, 1), number(1, 2));
  for (let length = 1; length < whole.length; length += 1) {
    const { entries, fault } = read(whole.subarray(0, length));
    // Cut between two entries it is a frame.
    if (length === frame(number(1, 1)).length) expect(entries).toEqual([1]);
    else expect([entries, typeof fault]).toEqual([[], 'string']);
  }
});

it('a frame of too many messages within messages is refused as a whole', () => {
  const parts = (count: number) => Buffer.concat([number(1, 1), Buffer.alloc(2 * count, Buffer.from([0x1a, 0]))]);
  const format: EntryFormat<number> = {
    read: (reader, end) => {
      let count = 0;
      for (; reader.at < end; count += 1) {
        if (reader.tag(end) === 0x08) reader.uint32(end);
        else reader.part(end);
      }
      return count;
    },
    unreadable: () => -1,
  };
  const readParts = (...entries: readonly Buffer[]) =>
    decodeFrame(new Reader(frame(...entries), { borrow: true }), format);
  // Each entry is a part itself.
  expect(readParts(parts(MOST_PARTS - 11), parts(9)).entries).toEqual([MOST_PARTS - 10, 10]);
  expect(readParts(parts(MOST_PARTS - 11), parts(10))).toEqual({
    entries: [],
    fault: expect.stringContaining(`at most ${MOST_PARTS} messages`) as string,
  });
});

it('a bug is not taken for malformed bytes', () => {
  expect(() => read(frame(number(1, 14)))).toThrow('a bug');
});
