import { FRAME_BYTES, FRAME_ENTRIES, Framer } from '../../../src/wire/framer';
import { settle } from '../../support/virtual-clock';

/** A transport that takes frames until it is full. */
function transport(bounds: { readonly bytes?: number; readonly entries?: number } = {}) {
  const frames: number[][] = [];
  const state = { full: false };
  const send = (entries: readonly number[]) => {
    frames.push([...entries]);
    return !state.full;
  };
  return { frames, state, framer: new Framer<number>(send, bounds.bytes, bounds.entries) };
}

const numbers = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index);

test('what is pushed in one turn leaves in one frame, and the next turn begins another', async () => {
  const { framer, frames } = transport();
  for (const entry of [1, 2, 3]) framer.push(entry, 10);
  expect(frames).toEqual([]);
  await settle();
  framer.push(4, 10);
  await settle();
  expect(frames).toEqual([[1, 2, 3], [4]]);
});

test('what a promise pushes in the same turn still goes with the frame', async () => {
  const { framer, frames } = transport();
  framer.push(1, 10);
  void Promise.resolve()
    .then(() => undefined)
    .then(() => framer.push(2, 10));
  await settle();
  expect(frames).toEqual([[1, 2]]);
});

test('a lone entry leaves before the turn is over, with what is pushed by what runs now', async () => {
  const { framer, frames } = transport();
  let atTheEnd: number[][] = [];
  setImmediate(() => (atTheEnd = [...frames]));
  framer.push(1, 10, true);
  void Promise.resolve().then(() => framer.push(2, 10));
  expect(frames).toEqual([]);
  await settle();
  expect(atTheEnd).toEqual([[1, 2]]);
});

test('a lone entry waits for a transport that is full, and for the frame that is due already', async () => {
  const { framer, frames, state } = transport();
  framer.push(1, 10);
  framer.push(2, 10, true);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(frames).toEqual([]);
  state.full = true;
  await settle();
  framer.push(3, 10, true);
  await settle();
  expect(frames).toEqual([[1, 2]]);
});

test('nothing is sent, and nothing scheduled, without an entry', async () => {
  const { framer, frames } = transport();
  framer.drained();
  await settle();
  expect(frames).toEqual([]);
});

test('a frame holds at most FRAME_ENTRIES entries; the rest follows in the same turn', async () => {
  const { framer, frames } = transport();
  for (const entry of numbers(2 * FRAME_ENTRIES + 1)) framer.push(entry, 1);
  await settle();
  expect(frames.map(({ length }) => length)).toEqual([FRAME_ENTRIES, FRAME_ENTRIES, 1]);
  expect(frames.flat()).toEqual(numbers(2 * FRAME_ENTRIES + 1));
});

test('a frame holds at most FRAME_BYTES; a larger entry goes by itself', async () => {
  const { framer, frames } = transport();
  framer.push(1, FRAME_BYTES / 2);
  framer.push(2, FRAME_BYTES / 2);
  framer.push(3, 1);
  framer.push(4, 5 * FRAME_BYTES);
  framer.push(5, 1);
  framer.push(6, 0);
  await settle();
  expect(frames).toEqual([[1, 2], [3], [4], [5, 6]]);
});

test('smaller bounds may be set', async () => {
  const { framer, frames } = transport({ bytes: 100, entries: 2 });
  for (const entry of numbers(3)) framer.push(entry, 40);
  framer.push(4, 70);
  await settle();
  expect(frames).toEqual([[1, 2], [3], [4]]);
});

test('while the transport is full entries gather, and leave together when it takes more', async () => {
  const { framer, frames, state } = transport();
  state.full = true;
  framer.push(1, 1);
  await settle();
  for (const entry of [2, 3]) {
    framer.push(entry, 1);
    await settle();
  }
  expect(frames).toEqual([[1]]);
  state.full = false;
  framer.drained();
  await settle();
  expect(frames).toEqual([[1], [2, 3]]);
});

test('a transport that fills up in the middle of a turn gets no further frame of that turn', async () => {
  const { framer, frames, state } = transport({ entries: 1 });
  state.full = true;
  for (const entry of [1, 2, 3]) framer.push(entry, 1);
  await settle();
  expect(frames).toEqual([[1]]);
  framer.drained();
  await settle();
  expect(frames).toEqual([[1], [2]]);
});

test('close drops what waits and takes nothing more', async () => {
  const { framer, frames } = transport();
  framer.push(1, 1);
  framer.close();
  framer.push(2, 1);
  framer.drained();
  await settle();
  expect(frames).toEqual([]);
});

test('close in the middle of a turn ends that turn', async () => {
  const frames: number[][] = [];
  const framer: Framer<number> = new Framer<number>(
    (entries) => {
      frames.push([...entries]);
      framer.close();
      return true;
    },
    FRAME_BYTES,
    1,
  );
  framer.push(1, 1);
  framer.push(2, 1);
  await settle();
  expect(frames).toEqual([[1]]);
});

test('flushAndClose sends what waits at once, also to a full transport, and takes nothing more', async () => {
  const { framer, frames, state } = transport({ entries: 2 });
  state.full = true;
  framer.push(1, 1);
  await settle();
  for (const entry of [2, 3, 4]) framer.push(entry, 1);
  framer.flushAndClose();
  expect(frames).toEqual([[1], [2, 3], [4]]);
  framer.push(5, 1);
  framer.drained();
  await settle();
  expect(frames).toHaveLength(3);
});

test('keepOnly drops what waits and is not wanted any more, with its bytes', async () => {
  const { framer, frames } = transport({ bytes: 10 });
  framer.push(1, 4);
  framer.push(2, 9);
  framer.push(3, 4);
  framer.keepOnly((entry) => entry !== 2);
  await settle();
  expect(frames).toEqual([[1, 3]]);
});
