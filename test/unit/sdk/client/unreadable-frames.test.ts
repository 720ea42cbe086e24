import { EventEmitter } from 'node:events';

import { Metadata, status } from '@grpc/grpc-js';

import { Abort } from '../../../../src/lib/abort';
import { type CallDuplex, CallStream } from '../../../../src/sdk/client/call-stream';
import { encodeReply, executeStreamMethod } from '../../../../src/wire/execute-stream';
import { VirtualClock } from '../../../support/virtual-clock';
import { bytes, frame, number } from '../../wire/wire-bytes';

const byItself = {};

/** The stream as grpc-js would give it: a cancelled one hears so later. */
class FakeDuplex extends EventEmitter {
  cancelled = false;
  write = () => true;
  end = () => undefined;
  read = () => null;
  cancel = () => (this.cancelled = true);

  arrive(wire: Buffer): void {
    this.emit('data', executeStreamMethod.responseDeserialize(wire));
  }
}

function open() {
  const clock = new VirtualClock();
  const duplex = new FakeDuplex();
  const ends: boolean[] = [];
  const stream = new CallStream(duplex as unknown as CallDuplex, { clock, ended: (_, refused) => ends.push(refused) });
  const commit = (gid: string) => {
    const asked = stream.ask('commit', { gid }, { timeoutMs: 1_000, signal: new Abort() }, () =>
      Promise.resolve(byItself),
    );
    asked?.catch(() => undefined);
    return asked;
  };
  return { clock, duplex, ends, stream, commit };
}

/** A transaction whose gid is said to be longer than it is. */
const cutOff = bytes(7, bytes(1, Buffer.from([0x0a, 0x7f])));

it('an answer that cannot be read fails its call alone', async () => {
  const { duplex, ends, commit } = open();
  const [first, second] = [commit('a'), commit('b')];
  const good = encodeReply(2, 'commit', { transaction: { gid: 'b' } });
  duplex.arrive(frame(Buffer.concat([number(1, 1), cutOff]), good));
  await expect(first).rejects.toMatchObject({
    code: status.INTERNAL,
    details: expect.stringMatching(/^the entry cannot be read: /) as string,
  });
  expect(await second).toMatchObject({ transaction: { gid: 'b' } });
  expect([duplex.cancelled, ends]).toEqual([false, []]);
});

it('after a frame that cannot be read the stream is given up, and its calls go another way', async () => {
  const { clock, duplex, ends, stream, commit } = open();
  const asked = commit('a');
  duplex.arrive(frame(cutOff));
  expect([duplex.cancelled, stream.isOpen]).toEqual([true, false]);
  duplex.emit('status', { code: status.CANCELLED, details: 'Cancelled on client', metadata: new Metadata() });
  expect(await asked).toBe(byItself);
  duplex.arrive(frame(cutOff));
  duplex.emit('status', { code: status.CANCELLED, details: 'again', metadata: new Metadata() });
  expect([ends, clock.pending]).toEqual([[true], 0]);
});
