import { gzipSync } from 'node:zlib';

import { status } from '@grpc/grpc-js';

import { outcomeOf } from '../../../src/invoker/invoker';
import type { Targets } from '../../../src/invoker/target';
import { UnaryInvoker } from '../../../src/invoker/unary';
import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { type Deed, OddParticipant, respond } from '../../integration/bad-input/odd-participant';
import { frame } from '../../integration/bad-input/raw-http2';
import { call } from './real-participant';

const MESSAGE_BYTES = 100_000;
const PAYLOAD_BYTES = 1_000;

let participant: OddParticipant;
let invoker: UnaryInvoker;
beforeAll(async () => {
  participant = new OddParticipant();
  const address = await participant.listen();
  const target = { key: 'stock/a', participant: 'stock', instanceId: 'a', address, methods: undefined };
  const targets: Targets = { pick: () => target, began: () => undefined, ended: () => undefined };
  const options = { inFlightPerParticipant: 10, payloadBytes: PAYLOAD_BYTES, messageBytes: MESSAGE_BYTES };
  invoker = new UnaryInvoker(options, { targets, clock: systemClock, logger: silentLogger });
});
afterAll(async () => {
  await invoker.stop();
  participant.stop();
});

const ok = { 'grpc-status': '0' };
const larger: [string, Deed][] = [
  ['larger than a message may be', respond(frame(Buffer.alloc(MESSAGE_BYTES + 1)), ok)],
  ['of 4 GiB, as it says', respond(Buffer.from([0, 255, 255, 255, 255, 1]), ok)],
  [
    'that is larger once it is unpacked',
    respond(frame(gzipSync(Buffer.alloc(MESSAGE_BYTES * 10)), 1), ok, { 'grpc-encoding': 'gzip' }),
  ],
];

describe.each(larger)('a reply %s', (_, deed) => {
  test.each(['confirm', 'cancel'] as const)(
    'leaves a %s unknown: its status was not seen, and it is no refusal',
    async (phase) => {
      participant.deed = deed;
      expect(await outcomeOf(invoker, call({ phase }))).toEqual({
        kind: 'unknown',
        code: 'REPLY_TOO_LARGE',
        message: 'the reply is larger than a message of 100000 bytes, and its status was not seen',
      });
    },
  );

  test('makes a Try one that is never going to work', async () => {
    participant.deed = deed;
    expect(await outcomeOf(invoker, call())).toMatchObject({ kind: 'never', code: 'REPLY_TOO_LARGE' });
  });
});

test.each(['confirm', 'cancel'] as const)('the largest reply, and one that is no message, end a %s', async (phase) => {
  for (const body of [Buffer.alloc(MESSAGE_BYTES, 0xff), Buffer.from([0x0a, 0x7f])]) {
    participant.deed = respond(frame(body), ok);
    expect(await outcomeOf(invoker, call({ phase }))).toEqual({ kind: 'done', reply: undefined, fence: undefined });
  }
});

test("a participant's own word that it has received too large a message is a refusal", async () => {
  const details = 'Received message larger than max (5000000 vs 4194304)';
  participant.deed = (stream) => {
    const trailers = { 'grpc-status': String(status.RESOURCE_EXHAUSTED), 'grpc-message': encodeURI(details) };
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
  };
  expect(await outcomeOf(invoker, call({ phase: 'confirm' }))).toEqual({
    kind: 'refused',
    code: 'RESOURCE_EXHAUSTED',
    message: details,
  });
});
