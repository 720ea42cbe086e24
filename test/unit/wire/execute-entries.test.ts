import fc from 'fast-check';

import {
  callFormat,
  type CallKind,
  callKinds,
  encodeAbandon,
  encodeCall,
  encodeFailure,
  encodeReply,
  replyFormat,
} from '../../../src/wire/execute-entries';
import { decodeFrame, encodeFrame } from '../../../src/wire/frame';
import { rawType } from '../../../src/wire/raw-types';
import { Reader } from '../../../src/wire/reader';
import { failure, requests, responses, sparse, text, uint32 } from './messages';
import { bytes, frame, malformedFields, number, unknownFields, varint } from './wire-bytes';

const callType = rawType('ExecuteStreamCall');
const replyType = rawType('ExecuteStreamReply');
const plain = { defaults: true, arrays: true, longs: Number };

const readCalls = (wire: Buffer) => decodeFrame(new Reader(wire, { borrow: false }), callFormat);
const readReplies = (wire: Buffer) => decodeFrame(new Reader(wire, { borrow: true }), replyFormat);
const nothing = Object.fromEntries(callKinds.map((kind) => [kind, null]));

describe.each(callKinds)('%s', (kind: CallKind) => {
  it('requests are written byte for byte as protobufjs writes them', () => {
    const request: fc.Arbitrary<object> = requests[kind];
    fc.assert(
      fc.property(uint32, uint32, request, (id, timeoutMs, message) => {
        const expected = callType.encode({ ...sparse({ id, timeoutMs }), [kind]: sparse(message) }).finish();
        expect(Buffer.from(encodeCall(id, timeoutMs, kind, message))).toEqual(Buffer.from(expected));
      }),
    );
  });

  it('requests are read from what protobufjs writes, defaults or not', () => {
    const request: fc.Arbitrary<object> = requests[kind];
    fc.assert(
      fc.property(uint32, uint32, request, fc.boolean(), (id, timeoutMs, message, short) => {
        const sent = short ? sparse(message) : message;
        const wire = frame(callType.encode({ id, timeoutMs, [kind]: sent }).finish());
        const call = { ...nothing, id, timeoutMs, abandon: null, unreadable: null, [kind]: message };
        expect(readCalls(wire)).toEqual({ entries: [call], fault: undefined });
      }),
    );
  });

  it('responses are written byte for byte as protobufjs writes them', () => {
    const response: fc.Arbitrary<object> = responses[kind];
    fc.assert(
      fc.property(uint32, response, (id, message) => {
        const expected = replyType.encode({ ...sparse({ id }), [kind]: sparse(message) }).finish();
        expect(Buffer.from(encodeReply(id, kind, message))).toEqual(Buffer.from(expected));
      }),
    );
  });

  it('responses are read from what protobufjs writes, defaults or not', () => {
    const response: fc.Arbitrary<object> = responses[kind];
    fc.assert(
      fc.property(uint32, response, fc.boolean(), (id, message, short) => {
        const wire = frame(replyType.encode({ id, [kind]: short ? sparse(message) : message }).finish());
        const reply = { ...nothing, id, failure: null, unreadable: null, [kind]: message };
        expect(readReplies(wire)).toEqual({ entries: [reply], fault: undefined });
      }),
    );
  });
});

it('failures and abandons are written and read as protobufjs does', () => {
  fc.assert(
    fc.property(uint32, failure, (id, message) => {
      const expected = replyType.encode({ ...sparse({ id }), failure: sparse(message) }).finish();
      expect(Buffer.from(encodeFailure(id, message))).toEqual(Buffer.from(expected));
      const reply = { ...nothing, id, failure: message, unreadable: null };
      expect(readReplies(frame(expected)).entries).toEqual([reply]);
    }),
  );
  const abandon = callType.encode({ id: 300, abandon: {} }).finish();
  expect(Buffer.from(encodeAbandon(300))).toEqual(Buffer.from(abandon));
  expect(readCalls(frame(abandon)).entries).toMatchObject([{ id: 300, abandon: {}, execute: null }]);
});

