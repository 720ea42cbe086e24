import fc from 'fast-check';

import { attachMethod, type RawCallEntry, type RawReplyEntry } from '../../../src/wire/attach';
import { MOST_FRAME_ENTRIES } from '../../../src/wire/frame';
import { rawType } from '../../../src/wire/raw-types';
import { callEntry, replyEntry, sparse } from './messages';
import { bytes, frame, malformedFields, number, unknownFields } from './wire-bytes';

const up = rawType('AttachRequest');
const down = rawType('AttachResponse');
const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } = attachMethod;

/** A oneof's field is there also when it is empty. */
const sparseReply = ({ id, reply, failure }: RawReplyEntry) =>
  sparse({ id, reply: reply ?? null, failure: failure ?? null });

it('frames of calls are written byte for byte as protobufjs writes them', () => {
  fc.assert(
    fc.property(fc.array(callEntry, { maxLength: 5 }), (entries) => {
      const expected = down.encode({ calls: { entries: entries.map(sparse) } }).finish();
      expect(responseSerialize({ calls: { entries } })).toEqual(Buffer.from(expected));
    }),
  );
});

it('frames of calls are read from what protobufjs writes, defaults or not', () => {
  fc.assert(
    fc.property(fc.array(callEntry, { maxLength: 5 }), fc.boolean(), (entries, short) => {
      const wire = down.encode({ calls: { entries: short ? entries.map(sparse) : entries } }).finish();
      expect(responseDeserialize(Buffer.from(wire))).toEqual({ calls: { entries } });
    }),
  );
});

it('frames of replies are written byte for byte as protobufjs writes them', () => {
  fc.assert(
    fc.property(fc.array(replyEntry, { maxLength: 5 }), (entries) => {
      const expected = up.encode({ replies: { entries: entries.map(sparseReply) } }).finish();
      expect(requestSerialize({ replies: { entries } })).toEqual(Buffer.from(expected));
    }),
  );
});

it('frames of replies are read from what protobufjs writes, defaults or not', () => {
  fc.assert(
    fc.property(fc.array(replyEntry, { maxLength: 5 }), fc.boolean(), (entries, short) => {
      const wire = up.encode({ replies: { entries: short ? entries.map(sparseReply) : entries } }).finish();
      expect(requestDeserialize(Buffer.from(wire))).toEqual({ replies: { entries } });
    }),
  );
});

it('the messages beside frames come through as they were', () => {
  const hello = {
    participant: 'stock',
    instanceId: 's-1',
    actions: [{ name: 'deduct', methods: null, callTimeoutMs: 5, tryAttempts: 2 }],
    maxCallsInFlight: 7,
    maxBytesInFlight: 8,
    address: 'a:1',
  };
  const welcome = { coordinatorId: 'c', coordinators: ['a:1', 'b:2'], maxFrameEntries: 3, maxFrameBytes: 4 };
  for (const message of [{ hello }, { goodbye: {} }])
    expect(requestDeserialize(requestSerialize(message))).toMatchObject(message);
  for (const message of [{ welcome }, { update: welcome }, { goodbye: {} }])
    expect(responseDeserialize(responseSerialize(message))).toMatchObject(message);
  expect(requestDeserialize(Buffer.alloc(0))).toEqual({});
  expect(requestDeserialize(Buffer.concat(unknownFields.slice(0, 5)))).toEqual({});
});

it('of several messages in one the last one counts, and one in pieces is their sum', () => {
  const hello = [bytes(1, bytes(1, 'stock')), bytes(1, bytes(2, 's-1'))] as const;
  const replies = [bytes(2, frame(number(1, 5))), bytes(2, frame(number(1, 6)))] as const;
  const ids = (wire: Buffer) => requestDeserialize(wire).replies?.entries.map(({ id }) => id);
  expect(ids(Buffer.concat([...hello, ...replies]))).toEqual([5, 6]);
  expect(ids(Buffer.concat([replies[0], hello[0], replies[1]]))).toEqual([6]);
  const last = requestDeserialize(Buffer.concat([...replies, ...hello]));
  expect(last.replies).toBeUndefined();
  expect(last.hello).toMatchObject({ participant: 'stock', instanceId: 's-1' });
});

