import { status } from '@grpc/grpc-js';

import { Abort } from '../../../../src/lib/abort';
import { TccError } from '../../../../src/lib/errors';
import { type CallDuplex, CallStream } from '../../../../src/sdk/client/call-stream';
import { meaningOf } from '../../../../src/sdk/client/failure';
import { encodeFailure, encodeReply, failureOf } from '../../../../src/wire/execute-stream';
import { readStatus, toStatus } from '../../../../src/wire/status';
import { settle, VirtualClock } from '../../../support/virtual-clock';
import { FakeDuplex } from './fake-duplex';

const byItself = { transaction: { gid: 'by itself' } };
const alone = () => Promise.resolve(byItself);
const ok = (id: number, gid: string) => encodeReply(id, 'commit', { transaction: { gid } });

describe('a stream of calls', () => {
  let clock: VirtualClock;
  let duplex: FakeDuplex;
  let stream: CallStream;
  let ends: boolean[];

  beforeEach(() => {
    clock = new VirtualClock();
    duplex = new FakeDuplex();
    ends = [];
    stream = new CallStream(duplex as unknown as CallDuplex, { clock, ended: (_, refused) => ends.push(refused) });
  });

  const commit = (gid: string, { timeoutMs = 10_000, signal = new Abort() } = {}) => {
    const asked = stream.ask('commit', { gid, wait: 3 }, { timeoutMs, signal }, alone);
    if (asked === undefined) throw new Error('it does not fit');
    asked.catch(() => undefined);
    return asked;
  };
  const failureOfCall = (asked: Promise<object>) =>
    asked.then(
      () => {
        throw new Error('the call went well');
      },
      (error: unknown) => readStatus(error as never),
    );

  it('sends the calls of one turn in one frame, each with an id of its own', async () => {
    void commit('a');
    void commit('b', { timeoutMs: 500 });
    await settle();
    expect(duplex.frames).toHaveLength(1);
    expect(duplex.entries).toMatchObject([
      { id: 1, timeoutMs: 10_000, commit: { gid: 'a', wait: 'WAIT_FINISHED' } },
      { id: 2, timeoutMs: 500, commit: { gid: 'b' } },
    ]);
  });

  it('gives each answer to its call, in whatever order they come', async () => {
    const calls = [commit('a'), commit('b')];
    duplex.answer(ok(2, 'b'), ok(77, 'nobody'));
    duplex.answer(ok(1, 'a'));
    expect(await Promise.all(calls)).toMatchObject([{ transaction: { gid: 'a' } }, { transaction: { gid: 'b' } }]);
  });

  it('a failure looks like that of the unary call', async () => {
    const asked = failureOfCall(commit('a'));
    const wire = toStatus(new TccError('WRONG_STATE', 'it is cancelled', { metadata: { status: 'CANCELLED' } }));
    duplex.answer(encodeFailure(1, failureOf(wire)));
    const report = await asked;
    expect(report).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'WRONG_STATE',
      message: 'it is cancelled',
      metadata: { status: 'CANCELLED' },
    });
    expect(meaningOf(report)).toBe('final');
  });

  it('an answer of another kind is an internal error of that call alone', async () => {
    const calls = [failureOfCall(commit('a')), commit('b')] as const;
    duplex.answer(encodeReply(1, 'begin', {}), ok(2, 'b'));
    expect(await calls[0]).toMatchObject({ status: 'INTERNAL' });
    await calls[1];
  });

  it('a call whose time is over fails alone, and an answer after that is nobody’s', async () => {
    const short = failureOfCall(commit('a', { timeoutMs: 100 }));
    const long = commit('b');
    await clock.advance(100);
    expect(await short).toMatchObject({ status: 'DEADLINE_EXCEEDED' });
    duplex.answer(ok(1, 'a'), ok(2, 'b'));
    expect(await long).toMatchObject({ transaction: { gid: 'b' } });
  });

  it('a cancelled call is abandoned at the coordinator', async () => {
    const signal = new Abort();
    const cancelled = failureOfCall(commit('a', { signal }));
    const other = commit('b');
    await settle();
    signal.abort();
    expect(await cancelled).toMatchObject({ status: 'CANCELLED' });
    await settle();
    expect(duplex.entries.at(-1)).toMatchObject({ id: 1, request: 'abandon' });
    duplex.answer(ok(2, 'b'));
    await other;
  });

  it('a call that is cancelled before it is made is never sent', async () => {
    const signal = new Abort();
    signal.abort();
    expect(await failureOfCall(commit('a', { signal }))).toMatchObject({ status: 'CANCELLED' });
    await settle();
    expect(duplex.frames).toEqual([]);
  });

  it('a request with a value of the wrong type does not travel here, and harms no other call', async () => {
    const good = commit('a');
    expect(stream.ask('commit', { gid: 7 }, { timeoutMs: 1_000, signal: new Abort() }, alone)).toBeUndefined();
    await settle();
    expect(duplex.entries).toMatchObject([{ commit: { gid: 'a' } }]);
    duplex.answer(ok(1, 'a'));
    await good;
  });

  it('while the transport is full, calls wait for it in one frame', async () => {
    duplex.takesMore = false;
    void commit('a');
    await settle();
    void commit('b');
    await settle();
    void commit('c');
    await settle();
    expect(duplex.frames).toHaveLength(1);
    duplex.emit('drain');
    await settle();
    expect(duplex.frames.map(({ length }) => length)).toEqual([1, 2]);
  });

  it.each([
    [status.OK, 'UNAVAILABLE'],
    [status.UNAVAILABLE, 'UNAVAILABLE'],
    [status.CANCELLED, 'UNAVAILABLE'],
    [status.INTERNAL, 'UNAVAILABLE'],
    [status.UNKNOWN, 'UNAVAILABLE'],
    [status.PERMISSION_DENIED, 'PERMISSION_DENIED'],
    [status.UNAUTHENTICATED, 'UNAUTHENTICATED'],
  ] as const)('when it ends with status %i, the open calls fail with %s', async (code, expected) => {
    const calls = [failureOfCall(commit('a')), failureOfCall(commit('b'))];
    duplex.finish(code, 'because');
    expect(await Promise.all(calls)).toMatchObject([{ status: expected }, { status: expected }]);
    expect(ends).toEqual([false]);
    expect(stream.isOpen).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it('the reason of a coordinator that drains comes through', async () => {
    const asked = failureOfCall(commit('a'));
    const { code, details, metadata } = toStatus(new TccError('DRAINING', 'shutting down'));
    duplex.finish(code, details, metadata);
    expect(await asked).toMatchObject({ status: 'UNAVAILABLE', reason: 'DRAINING', message: 'shutting down' });
  });

  it.each([status.UNIMPLEMENTED, status.RESOURCE_EXHAUSTED, status.INVALID_ARGUMENT])(
    'status %i says that such streams are refused, and the calls go alone',
    async (code) => {
      const asked = commit('a');
      duplex.finish(code, 'no');
      expect(await asked).toBe(byItself);
      expect(ends).toEqual([true]);
    },
  );

  it('ends by itself once it is idle, and leaves no timer', async () => {
    const asked = commit('a');
    await clock.advance(200);
    duplex.answer(ok(1, 'a'));
    await asked;
    await clock.advance(99);
    expect(duplex.ended).toBe(false);
    await clock.advance(1);
    expect([duplex.ended, stream.isOpen]).toEqual([true, false]);
    duplex.finish(status.OK, '');
    expect(clock.pending).toBe(0);
    expect(ends).toEqual([false]);
  });

  it('is cancelled when the other side does not end after that', async () => {
    const asked = commit('a');
    duplex.answer(ok(1, 'a'));
    await asked;
    await clock.advance(199);
    expect(duplex.cancelled).toBe(false);
    await clock.advance(1);
    expect(duplex.cancelled).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('stays open as long as calls come', async () => {
    for (let id = 1; id <= 10; id += 1) {
      const asked = commit('a');
      duplex.answer(ok(id, 'a'));
      await asked;
      await clock.advance(80);
    }
    expect(duplex.ended).toBe(false);
    expect(clock.pending).toBe(1);
  });

  it('close ends it and everything on it', async () => {
    const asked = failureOfCall(commit('a'));
    stream.close();
    expect(await asked).toMatchObject({ status: 'UNAVAILABLE' });
    expect(duplex.cancelled).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
