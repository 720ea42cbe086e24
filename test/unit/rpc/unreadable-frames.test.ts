import { status } from '@grpc/grpc-js';

import { attachMethod } from '../../../src/wire/attach';
import { encodeCall, executeStreamMethod } from '../../../src/wire/execute-stream';
import { MOST_FRAME_ENTRIES } from '../../../src/wire/frame';
import { eventually } from '../../support/eventually';
import { bytes, frame, number } from '../wire/wire-bytes';
import { attachHouse } from './attach-house';
import { StreamHouse } from './stream-house';
import { transaction } from './transactions';

/** A gid that is said to be longer than the request. */
const cutOff = Buffer.from([0x0a, 0x7f, 0x67]);
const begun = {
  begin: ({ gid }: { readonly gid: string }) => Promise.resolve(transaction({ status: 'TRYING' }, { gid })),
};

describe('on a stream of calls', () => {
  const receive = (house: StreamHouse, wire: Buffer) =>
    house.session.received(executeStreamMethod.requestDeserialize(wire));
  const good = encodeCall(1, 0, 'begin', { gid: 'good' });

  it('an entry that cannot be read fails alone', async () => {
    const house = new StreamHouse(begun);
    receive(house, frame(Buffer.concat([number(1, 7), bytes(4, cutOff)]), good));
    await eventually(() => expect(house.replies).toHaveLength(2));
    const replies = new Map(house.replies.map((reply) => [reply.id, reply]));
    expect(replies.get(7)?.failure).toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringMatching(/^request: the entry cannot be read: /) as string,
    });
    expect(replies.get(1)).toMatchObject({ begin: { transaction: { gid: 'good' } } });
    expect(house.ends).toEqual([]);
  });

  it.each([
    ['an entry without an id that cannot be read', frame(good, bytes(4, cutOff))],
    ['a frame that is cut off', frame(good).subarray(0, -1)],
    ['bytes that are no frame', Buffer.from('not protobuf at all')],
  ])('%s ends it with INVALID_ARGUMENT, and no entry of the frame is begun', async (_, wire) => {
    let calls = 0;
    const house = new StreamHouse({ begin: () => Promise.reject(new Error(`call ${(calls += 1)}`)) });
    receive(house, wire);
    expect(house.ends).toMatchObject([{ code: status.INVALID_ARGUMENT }]);
    await house.calls.idle();
    expect([calls, house.replies]).toEqual([0, []]);
  });
});

describe('on an Attach stream', () => {
  it.each([
    ['bytes that are no message', Buffer.from('not protobuf at all'), /./],
    ['a reply without an id that cannot be read', bytes(2, frame(bytes(2, cutOff))), /without an id/],
    [
      'a frame of far too many replies',
      bytes(2, frame(...Array.from({ length: MOST_FRAME_ENTRIES + 1 }, () => number(1, 1)))),
      /more than the \d+ entries/,
    ],
  ])('%s end it with INVALID_ARGUMENT', (_, wire, message) => {
    const { open } = attachHouse();
    const call = open();
    call.say(attachMethod.requestDeserialize(wire));
    expect(call.failure).toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: expect.stringMatching(message) as string,
    });
  });
});
