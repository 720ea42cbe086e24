import { gzipSync } from 'node:zlib';

import { eventually } from '../../support/eventually';
import { House, limits } from './house';
import { decode, encode, type Message } from './messages';
import { type Deed, OddParticipant, ok, page, respond, stranger } from './odd-participant';
import { frame, RawConnection } from './raw-http2';

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
const stops: (() => void)[] = [];
afterEach(async () => {
  await house.stands({ rows: false });
  for (const stop of stops.splice(0)) stop();
  wire.close();
});

/** Shorter than anybody's patience: silence is among the answers. */
const CALL_MS = 500;

/** Where a Try is answered well, it may be late on a busy machine: then it is called again. */
const PATIENT_ATTEMPTS = 20;

async function register(participant: string, address: string, tryAttempts = 1): Promise<void> {
  const actions = [{ name: 'act', call_timeout_ms: CALL_MS, try_attempts: tryAttempts }];
  const request = encode('RegisterRequest', { participant, instance_id: 'i', address, actions, lifetime_ms: 600_000 });
  expect(await wire.post('/tcc.v1.RegistryService/Register', [frame(request)])).toMatchObject({ grpc: 'OK' });
}

async function odd(participant: string, tryAttempts = 1): Promise<OddParticipant> {
  const server = new OddParticipant();
  stops.push(() => server.stop());
  await register(participant, await server.listen(), tryAttempts);
  return server;
}

const DECIDED = 2;

async function execute(participant: string): Promise<Message> {
  const request = {
    gid: `bad-${participant}`,
    wait: DECIDED,
    branches: [{ branch_id: 'b', participant, action: 'act' }],
  };
  const answer = await wire.post('/tcc.v1.TransactionService/Execute', [frame(encode('ExecuteRequest', request))]);
  expect(answer.grpc).toBe('OK');
  return decode('ExecuteResponse', answer.body.subarray(5))['transaction'] as Message;
}

async function statusOf(participant: string): Promise<string> {
  const answer = await wire.post('/tcc.v1.TransactionService/Get', [
    frame(encode('GetRequest', { gid: `bad-${participant}` })),
  ]);
  const { status } = decode('GetResponse', answer.body.subarray(5))['transaction'] as { status: string };
  return status.replace('TRANSACTION_STATUS_', '');
}

const tryResponse = frame(encode('TryResponse', {}));
const status = (code: string, message = 'no') =>
  respond(Buffer.alloc(0), { 'grpc-status': code, 'grpc-message': message });

/** Answers that are no yes. */
const rubbish: [string, Deed][] = [
  ['HTTP 301 to elsewhere', page(301, { location: 'http://127.0.0.1:1/' })],
  ['HTTP 401', page(401)],
  ['HTTP 404', page(404)],
  ['HTTP 429', page(429)],
  ['HTTP 500', page(500)],
  ['HTTP 503', page(503)],
  ['HTTP 200 with a page', page(200)],
  ['no status at all', respond(tryResponse, {})],
  ['status 17', status('17')],
  ['status -1', status('-1')],
  ['status 4294967296', status('4294967296')],
  ['status NaN', status('NaN')],
  ['status empty', status('')],
  ['a refusal whose text is no percent encoding', status('10', '%zz%')],
  ['a refusal of 30,000 characters', status('10', 'x'.repeat(30_000))],
  ['OK without a reply', status('0')],
  ['two replies', respond(Buffer.concat([tryResponse, tryResponse]), { 'grpc-status': '0' })],
  ['half a reply', respond(tryResponse.subarray(0, 3), { 'grpc-status': '0' })],
  ['a reply of 4 GiB, as it says', respond(Buffer.from([0, 255, 255, 255, 255, 1]), { 'grpc-status': '0' })],
  ['a reply that is no message', respond(frame(Buffer.from([0x0a, 0x7f])), { 'grpc-status': '0' })],
  [
    'a reply larger than a message may be',
    respond(frame(Buffer.alloc(limits.messageBytes + 1)), { 'grpc-status': '0' }),
  ],
  [
    'a payload that is too large',
    respond(frame(encode('TryResponse', { reply: { payload: { data: Buffer.alloc(limits.payloadBytes + 1) } } })), {
      'grpc-status': '0',
    }),
  ],
  [
    'a bomb of gzip',
    respond(
      frame(gzipSync(Buffer.alloc(200_000_000)).subarray(0, limits.messageBytes), 1),
      { 'grpc-status': '0' },
      { 'grpc-encoding': 'gzip' },
    ),
  ],
  ['junk for gzip', respond(frame(Buffer.from('junk'), 1), { 'grpc-status': '0' }, { 'grpc-encoding': 'gzip' })],
  [
    'a compression that is not known',
    respond(frame(Buffer.from('junk'), 1), { 'grpc-status': '0' }, { 'grpc-encoding': 'br' }),
  ],
  ['a reset', (stream) => stream.close(2)],
  ['a broken connection', (stream) => stream.session?.destroy()],
  ['a goodbye of the whole connection', (stream) => stream.session?.goaway(11)],
  ['headers and then silence', (stream) => stream.respond({ ':status': 200, 'content-type': 'application/grpc' })],
  ['silence', () => undefined],
];

describe.each(rubbish)('a participant that answers %s', (what, deed) => {
  const index = rubbish.findIndex(([each]) => each === what);

  test('to a Try has its transaction cancelled, once it answers the Cancel', async () => {
    const participant = `try-${index}`;
    const server = await odd(participant);
    server.deed = deed;
    const { status: decided, cancel_reason: reason } = await execute(participant);
    expect(decided).toMatch(/CANCELL(ING|ED)$/);
    expect((reason as { message: string }).message.length).toBeLessThanOrEqual(512);
    server.deed = ok;
    await eventually(async () => expect(await statusOf(participant)).toBe('CANCELLED'), {
      timeoutMs: 40_000,
      everyMs: 50,
    });
  });

  test('to a Confirm is asked until it answers', async () => {
    const participant = `confirm-${index}`;
    const server = await odd(participant, PATIENT_ATTEMPTS);
    let asked = 0;
    server.deed = (stream, phase) => {
      if (phase === 'Confirm') asked += 1;
      (phase === 'Confirm' && asked === 1 ? deed : ok)(stream, phase);
    };
    await execute(participant);
    await eventually(async () => expect(await statusOf(participant)).toBe('CONFIRMED'), {
      timeoutMs: 40_000,
      everyMs: 50,
    });
  });
});

test.each(['HTTP/1.1', 'noise', 'silence', 'a closed door'] as const)(
  '%s at a participant’s address is a participant that cannot be reached',
  async (kind) => {
    const [address, stop] = await stranger(kind);
    stops.push(stop);
    const participant = `stranger-${kind.length}`;
    await register(participant, address);
    const { status: decided, cancel_reason: reason } = await execute(participant);
    expect(decided).toMatch(/CANCELL(ING|ED)$/);
    expect(reason).toMatchObject({ branch_id: 'b' });
  },
);
