import { decodeDetails } from '../../../src/wire/error-details';
import { statusName } from '../../../src/wire/status';
import { eventually } from '../../support/eventually';
import { GROWTH_MB, House, limits } from './house';
import { decode, delimited, encode, type Message, tag, varint } from './messages';
import { frame, type RawCall, RawConnection } from './raw-http2';

const PATH = '/tcc.v1.TransactionService/ExecuteStream';

let house: House;
let wire: RawConnection;
beforeAll(async () => {
  house = await House.start();
});
afterAll(() => house.stop());
beforeEach(() => {
  wire = new RawConnection(house.port);
  house.mark();
});
afterEach(async () => {
  wire.close();
  await house.stands();
});

/** What came back for one entry. */
interface Reply {
  readonly id: number;
  readonly outcome: string;
  readonly fields: readonly string[];
  readonly message: string;
}

function repliesOn(call: RawCall): Reply[] {
  const entries = call.messages.flatMap(
    (bytes) => (decode('ExecuteStreamResponse', bytes)['entries'] ?? []) as Message[],
  );
  return entries.map((entry) => {
    const failure = entry['failure'] as { code: number; message?: string; details?: Uint8Array } | undefined;
    const kind = Object.keys(entry).find((name) => name !== 'id') ?? 'nothing';
    return {
      id: (entry['id'] ?? 0) as number,
      outcome: failure === undefined ? kind : statusName(failure.code),
      fields: decodeDetails(Buffer.from(failure?.details ?? [])).violations.map(({ field }) => field),
      message: failure?.message ?? '',
    };
  });
}

/** Sends messages on a stream of their own and ends it. */
async function exchange(...messages: readonly Uint8Array[]) {
  const call = wire.open(PATH);
  for (const message of messages) call.stream.write(frame(message));
  call.stream.end();
  const { grpc, reason, message } = await call.answer;
  return { grpc, reason, message, replies: repliesOn(call) };
}

const frameOf = (...entries: readonly Message[]): Buffer => encode('ExecuteStreamRequest', { entries });
const entryOf = (bytes: Uint8Array): Buffer => delimited(1, bytes);
const id = (value: number): Buffer => Buffer.concat([tag(1, 0), varint(value)]);
/** An entry that is served, and answered NOT_FOUND. */
const good = (value: number): Message => ({ id: value, commit: { gid: 'not-there' } });
const served = (value: number) => expect.objectContaining({ id: value, outcome: 'NOT_FOUND' }) as Reply;

describe('one bad entry among good ones fails alone', () => {
  const bad: [string, Buffer, string][] = [
    ['a request that is cut short', Buffer.concat([id(2), delimited(3, Buffer.from([0x0a, 0x7f, 1]))]), 'request'],
    ['a field that is longer than the entry', Buffer.concat([id(2), Buffer.from([0x1a, 0x7f])]), 'request'],
    ['a number that does not end', Buffer.concat([id(2), tag(2, 0), Buffer.alloc(12, 0xff)]), 'request'],
    ['groups within groups', Buffer.concat([id(2), Buffer.alloc(2_000, 0x7b)]), 'request'],
    ['no request', id(2), 'request'],
    ['a request of a kind that is not known', Buffer.concat([id(2), delimited(15, Buffer.alloc(3))]), 'request'],
    [
      '100,000 empty branches',
      Buffer.concat([id(2), delimited(3, Buffer.alloc(60_000, Buffer.from([0x1a, 0])))]),
      'branches',
    ],
    ['a frame in place of a request', Buffer.concat([id(2), delimited(3, frameOf(good(1)))]), 'branches'],
  ];
  test.each(bad)('%s', async (_, entry, field) => {
    const bytes = Buffer.concat([frameOf(good(1)), entryOf(entry), frameOf(good(3))]);
    const { grpc, replies } = await exchange(bytes);
    expect(replies).toContainEqual(served(1));
    expect(replies).toContainEqual(served(3));
    const failed = replies.find((reply) => reply.id === 2);
    expect(failed).toMatchObject({ outcome: 'INVALID_ARGUMENT' });
    expect(failed?.fields).toContain(field);
    expect(grpc).toBe('OK');
  });

  test('an id of 0', async () => {
    const { replies } = await exchange(frameOf(good(0), good(1)));
    expect(replies).toContainEqual(expect.objectContaining({ id: 0, outcome: 'INVALID_ARGUMENT', fields: ['id'] }));
    expect(replies).toContainEqual(served(1));
  });

  test('an id that is taken: the first one is served, the second refused', async () => {
    const { replies } = await exchange(frameOf(good(7), good(7), good(8)));
    expect(
      replies
        .filter((reply) => reply.id === 7)
        .map(({ outcome }) => outcome)
        .sort(),
    ).toEqual(['INVALID_ARGUMENT', 'NOT_FOUND']);
    expect(replies).toContainEqual(served(8));
  });

  test('two requests in one entry are one: that of the last or a refusal, answered once', async () => {
    const both = Buffer.concat([
      id(2),
      delimited(7, encode('CommitRequest', { gid: 'a' })),
      delimited(8, encode('RollbackRequest', { gid: 'b' })),
    ]);
    const { replies } = await exchange(Buffer.concat([entryOf(both), frameOf(good(1))]));
    expect(replies.filter((reply) => reply.id === 2)).toHaveLength(1);
    expect(replies).toContainEqual(served(1));
  });

  test('the largest id and the largest timeout', async () => {
    const { replies } = await exchange(
      frameOf({ ...good(2 ** 32 - 1), timeout_ms: 2 ** 32 - 1 }, { ...good(1), timeout_ms: 1 }),
    );
    expect(replies).toContainEqual(served(2 ** 32 - 1));
    expect(['NOT_FOUND', 'DEADLINE_EXCEEDED']).toContain(replies.find((reply) => reply.id === 1)?.outcome);
  });

  test('giving up what was never asked is no fault', async () => {
    const { grpc, replies } = await exchange(frameOf({ id: 5, abandon: {} }, { id: 0, abandon: {} }, good(1)));
    expect(replies).toEqual([served(1)]);
    expect(grpc).toBe('OK');
  });
});

