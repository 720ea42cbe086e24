import { HELLO_MS } from '../../../src/rpc/attach-session';
import { FRAME_ENTRIES } from '../../../src/wire/framer';
import type { RawCallEntry } from '../../../src/wire/attach';
import { eventually } from '../../support/eventually';
import { helloOf, RawInstance } from '../attach/raw-instance';
import { House, limits } from './house';
import { decode, delimited, encode, type Message } from './messages';
import { type Answer, frame, RawConnection } from './raw-http2';

const PATH = '/tcc.v1.RegistryService/Attach';
const NUL = String.fromCharCode(0);

let house: House;
let wire: RawConnection;
const instances: RawInstance[] = [];
beforeAll(async () => {
  house = await House.start();
});
afterAll(() => house.stop());
beforeEach(() => {
  wire = new RawConnection(house.port);
  house.mark();
});
afterEach(async () => {
  for (const instance of instances.splice(0)) instance.close();
  wire.close();
  await house.stands({ rows: false });
});

function stranger(): RawInstance {
  const instance = new RawInstance(house.address);
  instances.push(instance);
  return instance;
}

function exchange(...messages: readonly Uint8Array[]): Promise<Answer> {
  return wire.post(
    PATH,
    messages.map((message) => frame(message)),
  );
}

const refused = { grpc: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST' };
const hello = encode('AttachRequest', {
  hello: { participant: 'odd', instance_id: 'o-1', actions: [{ name: 'act' }] },
});

describe('a stream is ended with INVALID_ARGUMENT', () => {
  test.each([
    ['that begins with an empty message', [Buffer.alloc(0)]],
    ['that begins with fields that are not known', [delimited(99, Buffer.alloc(9))]],
    ['that begins with replies', [encode('AttachRequest', { replies: { entries: [{ id: 1, reply: {} }] } })]],
    ['that says hello twice', [hello, hello]],
    ['of noise', [Buffer.from('ffffffffffff', 'hex')]],
    ['of a hello that is cut short', [hello.subarray(0, -3)]],
    ['of groups within groups', [Buffer.alloc(2_000, 0x7b)]],
    ['of 100,000 actions', [delimited(1, Buffer.alloc(200_000, Buffer.from([0x1a, 0])))]],
    ['of 100,000 empty replies', [hello, delimited(2, Buffer.alloc(200_000, Buffer.from([0x0a, 0])))]],
    [
      'of a frame of one reply too many',
      [hello, encode('AttachRequest', { replies: { entries: Array(FRAME_ENTRIES + 1).fill({ id: 1 }) } })],
    ],
    [
      'of a reply that cannot be read and does not say its id',
      [hello, delimited(2, delimited(1, Buffer.from([0x12, 0x7f])))],
    ],
  ])('%s', async (_, messages) => {
    expect(await exchange(...messages)).toMatchObject(refused);
  });
});

test('a message larger than it may be ends the stream with RESOURCE_EXHAUSTED', async () => {
  expect(await exchange(hello, Buffer.alloc(limits.messageBytes + 1))).toMatchObject({ grpc: 'RESOURCE_EXHAUSTED' });
});

test('a goodbye before the hello ends the stream in good order', async () => {
  expect(await exchange(encode('AttachRequest', { goodbye: {} }))).toMatchObject({ grpc: 'OK' });
});

test('streams that keep their hello to themselves are ended, and keep no instance out meanwhile', async () => {
  const calls = Array.from({ length: 500 }, () => wire.open(PATH));
  await house.stands({ rows: false });
  await eventually(() => calls.every(({ isOver }) => isOver), { timeoutMs: HELLO_MS + 20_000 });
  for (const { answer } of calls) expect(await answer).toMatchObject(refused);
  expect((await calls[0]?.answer)?.message).toMatch(/no hello came within/);
});

/** Runs a transaction with one branch at the instance's participant. */
async function execute(gid: string, participant: string): Promise<Message> {
  const request = { gid, branches: [{ branch_id: 'b', participant, action: 'act' }] };
  const answer = await wire.post('/tcc.v1.TransactionService/Execute', [frame(encode('ExecuteRequest', request))]);
  expect(answer.grpc).toBe('OK');
  return decode('ExecuteResponse', answer.body.subarray(5))['transaction'] as Message;
}

/** What an instance may answer a Try with: bytes of a ReplyEntry without its id, and how the transaction ends. */
const answers: [string, Buffer, string][] = [
  ['nothing', Buffer.alloc(0), 'CONFIRMED'],
  ['a reply of fields that are not known', delimited(2, delimited(99, Buffer.alloc(9))), 'CONFIRMED'],
  ['a fence outcome that is not known', encode('ReplyEntry', { reply: { fence: 99 } }), 'CONFIRMED'],
  [
    'the largest payload',
    encode('ReplyEntry', { reply: { payload: { data: Buffer.alloc(limits.payloadBytes) } } }),
    'CONFIRMED',
  ],
  [
    'a payload that is too large',
    encode('ReplyEntry', { reply: { payload: { data: Buffer.alloc(limits.payloadBytes + 1) } } }),
    'CANCELLED',
  ],
  [
    'a payload of most of a message',
    encode('ReplyEntry', { reply: { payload: { data: Buffer.alloc(limits.messageBytes - 200) } } }),
    'CANCELLED',
  ],
  [
    'a content type that is none',
    encode('ReplyEntry', { reply: { payload: { content_type: `a${NUL}` } } }),
    'CANCELLED',
  ],
  ['a failure of code 0', encode('ReplyEntry', { failure: { message: 'ok?' } }), 'CANCELLED'],
  ['a failure of code 17', encode('ReplyEntry', { failure: { code: 17 } }), 'CANCELLED'],
  ['a failure of the largest code', encode('ReplyEntry', { failure: { code: 2 ** 32 - 1 } }), 'CANCELLED'],
  [
    'a refusal of 100,000 characters',
    encode('ReplyEntry', { failure: { code: 10, message: 'x'.repeat(100_000) } }),
    'CANCELLED',
  ],
  [
    'a refusal with NUL and half characters',
    encode('ReplyEntry', { failure: { code: 10, message: `a${NUL}\ud800\u001b[31m` } }),
    'CANCELLED',
  ],
  [
    'a refusal by a fence that is not known',
    encode('ReplyEntry', { failure: { code: 10, message: 'no', fence: 99 } }),
    'CANCELLED',
  ],
  ['a reply that is no message', delimited(2, Buffer.from([0x0a, 0x7f])), 'CANCELLED'],
  [
    'a reply and a failure',
    Buffer.concat([encode('ReplyEntry', { reply: {} }), encode('ReplyEntry', { failure: { code: 10 } })]),
    'CANCELLED',
  ],
];

describe('a Try is answered by', () => {
  test.each(answers)('%s', async (what, body, expected) => {
    const participant = `odd-${answers.findIndex(([each]) => each === what)}`;
    const instance = stranger();
    const answered = new Set<number>();
    instance.answer = ({ id, phase }: RawCallEntry) => {
      if (phase !== 1) return { id, reply: {} };
      answered.add(id);
      const idField = encode('ReplyEntry', { id });
      instance.say(delimited(2, delimited(1, Buffer.concat([idField, body]))));
      // And again: the second answer to the same call counts for nothing.
      instance.say(delimited(2, delimited(1, Buffer.concat([idField, body]))));
      return undefined;
    };
    await instance.hello({ participant, actions: [{ name: 'act', tryAttempts: 1 }] });
    const { status } = await execute(`bad-${participant}`, participant);
    expect(String(status)).toMatch(new RegExp(`${expected}$`));
    expect(answered.size).toBe(1);
    expect(instance.isOver).toBe(false);
  });
});

test('replies to calls that are not out are dropped, a full frame of them', async () => {
  const instance = stranger();
  instance.answer = ({ id }) => ({ id, reply: {} });
  await instance.hello({ participant: 'chatty', actions: [{ name: 'act' }] });
  instance.reply(...Array.from({ length: FRAME_ENTRIES }, (_, index) => ({ id: index, reply: {} })));
  instance.reply({ id: 2 ** 32 - 1, failure: { code: 10, message: 'no' } });
  expect((await execute('bad-chatty', 'chatty'))['status']).toMatch(/CONFIRMED$/);
  expect(instance.isOver).toBe(false);
});

test('an instance that attaches and never reads holds up its own calls only', async () => {
  const instance = stranger();
  await instance.hello(
    helloOf({
      participant: 'deaf',
      actions: [{ name: 'act', callTimeoutMs: 300, tryAttempts: 1 }],
      maxCallsInFlight: 100_000,
    }),
  );
  instance.stream.pause();
  const payload = { data: Buffer.alloc(limits.payloadBytes) };
  const outcomes = Array.from({ length: 100 }, (_, index) => {
    const request = {
      gid: `deaf-${index}`,
      wait: 2,
      branches: [{ branch_id: 'b', participant: 'deaf', action: 'act', payload }],
    };
    return wire.post('/tcc.v1.TransactionService/Execute', [frame(encode('ExecuteRequest', request))]);
  });
  await house.stands({ rows: false });
  for (const { grpc } of await Promise.all(outcomes)) expect(['OK', 'RESOURCE_EXHAUSTED']).toContain(grpc);
});
