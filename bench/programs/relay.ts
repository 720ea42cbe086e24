/**
 * A bare relay: what a coordinator passes on, passed on without an engine, a journal, timers or retries. Execute comes in, two
 * Trys go out, then two Confirms, and the answer goes back, in the same messages and, on streams, in frames gathered the same way.
 * It serves both ways of calling, and says on standard output where it listens. With BENCH_PHASES=1 it sends no Confirms. With
 * BENCH_JOURNAL, a database's URL, it waits for the three steps of each transaction where a coordinator does.
 */
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';

import { serverOptions } from '../../src/wire/channel';
import { attachMethod, type AttachDown, type AttachUp } from '../../src/wire/attach';
import {
  type EncodedFrame,
  encodeReply,
  executeStreamMethod,
  type Frame,
  type RawCall,
} from '../../src/wire/execute-stream';
import { Framer } from '../../src/wire/framer';
import { tccV1 } from '../../src/wire/proto';
import { relayedTransaction, type RelayedExecute } from './relayed';
import { RelayedStream } from './relayed-stream';
import { RelayedUnary } from './relayed-unary';
import { openSteps } from './steps';

/** What a participant is called by, whatever carries it. */
export interface Relayed {
  call(phase: 'try' | 'confirm', gid: string, branch: RelayedExecute['branches'][number]): Promise<void>;
}

const participants = new Map<string, Relayed>();
const phases = (['try', 'confirm'] as const).slice(0, Number(process.env['BENCH_PHASES'] ?? 2));

const { BENCH_JOURNAL } = process.env;
const opening = BENCH_JOURNAL === undefined ? undefined : openSteps(BENCH_JOURNAL);

async function relay(request: RelayedExecute): Promise<void> {
  const { gid, branches } = request;
  const steps = opening && (await opening);
  await steps?.begin(gid, branches.map(newBranch));
  for (const phase of phases) {
    await Promise.all(
      branches.map((branch) => {
        const participant = participants.get(branch.participant);
        if (participant === undefined) throw new Error(`no participant ${branch.participant}`);
        return participant.call(phase, gid, branch);
      }),
    );
    if (phase === 'try') await steps?.decide(gid, branches.length);
  }
  await steps?.finish(gid);
}

function newBranch({ branchId, participant, action, payload }: RelayedExecute['branches'][number]) {
  const { data, contentType } = payload ?? { data: new Uint8Array(), contentType: '' };
  return { branchId, participant, action, payload: { data, contentType }, triedBy: 'coordinator' } as const;
}

function attach(call: ServerDuplexStream<AttachUp, AttachDown>): void {
  const stream = new RelayedStream((entries) => call.write({ calls: { entries } }));
  call.on('data', ({ hello, replies }: AttachUp) => {
    if (replies) stream.answered(replies.entries);
    if (!hello) return;
    participants.set(hello.participant, stream);
    const limits = { maxFrameEntries: 1_024, maxFrameBytes: 1_048_576 };
    call.write({ welcome: { coordinatorId: 'relay', coordinators: [], ...limits } });
  });
  call.on('drain', () => stream.drained());
  call.on('end', () => call.end());
}

function executeStream(call: ServerDuplexStream<Frame<RawCall>, EncodedFrame>): void {
  const replies = new Framer<Uint8Array>((frame) => call.write(frame));
  let open = 0;
  call.on('data', ({ entries }: Frame<RawCall>) => {
    for (const { id, execute } of entries) {
      const request = execute as RelayedExecute | null;
      if (request === null) continue;
      open += 1;
      void relay(request).then(() => {
        open -= 1;
        const reply = encodeReply(id, 'execute', { transaction: relayedTransaction(request, 'stream') });
        replies.push(reply, reply.length, open === 0);
      });
    }
  });
  call.on('drain', () => replies.drained());
  call.on('end', () => call.end());
}

const server = new Server(serverOptions());
server.addService(
  { ...tccV1.TransactionService.service, ExecuteStream: executeStreamMethod },
  {
    Execute: (call: { request: RelayedExecute }, done: (error: null, reply: object) => void) => {
      void relay(call.request).then(() => done(null, { transaction: relayedTransaction(call.request, 'unary') }));
    },
    ExecuteStream: executeStream,
  },
);
server.addService(
  { ...tccV1.RegistryService.service, Attach: attachMethod },
  {
    Attach: attach,
    Register: (
      call: { request: { participant: string; address: string } },
      done: (error: null, reply: object) => void,
    ) => {
      const { participant, address } = call.request;
      if (!participants.has(participant)) participants.set(participant, new RelayedUnary(address));
      done(null, {});
    },
    Deregister: (_call: unknown, done: (error: null, reply: object) => void) => done(null, {}),
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stderr.write(`${JSON.stringify({ msg: 'listening', address: `127.0.0.1:${port}` })}\n`);
});