describe('what other encoders may send', () => {
  const transactionFields = (gid: string) => [
    bytes(1, gid),
    bytes(2, 'place-order'),
    number(3, 3),
    bytes(6, bytes(1, 'a'), number(4, 2)),
    number(7, 1_790_000_000_123),
    number(12, 4),
  ];

  it('is read in any order, and unknown fields are passed over', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...transactionFields('g'), ...unknownFields.slice(0, 5)]), (fields) => {
        const entry = Buffer.concat([bytes(3, bytes(1, ...fields)), ...unknownFields.slice(0, 5), number(1, 7)]);
        const { execute } = replyType.toObject(replyType.decode(entry), plain) as { execute: object };
        expect(readReplies(frame(entry)).entries).toEqual([
          { ...nothing, id: 7, failure: null, unreadable: null, execute },
        ]);
      }),
    );
  });

  it('a field of a known number and another wire type is an unknown field', () => {
    const entry = Buffer.concat([number(1, 7), bytes(3, ...unknownFields, bytes(1, 'g')), ...unknownFields]);
    expect(readCalls(frame(entry)).entries).toMatchObject([{ id: 7, timeoutMs: 0, execute: { gid: 'g', name: '' } }]);
  });

  it('of a field that comes twice the last value counts, and messages are the sum of their pieces', () => {
    const first = bytes(3, bytes(1, 'first'), bytes(2, 'name'), bytes(3, bytes(1, 'a')));
    const second = bytes(
      3,
      bytes(1, 'second'),
      bytes(3, bytes(1, 'b'), bytes(4, bytes(2, 'x')), bytes(4, bytes(1, 'y'))),
    );
    const { entries } = readCalls(frame(Buffer.concat([number(1, 1), first, number(1, 2), second])));
    expect(entries).toMatchObject([
      {
        id: 2,
        execute: {
          gid: 'second',
          name: 'name',
          branches: [{ branchId: 'a' }, { branchId: 'b', payload: { data: Buffer.from('y'), contentType: 'x' } }],
        },
      },
    ]);
    const half = (...fields: readonly Buffer[]) => bytes(3, bytes(1, ...fields));
    const [one, two] = [half(bytes(1, 'g'), number(4, 1)), half(bytes(6, bytes(1, 'b')), bytes(5, number(1, 2)))];
    const replies = readReplies(frame(Buffer.concat([number(1, 1), one, two, half(bytes(5, bytes(3, 'why')))])));
    expect(replies.entries).toMatchObject([
      {
        execute: {
          transaction: {
            gid: 'g',
            parked: true,
            branches: [{ branchId: 'b' }],
            cancelReason: { code: 2, message: 'why' },
          },
        },
      },
    ]);
  });

  it('of several kinds in one entry the last one counts', () => {
    const entry = Buffer.concat([number(1, 1), bytes(3, bytes(1, 'a')), bytes(7, bytes(1, 'b'))]);
    expect(readCalls(frame(entry)).entries).toMatchObject([{ execute: null, commit: { gid: 'b' } }]);
    const back = Buffer.concat([entry, bytes(3, bytes(2, 'again'))]);
    expect(readCalls(frame(back)).entries).toMatchObject([{ execute: { gid: '', name: 'again' }, commit: null }]);
  });

  it('numbers may have more bytes than they need, and more bits than are kept', () => {
    const long = Buffer.from([0x08, 0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]);
    const entry = Buffer.concat([long, Buffer.from([0x90, 0x00]), varint(2n ** 40n + 9n), bytes(9)]);
    expect(readCalls(frame(entry)).entries).toMatchObject([{ id: 5, timeoutMs: 9, abandon: {} }]);
  });

  it('texts that are no UTF-8 are read with U+FFFD', () => {
    const broken = Buffer.from([0x61, 0xff, 0xc3]);
    const entry = Buffer.concat([number(1, 1), bytes(3, bytes(1, broken), bytes(2, broken))]);
    expect(readCalls(frame(entry)).entries).toMatchObject([{ execute: { gid: 'a��', name: 'a��' } }]);
  });
});

