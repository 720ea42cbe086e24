/**
 * Every attached instance, by participant, and the calls that wait for room on one.
 * W1. A call goes to the instance with the fewest calls out that serves it and has room, in turn where that is equal; when none
 *     has room, it waits its turn behind the calls of the same action: those of another action may wait for other instances.
 * W2. At most WAITING_PER_PARTICIPANT calls wait for one participant, none longer than its own time.
 */
import type { Outcome } from '../engine/outcome';
import type { Clock } from '../lib/clock';
import { EarliestTimer } from '../lib/earliest-timer';
import { Arrivals } from './arrivals';
import type { Attachment } from './attachment';
import type { ParticipantCall } from './invoker';
import { failure, localFailure } from './outcome';

/** Four full streams of the default size: more would only wait until their time is over. */
export const WAITING_PER_PARTICIPANT = 16_384;

interface Waiting {
  readonly call: ParticipantCall;
  readonly endsAtMs: number;
  /** The number of its arrival. */
  readonly turn: number;
  readonly resolve: (outcome: Outcome) => void;
}

interface Lane {
  /** The one that was chosen last at the end. */
  readonly attachments: Set<Attachment>;
  /** By action, in the order of arrival; none is empty. */
  readonly queues: Map<string, Arrivals<Waiting>>;
  waiting: number;
  readonly expiry: EarliestTimer;
}

export class Attachments {
  private readonly lanes = new Map<string, Lane>();
  private readonly clock: Clock;
  private arrivals = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Adds an instance; a stream that it had before is the caller's to end. */
  add(attachment: Attachment): void {
    const { participant } = attachment;
    const lane = this.lanes.get(participant) ?? this.open(participant);
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
    const target = lane.queues.has(call.action) ? undefined : choose(lane, call);
    if (target !== undefined) return send(lane, target, call, endsAtMs);
    if (!isServed(lane, call.action)) return undefined;
    if (lane.waiting >= WAITING_PER_PARTICIPANT) {
      const message = `${WAITING_PER_PARTICIPANT} calls wait for ${call.participant} already`;
      return Promise.resolve(localFailure('unknown', 'OVERLOADED', message));
    }
    return new Promise((resolve) => {
      enqueue(lane, { call, endsAtMs, turn: (this.arrivals += 1), resolve });
    });
  }

  /** Calls that wait may go now. */
  roomChanged(participant: string): void {
    const lane = this.lanes.get(participant);
    if (lane === undefined || lane.waiting === 0) return;
    for (const action of lane.queues.keys()) {
      if (isServed(lane, action)) continue;
      const lost = failure('UNAVAILABLE', `no live instance of ${participant}`);
      for (const { resolve } of keepOnly(lane, action, () => false)) resolve(lost);
    }
    for (let next = nextToGo(lane); next !== undefined; next = nextToGo(lane)) {
      const { call, endsAtMs, resolve } = next.waiting;
      leave(lane, call.action);
      void send(lane, next.target, call, endsAtMs).then(resolve);
    }
  }

  private open(participant: string): Lane {
    const lane: Lane = {
      attachments: new Set(),
      queues: new Map(),
      waiting: 0,
      expiry: new EarliestTimer(this.clock, (nowMs) => expire(lane, nowMs)),
    };
    this.lanes.set(participant, lane);
    return lane;
  }
}

/** The attached instance that serves the call, has room, and has the fewest calls out: of equal ones the one that was sent to least recently. */
function choose(lane: Lane, call: ParticipantCall): Attachment | undefined {
  let best: Attachment | undefined;
  for (const attachment of lane.attachments) {
    if (!attachment.serves(call.action) || !attachment.hasRoom(call.payload.data.length)) continue;
    if (best === undefined || attachment.inFlight < best.inFlight) best = attachment;
  }
  return best;
}

function send(lane: Lane, target: Attachment, call: ParticipantCall, endsAtMs: number): Promise<Outcome> {
  if (lane.attachments.size > 1) {
    lane.attachments.delete(target);
    lane.attachments.add(target);
  }
  return target.call(call, endsAtMs);
}

/** Of the calls at the heads of their queues the one that came first among those that may go. */
function nextToGo(lane: Lane): { readonly waiting: Waiting; readonly target: Attachment } | undefined {
  let next: { readonly waiting: Waiting; readonly target: Attachment } | undefined;
  for (const { first } of lane.queues.values()) {
    if (first === undefined || (next !== undefined && next.waiting.turn < first.turn)) continue;
    const target = choose(lane, first.call);
    if (target !== undefined) next = { waiting: first, target };
  }
  return next;
}

function isServed(lane: Lane, action: string): boolean {
  for (const attachment of lane.attachments) if (attachment.serves(action)) return true;
  return false;
}

function enqueue(lane: Lane, waiting: Waiting): void {
  const { action } = waiting.call;
  const queue = lane.queues.get(action) ?? new Arrivals<Waiting>();
  lane.queues.set(action, queue);
  queue.push(waiting);
  lane.waiting += 1;
  lane.expiry.include(waiting.endsAtMs);
}

/** The first one that waits for the action waits no longer. */
function leave(lane: Lane, action: string): void {
  const queue = lane.queues.get(action);
  queue?.shift();
  lane.waiting -= 1;
  if (queue?.length === 0) lane.queues.delete(action);
}

/** Takes out those that wait for the action and for which it is false; returns them. */
function keepOnly(lane: Lane, action: string, isKept: (waiting: Waiting) => boolean): readonly Waiting[] {
  const queue = lane.queues.get(action);
  const others = queue?.keepOnly(isKept) ?? [];
  lane.waiting -= others.length;
  if (queue?.length === 0) lane.queues.delete(action);
  return others;
}

function expire(lane: Lane, nowMs: number): number | undefined {
  let next = Infinity;
  const isInTime = ({ endsAtMs }: Waiting) => {
    if (endsAtMs > nowMs) next = Math.min(next, endsAtMs);
    return endsAtMs > nowMs;
  };
  for (const action of lane.queues.keys()) {
    for (const { call, resolve } of keepOnly(lane, action, isInTime)) {
      const message = `not sent: waited ${call.timeoutMs} ms for room at ${call.participant}`;
      resolve(localFailure('unknown', 'OVERLOADED', message));
    }
  }
  return next === Infinity ? undefined : next;
}