it('an outcome that comes twice is the last one, and in pieces their sum', () => {
  const entry = (...fields: readonly Buffer[]) => bytes(2, frame(Buffer.concat([number(1, 1), ...fields])));
  const done = [bytes(2, number(2, 1)), bytes(2, bytes(1, bytes(1, 'p')))] as const;
  const failed = bytes(3, number(1, 10));
  const read = (...fields: readonly Buffer[]) => requestDeserialize(entry(...fields)).replies?.entries;
  expect(read(...done)).toMatchObject([{ reply: { fence: 1, payload: { data: Buffer.from('p') } }, failure: null }]);
  expect(read(...done, failed)).toMatchObject([{ reply: null, failure: { code: 10 } }]);
  expect(read(failed, ...done)).toMatchObject([{ reply: { fence: 1 }, failure: null }]);
});

describe.each(Object.entries(malformedFields))('%s', (_, field) => {
  const unreadable = expect.stringMatching(/^the entry cannot be read: /) as string;

  it('in an entry fails that entry alone', () => {
    const bad = Buffer.concat([number(1, 7), bytes(3, field)]);
    const good = Buffer.concat([number(1, 8), number(2, 1)]);
    expect(responseDeserialize(bytes(2, frame(bad, good))).calls?.entries).toMatchObject([
      { id: 7, call: null, unreadable } satisfies Partial<RawCallEntry>,
      { id: 8, phase: 1, unreadable: undefined },
    ]);
    const badFailure = Buffer.concat([number(1, 7), bytes(3, field)]);
    expect(requestDeserialize(bytes(2, frame(badFailure, number(1, 8)))).replies?.entries).toMatchObject([
      { id: 7, reply: null, failure: null, unreadable } satisfies Partial<RawReplyEntry>,
      { id: 8, unreadable: undefined },
    ]);
  });

  it('in a reply leaves it a reply', () => {
    for (const inReply of [field, bytes(1, field)]) {
      const badReply = Buffer.concat([number(1, 7), bytes(2, inReply)]);
      expect(requestDeserialize(bytes(2, frame(badReply, number(1, 8)))).replies?.entries).toMatchObject([
        {
          id: 7,
          reply: { payload: null, unreadable: expect.stringMatching(/^the reply cannot be read: /) as string },
          failure: null,
          unreadable: undefined,
        },
        { id: 8, reply: null, unreadable: undefined },
      ]);
    }
  });

  it('elsewhere is the fault of the message', () => {
    for (const wire of [field, bytes(2, field), bytes(2, frame(bytes(3, field)))]) {
      expect(requestDeserialize(wire)).toEqual({ fault: expect.any(String) as string });
      expect(responseDeserialize(wire)).toEqual({ fault: expect.any(String) as string });
    }
  });
});

it('a hello that cannot be read is a fault', () => {
  expect(requestDeserialize(bytes(1, Buffer.from([0x0a, 0x7f])))).toEqual({ fault: expect.any(String) as string });
  const action = bytes(3, Buffer.from([0x18, 0x80]));
  expect(requestDeserialize(bytes(1, action))).toEqual({
    fault: expect.stringMatching(/^the hello cannot be read/) as string,
  });
});

it('a frame of too many entries is refused before any of them is read, in either direction and in pieces', () => {
  // None of them can be read, which nobody gets to know.
  const broken = Buffer.from([0x0f]);
  const most = Array.from({ length: MOST_FRAME_ENTRIES }, () => broken);
  const fault = `a frame has more than the ${MOST_FRAME_ENTRIES} entries that it may have`;
  expect(requestDeserialize(bytes(2, frame(...most, broken)))).toEqual({ fault });
  expect(responseDeserialize(bytes(2, frame(...most, broken)))).toEqual({ fault });
  const whole = Array.from({ length: MOST_FRAME_ENTRIES }, (_, index) => number(1, index + 1));
  expect(requestDeserialize(bytes(2, frame(...whole))).replies?.entries).toHaveLength(MOST_FRAME_ENTRIES);
  expect(requestDeserialize(Buffer.concat([bytes(2, frame(...whole)), bytes(2, frame(broken))]))).toEqual({ fault });
});

it('a payload that is kept does not keep its frame', () => {
  const payload = { data: Buffer.from('kept'), contentType: '' };
  const large = { data: Buffer.alloc(100_000), contentType: '' };
  const entries = [payload, large].map((each, index) => ({ id: index + 1, reply: { payload: each } }));
  const read = requestDeserialize(requestSerialize({ replies: { entries } })).replies?.entries;
  expect(read?.[0]?.reply?.payload?.data).toEqual(payload.data);
  expect(read?.[0]?.reply?.payload?.data.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize);
});
