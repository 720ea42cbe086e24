import { Attachment, type AttachmentOptions } from '../../../src/invoker/attachment';
import { Attachments } from '../../../src/invoker/attachments';
import type { Outcome } from '../../../src/engine/outcome';
import type { Caller, ParticipantCall } from '../../../src/invoker/invoker';
import type { RawCallEntry, RawReplyEntry } from '../../../src/wire/attach';
import type { Clock } from '../../../src/lib/clock';
import { VirtualClock } from '../../support/virtual-clock';
import { call } from './real-participant';

/** An attachment over a stream that is a list. */
export interface Attached {
  readonly attachment: Attachment;
  /** The frames that have left. */
  readonly frames: (readonly RawCallEntry[])[];
  /** The entries of all frames. */
  readonly sent: () => readonly RawCallEntry[];
  /** Replies to what was sent with these gids, or to all that was. */
  readonly answer: (...gids: string[]) => void;
  /** The stream is full after the next frame while this is set. */
  full: boolean;
}

export function attach(
  clock: Clock,
  options: Partial<AttachmentOptions> = {},
  roomChanged: () => void = () => undefined,
): Attached {
  const frames: (readonly RawCallEntry[])[] = [];
  const sent = () => frames.flat();
  const attachment = new Attachment(
    {
      participant: 'stock',
      instanceId: 's-1',
      actions: new Set(['deduct']),
      maxCalls: 100,
      maxBytes: 1_000,
      frameBytes: 1_000_000,
      payloadBytes: 100,
      ...options,
    },
    {
      clock,
      roomChanged,
      send: (entries) => {
        // As the stream does, which encodes it: what is changed later does not travel.
        frames.push(entries.map(({ id, phase, call: made }) => ({ id, phase, call: made && { ...made } })));
        return !made.full;
      },
    },
  );
  const made: Attached = {
    attachment,
    frames,
    sent,
    full: false,
    answer: (...gids) => {
      const asked = gids.length === 0 ? sent() : sent().filter((entry) => gids.includes(entry.call?.gid ?? ''));
      attachment.answered(asked.map(({ id }): RawReplyEntry => ({ id, reply: {} })));
    },
  };
  return made;
}

/** Attaches an instance of `stock`, or of another participant, to all that one coordinator has. */
export function attachTo(
  attachments: Attachments,
  clock: Clock,
  instanceId: string,
  options: Partial<AttachmentOptions> = {},
): Attached {
  const { participant = 'stock' } = options;
  const attached = attach(clock, { instanceId, ...options }, () => attachments.roomChanged(participant));
  attachments.add(attached.attachment);
  return attached;
}

/** What comes of a call on one stream. */
export function callOn(attachment: Attachment, asked: ParticipantCall, endsAtMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    attachment.call(asked, { answered: (_, outcome) => resolve(outcome) }, endsAtMs);
  });
}

/** What comes of a call over a stream; undefined when nobody serves it. */
export function callBy(attachments: Attachments, asked: ParticipantCall): Promise<Outcome> | undefined {
  return taken((caller) => attachments.call(asked, caller));
}

/** What comes of a call that waits for a stream; undefined when none is expected. */
export function returnTo(attachments: Attachments, asked: ParticipantCall): Promise<Outcome> | undefined {
  return taken((caller) => attachments.callOnReturn(asked, caller));
}

function taken(call: (caller: Caller) => boolean): Promise<Outcome> | undefined {
  let tell: (outcome: Outcome) => void = () => undefined;
  const outcome = new Promise<Outcome>((resolve) => (tell = resolve));
  return call({ answered: (_, heard) => tell(heard) }) ? outcome : undefined;
}

/** The gids of the calls that were sent to it. */
export function gidsSentTo({ sent }: Attached): (string | undefined)[] {
  return sent().map((entry) => entry.call?.gid);
}

/** A call with so many bytes of payload. */
export function sized(gid: string, bytes: number, more: Partial<ParticipantCall> = {}): ParticipantCall {
  return call({ gid, payload: { data: Buffer.alloc(bytes), contentType: '' }, ...more });
}

/** All that one coordinator has attached, afresh for each test, and the ways of calling it. */
export function eachWithAttachments() {
  let clock: VirtualClock;
  let attachments: Attachments;
  beforeEach(() => {
    clock = new VirtualClock();
    attachments = new Attachments(clock);
  });
  const make = (gid: string, more = {}) => callBy(attachments, sized(gid, 0, more));
  return {
    get clock() {
      return clock;
    },
    get attachments() {
      return attachments;
    },
    /** Attaches an instance of `stock`. */
    add: (instanceId: string, options: Partial<AttachmentOptions> = {}) =>
      attachTo(attachments, clock, instanceId, options),
    make,
    /** The same for a call that somebody serves. */
    sure: (gid: string, more = {}) => make(gid, more) ?? Promise.reject(new Error('nobody serves it')),
  };
}
