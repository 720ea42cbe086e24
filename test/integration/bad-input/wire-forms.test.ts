import { Enum, type Field } from 'protobufjs';

import { goodRequests } from './field-cases';
import { House } from './house';
import { delimited, encode, rpcs, tag, typeOf, varint } from './messages';
import { type Answer, frame, RawConnection } from './raw-http2';

let house: House;
let wire: RawConnection;
beforeAll(async () => {
  house = await House.start();
  wire = new RawConnection(house.port);
});
afterAll(async () => {
  wire.close();
  await house.stop();
});
beforeEach(() => house.mark());

const unary = rpcs().filter(({ requestStream }) => !requestStream);
/** A Watch of what stands has no other end; everything else is answered at once, on a busy machine soon. */
const post = (path: string, bytes: Uint8Array): Promise<Answer> =>
  wire.post(path, [frame(bytes)], { 'grpc-timeout': path.endsWith('/Watch') ? '2S' : '30S' });

/** What a bug looks like from outside. */
const SHAMEFUL = ['INTERNAL', 'UNKNOWN', 'UNIMPLEMENTED', 'DATA_LOSS', undefined];

/** Answers that are no sane ones, with what was sent. */
async function shameful(path: string, forms: Readonly<Record<string, Uint8Array>>): Promise<string[]> {
  const wrong: string[] = [];
  for (const [form, bytes] of Object.entries(forms)) {
    const { grpc, message } = await post(path, bytes);
    if (SHAMEFUL.includes(grpc)) wrong.push(`${form}: ${String(grpc)} ${message}`);
  }
  return wrong;
}

const good = (request: string): Buffer => encode(request, goodRequests[request] ?? {});

/** Fields that no message has, in each wire type, and a group. */
const strangers: Readonly<Record<string, Buffer>> = {
  varint: Buffer.concat([tag(9_999, 0), varint(2 ** 31)]),
  fixed64: Buffer.concat([tag(9_999, 1), Buffer.alloc(8, 1)]),
  bytes: delimited(9_999, Buffer.alloc(1_000)),
  group: Buffer.concat([tag(9_999, 3), tag(1, 0), varint(1), tag(9_999, 4)]),
  fixed32: Buffer.concat([tag(9_999, 5), Buffer.alloc(4, 1)]),
  'largest number': Buffer.concat([tag(2 ** 29 - 1, 0), varint(1)]),
};

test.each(unary)('$path passes over fields that it does not know', async ({ path, request }) => {
  const plain = await post(path, good(request));
  for (const [kind, stranger] of Object.entries(strangers)) {
    for (const bytes of [Buffer.concat([stranger, good(request)]), Buffer.concat([good(request), stranger])]) {
      const { grpc, reason } = await post(path, bytes);
      expect([kind, grpc, reason]).toEqual([kind, plain.grpc, plain.reason]);
    }
  }
  // Begin and Register are good ones, and leave what they are for.
  await house.stands({ rows: false });
});

/** A field's value in each wire type. */
function otherForms({ id, resolvedType, type }: Field): Record<string, Buffer> {
  const own = resolvedType === null || resolvedType instanceof Enum ? type : 'message';
  const forms = {
    varint: Buffer.concat([tag(id, 0), varint(5)]),
    fixed64: Buffer.concat([tag(id, 1), Buffer.alloc(8, 0x61)]),
    bytes: delimited(id, Buffer.from('aaaaa')),
    group: Buffer.concat([tag(id, 3), tag(id, 4)]),
    'group end': tag(id, 4),
    fixed32: Buffer.concat([tag(id, 5), Buffer.alloc(4, 0x61)]),
    'wire type 6': tag(id, 6),
    'wire type 7': tag(id, 7),
  };
  return Object.fromEntries(Object.entries(forms).map(([form, bytes]) => [`${own} ${id} as ${form}`, bytes]));
}

test.each(unary)('$path survives each field in each wrong wire type', async ({ path, request }) => {
  for (const field of typeOf(request).fieldsArray) {
    const forms = Object.entries(otherForms(field)).flatMap(([form, bytes]) => [
      [form, bytes],
      [`good and ${form}`, Buffer.concat([good(request), bytes])],
      [`${form} and good`, Buffer.concat([bytes, good(request)])],
    ]);
    expect(await shameful(path, Object.fromEntries(forms) as Record<string, Buffer>)).toEqual([]);
  }
  await house.stands({ rows: false });
});