describe('what is written', () => {
  it('has U+FFFD for half a character', () => {
    fc.assert(
      fc.property(text, fc.constantFrom('\ud83d', '\ude00'), text, (before, half, after) => {
        const gid = `${before.replace(/[\ud800-\udbff]$/, '')}${half} ${after}`;
        const { entries } = readCalls(encodeFrame([encodeCall(1, 0, 'begin', { gid })]));
        expect(entries).toMatchObject([{ begin: { gid: Buffer.from(gid).toString() } }]);
      }),
    );
  });

  it('stays as it is when more is written', () => {
    const data = Buffer.alloc(3_000, 'd');
    const branches = [{ branchId: 'b', participant: 'p', action: 'a', payload: { data, contentType: 'c' } }];
    const entries = Array.from({ length: 100 }, (_, id) =>
      encodeCall(id + 1, 0, 'execute', { gid: `g-${id}`, branches }),
    );
    const { entries: read } = readCalls(encodeFrame(entries));
    expect(read.map(({ execute }) => execute)).toEqual(
      Array.from({ length: 100 }, (_, id) => ({
        gid: `g-${id}`,
        name: '',
        branches,
        tryOrder: 0,
        wait: 0,
        timeoutMs: 0,
      })),
    );
  });

  it('of a payload of a megabyte is what protobufjs writes', () => {
    const payload = { data: Buffer.alloc(1_048_576, 'd'), contentType: 'c' };
    const request = { gid: 'g', branches: [{ branchId: 'b', payload }] };
    const expected = Buffer.from(callType.encode({ id: 1, execute: request }).finish());
    expect(expected.equals(encodeCall(1, 0, 'execute', request))).toBe(true);
  });

  it.each([
    ['commit', { gid: 7 }],
    ['commit', { gid: 'g', wait: 'WAIT_FINISHED' }],
    ['execute', { gid: 'g', timeoutMs: '5' }],
    ['execute', { gid: 'g', branches: [{ branchId: 'b', payload: { data: 'text' } }] }],
    ['execute', { gid: 'g', branches: 7 }],
  ] as const)('%s %j is refused, and the next message is whole', (kind, request) => {
    expect(() => encodeCall(1, 0, kind, request)).toThrow(TypeError);
    const { entries } = readCalls(encodeFrame([encodeCall(2, 0, 'commit', { gid: 'good' })]));
    expect(entries).toMatchObject([{ id: 2, commit: { gid: 'good' } }]);
  });
});

describe('entries that cannot be read', () => {
  const good = encodeCall(1, 0, 'commit', { gid: 'good' });
  const goodReply = encodeReply(1, 'commit', { transaction: { gid: 'good' } });

  it.each(Object.entries(malformedFields))('fail alone: %s', (_, field) => {
    const inner = Buffer.concat([number(1, 7), bytes(3, bytes(3, field))]);
    const outer = Buffer.concat([number(1, 8), field]);
    const calls = readCalls(frame(inner, good, outer, good));
    expect(calls.fault).toBeUndefined();
    expect(calls.entries).toMatchObject([
      { id: 7, execute: null, unreadable: expect.stringMatching(/^the entry cannot be read: /) as string },
      { id: 1, unreadable: null, commit: { gid: 'good' } },
      { id: 8, unreadable: expect.any(String) as string },
      { id: 1, unreadable: null },
    ]);
    const replies = readReplies(frame(Buffer.concat([number(1, 7), bytes(3, bytes(1, bytes(6, field)))]), goodReply));
    expect(replies).toMatchObject({ entries: [{ id: 7, unreadable: expect.any(String) as string }, { id: 1 }] });
  });

  it.each(Object.entries(malformedFields))('without an id are the fault of the frame: %s', (_, field) => {
    const calls = readCalls(frame(good, bytes(3, bytes(3, field))));
    expect(calls).toEqual({
      entries: [],
      fault: expect.stringMatching(/^an entry without an id cannot be read: /) as string,
    });
  });

  it('never read beyond themselves, wherever they are cut off', () => {
    const branches = [
      { branchId: 'b', participant: 'p', action: 'a', payload: { data: Buffer.alloc(200), contentType: 'c' } },
    ];
    const entry = encodeCall(300, 70_000, 'execute', { gid: 'gid', name: 'n', branches, wait: 3 });
    for (let length = 0; length < entry.length; length += 1) {
      const { entries, fault } = readCalls(frame(entry.subarray(0, length), good));
      if (fault !== undefined) continue;
      expect(entries).toHaveLength(2);
      expect(entries[1]).toMatchObject({ id: 1, commit: { gid: 'good' } });
      expect(entries[0]?.id).toBe(length === 0 ? 0 : 300);
    }
  });
});

it('any bytes at all are a frame or have a fault', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (wire) => {
      for (const { fault, entries } of [readCalls(Buffer.from(wire)), readReplies(Buffer.from(wire))]) {
        expect(fault === undefined || entries.length === 0).toBe(true);
      }
    }),
  );
});

it('a frame with any byte changed is a frame or has a fault', () => {
  const entry = replyType
    .encode({ id: 9, execute: { transaction: { gid: 'g', branches: [{ branchId: 'b' }] } } })
    .finish();
  const wire = frame(entry, entry);
  fc.assert(
    fc.property(fc.nat({ max: wire.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
      const changed = Buffer.from(wire);
      changed[at] = byte;
      expect(readReplies(changed)).toHaveProperty('entries');
    }),
  );
});
