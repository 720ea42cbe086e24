/**
 * Every attached instance, by participant, and the calls that wait for room on one.
 * W1. A call goes to the instance with the fewest calls out that has room; when none has, it waits its turn.
 * W2. At most WAITING_PER_PARTICIPANT calls wait for one participant, none longer than its own time.
 */
import type { Outcome } from '../engine/outcome';
import type { Clock } from '../lib/clock';
import { EarliestTimer } from '../lib/earliest-timer';
import type { Attachment } from './attachment';
import type { ParticipantCall } from './invoker';
import { failure, localFailure } from './outcome';

/** Four full streams of the default size: more would only wait until their time is over. */
const WAITING_PER_PARTICIPANT = 16_384;

interface Waiting {
  readonly call: ParticipantCall;
  readonly endsAtMs: number;
  readonly resolve: (outcome: Outcome) => void;
}

interface Lane {
  readonly attachments: Set<Attachment>;
  waiting: Waiting[];
  readonly expiry: EarliestTimer;
}

export class Attachments {
  private readonly lanes = new Map<string, Lane>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Adds an instance; a stream that it had before is the caller's to end. */
  add(attachment: Attachment): void {
    const { participant } = attachment;
    let lane = this.lanes.get(participant);
    if (lane === undefined) {
      const made: Lane = {
        attachments: new Set(),
        waiting: [],
        expiry: new EarliestTimer(this.clock, (nowMs) => expire(made, nowMs)),
      };
      lane = made;
      this.lanes.set(participant, lane);
    }
    lane.attachments.add(attachment);
    this.roomChanged(participant);
  }

  /** Takes an instance out. Calls that wait and that no other instance serves become unknown at once. */
  remove(attachment: Attachment): void {
    const lane = this.lanes.get(attachment.participant);
    if (lane?.attachments.delete(attachment) !== true) return;
    this.roomChanged(attachment.participant);
    if (lane.attachments.size > 0) return;
    lane.expiry.stop();
    this.lanes.delete(attachment.participant);
  }

  /** Makes the call over a stream; undefined when no attached instance serves it. */
  call(call: ParticipantCall): Promise<Outcome> | undefined {
    const lane = this.lanes.get(call.participant);
    if (lane === undefined) return undefined;
    const endsAtMs = this.clock.monotonicMs() + call.timeoutMs;
    const target = lane.waiting.length === 0 ? choose(lane, call) : undefined;
    if (target !== undefined) return target.call(call, endsAtMs);
    if (!isServed(lane, call)) return undefined;
    if (lane.waiting.length >= WAITING_PER_PARTICIPANT) {
      const message = `${WAITING_PER_PARTICIPANT} calls wait for ${call.participant} already`;
      return Promise.resolve(localFailure('unknown', 'OVERLOADED', message));
    }
    return new Promise((resolve) => {
      lane.waiting.push({ call, endsAtMs, resolve });
      lane.expiry.include(endsAtMs);
    });
  }

  /** Calls that wait may go now. */
  roomChanged(participant: string): void {
    const lane = this.lanes.get(participant);
    if (lane === undefined || lane.waiting.length === 0) return;
    let rest: Waiting[] = [];
    for (const [index, waiting] of lane.waiting.entries()) {
      const target = choose(lane, waiting.call);
      if (target !== undefined) void target.call(waiting.call, waiting.endsAtMs).then(waiting.resolve);
      else if (isServed(lane, waiting.call)) rest.push(waiting);
      else waiting.resolve(failure('UNAVAILABLE', `no live instance of ${waiting.call.participant}`));
      if (rest.length > 0 && !hasAnyRoom(lane)) {
        rest = rest.concat(lane.waiting.slice(index + 1));
        break;
      }
    }
    lane.waiting = rest;
  }
}

/** The attached instance that serves the call, has room, and has the fewest calls out. */
function choose(lane: Lane, call: ParticipantCall): Attachment | undefined {
  let best: Attachment | undefined;
  for (const attachment of lane.attachments) {
    if (!attachment.serves(call.action) || !attachment.hasRoom(call.payload.data.length)) continue;
    if (best === undefined || attachment.inFlight < best.inFlight) best = attachment;
  }
  return best;
}

function isServed(lane: Lane, call: ParticipantCall): boolean {
  for (const attachment of lane.attachments) if (attachment.serves(call.action)) return true;
  return false;
}

function hasAnyRoom(lane: Lane): boolean {
  for (const attachment of lane.attachments) if (attachment.hasRoom(0)) return true;
  return false;
}

function expire(lane: Lane, nowMs: number): number | undefined {
  let next: number | undefined;
  lane.waiting = lane.waiting.filter(({ call, endsAtMs, resolve }) => {
    if (endsAtMs > nowMs) {
      next = Math.min(next ?? endsAtMs, endsAtMs);
      return true;
    }
    resolve(
      localFailure('unknown', 'OVERLOADED', `not sent: waited ${call.timeoutMs} ms for room at ${call.participant}`),
    );
    return false;
  });
  return next;
}