test.each(unary)(
  '$path: cut short at any byte it is refused or is a request without its last fields',
  async ({ path, request }) => {
    const whole = good(request);
    const forms = Array.from(whole.keys(), (length) => [
      `${length} of ${whole.length} bytes`,
      whole.subarray(0, length),
    ]);
    expect(await shameful(path, Object.fromEntries(forms) as Record<string, Buffer>)).toEqual([]);
    await house.stands({ rows: false });
  },
);

test('bytes that are no message are INVALID_ARGUMENT with a sentence', async () => {
  const junk = {
    'a field that is longer than the message': Buffer.from([0x0a, 0x7f, 1]),
    'a number that does not end': Buffer.alloc(20, 0xff),
    'groups within groups': Buffer.alloc(50_000, 0x7b),
    'a wire type that is none': Buffer.from([0x7f]),
  };
  for (const { path, request } of unary) {
    if (typeOf(request).fieldsArray.length === 0) continue;
    for (const bytes of Object.values(junk)) {
      const answer = await post(path, bytes);
      expect(answer).toMatchObject({ grpc: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' });
      expect(answer.message).toMatch(/^the request cannot be read: /);
    }
  }
  await house.stands();
});

test('of a field that comes twice the last counts; half a message and its other half are one or none', async () => {
  const path = '/tcc.v1.TransactionService/Get';
  const gid = (text: string) => delimited(1, Buffer.from(text));
  expect((await post(path, Buffer.concat([gid('first'), gid('last')]))).message).toBe('there is no transaction last');
  const halves = [
    delimited(2, encode('NewBranch', { branch_id: 'b', participant: 'healthy' })),
    delimited(2, encode('NewBranch', { action: 'act' })),
  ];
  // protobufjs takes the last half where proto3 would merge them; no encoder writes such a thing.
  const { grpc } = await post('/tcc.v1.TransactionService/Try', Buffer.concat([gid('not-there'), ...halves]));
  expect(['NOT_FOUND', 'INVALID_ARGUMENT']).toContain(grpc);
  await house.stands();
});

test('numbers longer than their field keep their lowest bits, and nothing else goes wrong', async () => {
  const long = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  const pageSize = Buffer.concat([tag(6, 0), long]);
  const answer = await post('/tcc.v1.AdminService/ListTransactions', pageSize);
  expect(answer).toMatchObject({ grpc: 'INVALID_ARGUMENT', fields: ['page_size'] });
  await house.stands();
});

/** As many as fill most of the largest message that is allowed here. */
const ELEMENTS = 100_000;

test.each([
  ['/tcc.v1.TransactionService/Execute', 'branches', delimited(3, Buffer.alloc(0))],
  ['/tcc.v1.RegistryService/Register', 'actions', delimited(4, Buffer.alloc(0))],
  ['/tcc.v1.AdminService/ListTransactions', 'statuses', Buffer.concat([tag(1, 0), varint(1)])],
])('%s with 100,000 empty %s is refused before they are decoded', async (path, field, element) => {
  const answer = await post(path, Buffer.concat(Array<Buffer>(ELEMENTS).fill(element)));
  expect(answer).toMatchObject({ grpc: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', fields: [field] });
  expect(answer.message).toMatch(/at most 4096 list elements/);
  await house.stands();
});

test('100,000 statuses in a packed list are refused before they are decoded', async () => {
  const answer = await post('/tcc.v1.AdminService/ListTransactions', delimited(1, Buffer.alloc(ELEMENTS, 1)));
  expect(answer).toMatchObject({ grpc: 'INVALID_ARGUMENT', fields: ['statuses'] });
  await house.stands();
});

/** Copies of each good request in which bits are turned: the same bits in each run (mulberry32). */
const MUTANTS = 40;

test('good requests with turned bits are refused or served, never the end of anything', async () => {
  let seed = 20_251;
  const random = (below: number): number => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  for (const { path, request } of unary) {
    const whole = good(request);
    if (whole.length === 0) continue;
    const forms = Array.from({ length: MUTANTS }, (_, index) => {
      const bytes = Buffer.from(whole);
      for (let turns = 1 + random(3); turns > 0; turns -= 1) {
        const at = random(bytes.length);
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      }
      return [`mutant ${index} ${bytes.toString('hex')}`, bytes];
    });
    expect(await shameful(path, Object.fromEntries(forms) as Record<string, Buffer>)).toEqual([]);
  }
  await house.stands({ rows: false });
});