describe('a frame', () => {
  test('of nothing is nothing, however many come', async () => {
    const { grpc, replies } = await exchange(...Array<Buffer>(1_000).fill(Buffer.alloc(0)), frameOf(good(1)));
    expect(replies).toEqual([served(1)]);
    expect(grpc).toBe('OK');
  });

  test('of fields that are not known is nothing', async () => {
    const { grpc } = await exchange(delimited(9_999, Buffer.alloc(100)));
    expect(grpc).toBe('OK');
  });

  test.each([
    ['that is cut short', frameOf(good(1)).subarray(0, -2)],
    ['of noise', Buffer.from('ffffffffffffffffffffffff', 'hex')],
    ['with an entry that does not say its id', entryOf(Buffer.from([0x1a, 0x7f]))],
    ['with a wire type that is none', Buffer.from([0x0f])],
  ])('%s ends the stream with INVALID_ARGUMENT', async (_, bytes) => {
    expect(await exchange(bytes)).toMatchObject({ grpc: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
  });

  test('with as many entries as it may have is served, with one more refused as a whole', async () => {
    const entries = (count: number) => Array.from({ length: count }, (_, index) => ({ id: index + 1, abandon: {} }));
    expect(await exchange(frameOf(...entries(4_096)))).toMatchObject({ grpc: 'OK' });
    const refused = await exchange(frameOf(...entries(4_097)));
    expect(refused).toMatchObject({ grpc: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
    expect(refused.message).toMatch(/4096 entries/);
  });

  test('with 100,000 empty entries is refused before they are decoded', async () => {
    const { grpc } = await exchange(Buffer.alloc(200_000, Buffer.from([0x0a, 0])));
    expect(grpc).toBe('INVALID_ARGUMENT');
  });

  test('larger than a message may be ends the stream with RESOURCE_EXHAUSTED', async () => {
    expect(await exchange(Buffer.alloc(limits.messageBytes + 1))).toMatchObject({ grpc: 'RESOURCE_EXHAUSTED' });
  });
});

test('a request that comes in 30,000 pieces is put together or refused, and soon', async () => {
  const piece = delimited(3, delimited(3, Buffer.alloc(0)));
  const startedMs = performance.now();
  const { replies } = await exchange(entryOf(Buffer.concat([id(1), ...Array<Buffer>(30_000).fill(piece)])));
  // It takes some milliseconds; putting it together piece by piece anew would take far longer than a busy machine.
  expect(performance.now() - startedMs).toBeLessThan(8_000);
  expect(replies).toEqual([expect.objectContaining({ id: 1, outcome: 'INVALID_ARGUMENT' })]);
});

test('a frame of more messages than it may have is refused before the rest is decoded', async () => {
  const entry = Buffer.concat([id(1), delimited(3, Buffer.alloc(200_000, Buffer.from([0x1a, 0])))]);
  const { grpc, message } = await exchange(entryOf(entry));
  expect(grpc).toBe('INVALID_ARGUMENT');
  expect(message).toMatch(/at most \d+ messages/);
});

test('more entries than may be in flight are refused one by one, and the others served', async () => {
  const entries = Array.from({ length: 3_000 }, (_, index) => good(index + 1));
  const { grpc, replies } = await exchange(frameOf(...entries));
  expect(new Set(replies.map((reply) => reply.id)).size).toBe(3_000);
  const outcomes = new Set(replies.map(({ outcome }) => outcome));
  expect([...outcomes].sort()).toEqual(['NOT_FOUND', 'RESOURCE_EXHAUSTED']);
  expect(grpc).toBe('OK');
});

test('a client that never reads is not read from either, and what waits for it is bounded', async () => {
  const call = wire.open(PATH);
  call.stream.pause();
  const bad = Array.from({ length: 2_000 }, (_, index) => ({ id: index + 1, begin: { gid: 'a b', name: 'c d' } }));
  const bytes = frame(frameOf(...bad));
  let taken = 0;
  for (let sent = 0; sent < 200; sent += 1) call.stream.write(bytes, () => (taken += 1));
  await house.stands({ growthMb: 2 * GROWTH_MB });
  // 200 frames are 11 MB: what was not read is still here.
  expect(taken).toBeLessThan(200);
  call.stream.close();
});

test('streams that are reset in the middle of a frame leave nothing behind', async () => {
  const half = frame(frameOf(...Array.from({ length: 500 }, (_, index) => good(index + 1))));
  for (let round = 0; round < 300; round += 1) {
    const call = wire.open(PATH);
    call.stream.write(round % 2 === 0 ? half : half.subarray(0, half.length / 2));
    await new Promise(setImmediate);
    call.stream.close(8);
  }
  await eventually(() => house.healthy().then(() => true));
});
