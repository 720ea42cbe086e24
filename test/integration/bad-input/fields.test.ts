import { decodeDetails } from '../../../src/wire/error-details';
import { statusName } from '../../../src/wire/status';
import { entryKinds, goodRequests, rules } from './field-cases';
import { House } from './house';
import { decode, encode, type Message, pathOf, type Place, placesOf, type Rpc, rpcs, withValue } from './messages';
import { type Answer, frame, messagesOf, RawConnection } from './raw-http2';

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

const ATTACH = '/tcc.v1.RegistryService/Attach';
const EXECUTE_STREAM = '/tcc.v1.TransactionService/ExecuteStream';
const unary = rpcs().filter(({ requestStream }) => !requestStream);

/** A value, for the title of a failure. */
function shown(value: unknown): string {
  if (Buffer.isBuffer(value)) return `${value.length} bytes`;
  return ((JSON.stringify(value) as string | undefined) ?? 'nothing').slice(0, 60);
}

function good(request: string): Message {
  const message = goodRequests[request];
  if (message === undefined) throw new Error(`field-cases.ts has no good ${request}`);
  return message;
}

/** Each place of a request with each of its values. */
function casesOf(request: string, kind: 'bad' | 'good'): { readonly place: Place; readonly value: unknown }[] {
  return placesOf(request).flatMap((place) => (rules[place.key]?.[kind] ?? []).map((value) => ({ place, value })));
}

/** What the answer to bad input lacks; undefined when it is as it should be. */
function unlike(answer: Pick<Answer, 'grpc' | 'reason' | 'fields'>, path: string): string | undefined {
  const named = answer.fields.some(
    (field) => field === path || field.startsWith(`${path}[`) || field.startsWith(`${path}.`),
  );
  if (answer.grpc === 'INVALID_ARGUMENT' && answer.reason === 'INVALID_REQUEST' && named) return undefined;
  return `${String(answer.grpc)} ${String(answer.reason)} [${answer.fields.join(', ')}]`;
}

/** What a bug looks like from outside. */
const SHAMEFUL = ['INTERNAL', 'UNKNOWN', 'UNIMPLEMENTED', 'DATA_LOSS', undefined];

test('every field of every request has a rule, and every rule a field', () => {
  const fields = new Set(rpcs().flatMap(({ request }) => placesOf(request).map(({ key }) => key)));
  expect(Object.keys(rules).sort()).toEqual([...fields].sort());
  expect(Object.keys(goodRequests).sort()).toEqual([...new Set(rpcs().map(({ request }) => request))].sort());
});

test('words that every object has are ids like any other, all the way through', async () => {
  for (const word of ['__proto__', 'constructor', 'toString']) {
    await house.healthy(word, word);
    const { grpc } = await wire.post('/tcc.v1.AdminService/GetTransaction', [
      frame(encode('GetTransactionRequest', { gid: word })),
    ]);
    expect(grpc).toBe('OK');
  }
  const named = await wire.post('/tcc.v1.TransactionService/Execute', [
    frame(
      encode('ExecuteRequest', {
        gid: 'x',
        branches: [{ branch_id: 'b', participant: '__proto__', action: '__proto__' }],
      }),
    ),
  ]);
  expect(named).toMatchObject({
    grpc: 'INVALID_ARGUMENT',
    reason: 'UNKNOWN_PARTICIPANT',
    fields: ['branches[0].participant'],
  });
});

test.each(unary)('$path refuses each bad value of each field, and names the field', async ({ path, request }: Rpc) => {
  const wrong: string[] = [];
  for (const { place, value } of casesOf(request, 'bad')) {
    const message = withValue(good(request), place.fields, value);
    const answer = await wire.post(path, [frame(encode(request, message))]);
    const fault = unlike(answer, pathOf(place));
    if (fault !== undefined) wrong.push(`${pathOf(place)} = ${shown(value)}: ${fault}`);
  }
  expect(wrong).toEqual([]);
  await house.stands();
});

test.each(Object.entries(entryKinds))(
  'ExecuteStream refuses each bad value of %s in its own entry',
  async (kind, request) => {
    const cases = casesOf(request, 'bad');
    const wrong: string[] = [];
    for (const [index, { place, value }] of cases.entries()) {
      const entries = [
        { id: 1, [kind]: withValue(good(request), place.fields, value) },
        { id: 2, commit: { gid: `not-there-${index}` } },
      ];
      const { body, grpc } = await wire.post(EXECUTE_STREAM, [frame(encode('ExecuteStreamRequest', { entries }))]);
      const replies = messagesOf(body).flatMap(
        (bytes) => decode('ExecuteStreamResponse', bytes)['entries'] as { id: number; failure: Failure }[],
      );
      const failure = replies.find(({ id }) => id === 1)?.failure;
      const fault =
        failure === undefined ? `no reply; the stream ended ${String(grpc)}` : unlike(answerOf(failure), pathOf(place));
      if (fault !== undefined) wrong.push(`${pathOf(place)} = ${shown(value)}: ${fault}`);
      // Its neighbour is served.
      if (replies.find(({ id }) => id === 2)?.failure.code !== 5)
        wrong.push(`${pathOf(place)} = ${shown(value)} harmed its neighbour`);
    }
    expect(wrong).toEqual([]);
    await house.stands();
  },
);

interface Failure {
  readonly code: number;
  readonly details: Uint8Array;
}

function answerOf({ code, details }: Failure): Pick<Answer, 'grpc' | 'reason' | 'fields'> {
  const { reason, violations } = decodeDetails(Buffer.from(details));
  return { grpc: statusName(code), reason, fields: violations.map(({ field }) => field) };
}

test('Attach refuses each bad value of each field of its hello, and names the field', async () => {
  const wrong: string[] = [];
  const methods = [{ path: 'hello.actions[0].methods', value: { try: '/a.B/C', confirm: '/a.B/C', cancel: '/a.B/C' } }];
  const cases = casesOf('AttachRequest', 'bad')
    .filter(({ place }) => place.fields[0]?.name === 'hello')
    .map(({ place, value }) => ({
      path: pathOf(place),
      value,
      message: withValue(good('AttachRequest'), place.fields, value),
    }));
  const withMethods = methods.map(({ path, value }) => ({
    path,
    value,
    message: { hello: { ...(good('AttachRequest')['hello'] as object), actions: [{ name: 'act', methods: value }] } },
  }));
  for (const { path, value, message } of [...cases, ...withMethods]) {
    const fault = unlike(await wire.post(ATTACH, [frame(encode('AttachRequest', message))]), path);
    if (fault !== undefined) wrong.push(`${path} = ${shown(value)}: ${fault}`);
  }
  expect(wrong).toEqual([]);
  await house.stands();
});

test.each(unary)('$path takes each good value of each field', async ({ path, request }: Rpc) => {
  const wrong: string[] = [];
  for (const { place, value } of casesOf(request, 'good')) {
    const message = withValue(good(request), place.fields, value);
    // A Watch of a transaction that was begun here stands until that is decided.
    const answer = await wire.post(path, [frame(encode(request, message))], { 'grpc-timeout': '500m' });
    const path_ = pathOf(place);
    const blamed = answer.reason === 'INVALID_REQUEST' && answer.fields.includes(path_);
    if (blamed || SHAMEFUL.includes(answer.grpc)) {
      wrong.push(`${path_} = ${shown(value)}: ${String(answer.grpc)} ${answer.message}`);
    }
  }
  expect(wrong).toEqual([]);
  await house.stands({ rows: false });
});

test('two gids that differ in case only are two transactions', async () => {
  await house.healthy('Case-A');
  await house.healthy('case-a');
});
