import { Abort } from '../../../../src/lib/abort';
import { type CallDuplex, CallStream } from '../../../../src/sdk/client/call-stream';
import { FRAME_BYTES } from '../../../../src/wire/framer';
import { SMALLEST_MESSAGE_BYTES } from '../../../../src/wire/message-bound';
import { settle, VirtualClock } from '../../../support/virtual-clock';
import { FakeDuplex } from './fake-duplex';

describe('a stream of calls (C4)', () => {
  let clock: VirtualClock;
  let duplex: FakeDuplex;
  let stream: CallStream;

  beforeEach(() => {
    clock = new VirtualClock();
    duplex = new FakeDuplex();
    stream = new CallStream(duplex as unknown as CallDuplex, { clock, ended: () => undefined });
  });

  const tryOf = (bytes: number) => {
    const payload = { data: Buffer.alloc(bytes), contentType: '' };
    const branch = { branchId: 'b', participant: 'p', action: 'a', payload };
    const asked = stream.ask('try', { gid: 'a', branch }, { timeoutMs: 1_000, signal: new Abort() }, () =>
      Promise.resolve({}),
    );
    asked?.catch(() => undefined);
    return asked;
  };

  it.each([
    ['nothing yet', undefined, SMALLEST_MESSAGE_BYTES],
    ['less than a frame holds', 100_000, 100_000],
    ['as much as it has by default', 4 * 1024 * 1024, FRAME_BYTES],
  ])('of a coordinator that has said %s, frames keep to what it takes', async (_, told, most) => {
    duplex.welcome(told);
    for (let calls = 0; calls < 60; calls += 1) expect(tryOf(20_000)).toBeDefined();
    await settle();
    const full = Math.max(...duplex.frameBytes);
    expect(duplex.entries).toHaveLength(60);
    expect(full).toBeLessThanOrEqual(most);
    expect(full).toBeGreaterThan(most - 2 * 20_000);
  });

  it('what has gathered when the coordinator says its bound leaves in frames of that size', async () => {
    duplex.takesMore = false;
    void tryOf(10);
    await settle();
    for (let calls = 0; calls < 20; calls += 1) void tryOf(20_000);
    duplex.welcome(FRAME_BYTES);
    duplex.emit('drain');
    await settle();
    expect(duplex.frames.map(({ length }) => length)).toEqual([1, 20]);
  });

  it.each([
    ['nothing yet', undefined, SMALLEST_MESSAGE_BYTES],
    ['a small bound', 100_000, 100_000],
    ['a large bound', 4 * 1024 * 1024, FRAME_BYTES],
  ])('of a coordinator that has said %s, what is larger than a frame does not travel here', (_, told, most) => {
    duplex.welcome(told);
    expect(tryOf(most)).toBeUndefined();
    expect(tryOf(most - 100)).toBeDefined();
  });

  it('one whose only call does not fit ends by itself all the same', async () => {
    expect(tryOf(FRAME_BYTES)).toBeUndefined();
    await clock.advance(200);
    expect([duplex.ended, stream.isOpen]).toEqual([true, false]);
    expect(clock.pending).toBe(0);
  });
});
