import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';

import { createParticipant, type Participant } from '../../../../src/sdk/participant';
import { attachMethod, type AttachUp, type RawReplyEntry } from '../../../../src/wire/attach';
import { eventually } from '../../../support/eventually';
import { bytes, frame, number } from '../../wire/wire-bytes';
import { entry } from './fake-attach';

type Call = ServerDuplexStream<AttachUp, Buffer>;

let server: Server;
let participant: Participant;
let streams: Call[];
let replies: RawReplyEntry[];

/** A coordinator that welcomes everybody and otherwise says bytes. */
beforeEach(async () => {
  [streams, replies] = [[], []];
  server = new Server();
  const raw = { ...attachMethod, responseSerialize: (wire: Buffer) => wire };
  const attach = (call: Call) => {
    streams.push(call);
    call.on('data', (message: AttachUp) => {
      replies.push(...(message.replies?.entries ?? []));
      const welcome = { coordinatorId: 'c', coordinators: [], maxFrameEntries: 0, maxFrameBytes: 0 };
      if (message.hello) call.write(attachMethod.responseSerialize({ welcome }));
    });
    call.on('end', () => call.end());
  };
  server.addService({ Attach: raw }, { Attach: attach });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  participant = createParticipant({ name: 'stock', coordinators: [`127.0.0.1:${port}`], drainMs: 100 });
  participant.action('deduct', { try: () => undefined, confirm: () => undefined, cancel: () => undefined });
  await participant.start();
});

afterEach(async () => {
  for (const stream of streams) stream.end();
  await participant.stop();
  server.forceShutdown();
});

const cutOff = bytes(3, Buffer.from([0x0a, 0x7f]));

test('a call that cannot be read is refused, and the others of its frame are served', async () => {
  const good = attachMethod.responseSerialize({ calls: { entries: [entry(8)] } });
  streams[0]?.write(Buffer.concat([bytes(2, frame(Buffer.concat([number(1, 7), number(2, 1), cutOff]))), good]));
  await eventually(() => expect(replies).toHaveLength(2));
  const byId = new Map(replies.map((reply) => [reply.id, reply]));
  expect(byId.get(7)?.failure).toMatchObject({
    code: 3,
    message: expect.stringMatching(/^the entry cannot be read: /) as string,
  });
  expect(byId.get(8)).toMatchObject({ failure: null });
});

test('after a frame that cannot be read it attaches anew', async () => {
  streams[0]?.write(bytes(2, frame(cutOff)));
  await eventually(() => expect(streams.length).toBeGreaterThan(1), { timeoutMs: 5_000 });
});
