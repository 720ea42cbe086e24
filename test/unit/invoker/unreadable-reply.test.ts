import type { Phase } from '../../../src/engine/model';
import { attachMethod } from '../../../src/wire/attach';
import { settle, VirtualClock } from '../../support/virtual-clock';
import { bytes, frame, number } from '../wire/wire-bytes';
import { attach, callOn } from './attached';
import { call } from './real-participant';

/** Bytes that are no message. */
const junk = Buffer.from([0x0a, 0x7f]);
const REPLY = 2;
const FAILURE = 3;

/** What becomes of a call of this phase whose entry has this outcome, and of another one in the same frame. */
async function outcomes(phase: Phase, outcome: Buffer) {
  const clock = new VirtualClock();
  const { attachment } = attach(clock);
  const calls = ['a', 'b'].map((gid) => callOn(attachment, call({ gid, phase }), clock.monotonicMs() + 1_000));
  await settle();
  const { replies } = attachMethod.requestDeserialize(
    bytes(2, frame(Buffer.concat([number(1, 1), outcome]), number(1, 2))),
  );
  attachment.answered(replies?.entries ?? []);
  const [first, second] = await Promise.all(calls);
  expect(second).toMatchObject({ kind: 'done' });
  expect(attachment.inFlight).toBe(0);
  return first;
}

test.each(['confirm', 'cancel'] as const)(
  'a %s is done when its answer is a reply, whatever cannot be read in it',
  async (phase) => {
    for (const reply of [bytes(REPLY, junk), bytes(REPLY, bytes(1, junk))]) {
      expect(await outcomes(phase, reply)).toEqual({ kind: 'done', reply: undefined, fence: undefined });
    }
  },
);

test('a Try whose reply cannot be read is never going to work, as in a unary answer', async () => {
  const never = { kind: 'never', code: 'MALFORMED_REPLY', message: 'the Try is done, but its reply cannot be read' };
  expect(await outcomes('try', bytes(REPLY, bytes(1, junk)))).toEqual(never);
});

test.each(['try', 'confirm', 'cancel'] as const)(
  'an entry that does not say whether it is a reply makes its %s unknown',
  async (phase) => {
    for (const outcome of [bytes(FAILURE, bytes(2, 'no').subarray(0, 3)), junk.subarray(1)]) {
      expect(await outcomes(phase, outcome)).toMatchObject({ kind: 'unknown', code: 'INTERNAL' });
    }
  },
);

test('of a reply that cannot be read and a failure the later one counts', async () => {
  const failed = bytes(FAILURE, number(1, 10));
  const reply = bytes(REPLY, junk);
  expect(await outcomes('confirm', Buffer.concat([reply, failed]))).toMatchObject({ kind: 'refused' });
  expect(await outcomes('confirm', Buffer.concat([failed, reply]))).toMatchObject({ kind: 'done' });
});

test('a reply that comes in pieces is unreadable when one of them is', async () => {
  const good = bytes(REPLY, number(2, 1));
  for (const pieces of [
    [bytes(REPLY, junk), good],
    [good, bytes(REPLY, junk)],
  ]) {
    expect(await outcomes('try', Buffer.concat(pieces))).toMatchObject({ code: 'MALFORMED_REPLY' });
  }
});
