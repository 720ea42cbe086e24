import type { AttachDown, AttachUp } from '../../src/wire/attach';

/** The first part of a frame's entries: what was worked off when the stream broke. */
export function cutFrame(message: unknown, share: number): unknown {
  const frame = message as { readonly entries?: readonly unknown[] };
  return frame.entries === undefined ? message : { ...frame, entries: part(frame.entries, share) };
}

export function cutAttach(message: unknown, share: number): unknown {
  const { calls, replies } = message as AttachDown & AttachUp;
  if (calls) return { calls: { entries: part(calls.entries, share) } };
  if (replies) return { replies: { entries: part(replies.entries, share) } };
  return message;
}

function part<Entry>(entries: readonly Entry[], share: number): readonly Entry[] {
  return entries.slice(0, Math.floor(entries.length * share));
}
