/**
 * Every attached instance, by participant, and the calls that wait for room on one, or for one to come back.
 * W1. A call goes to the instance with the fewest calls out that serves it and has room, in turn where that is equal; when none
 *     has room, it waits its turn behind the calls of the same action: those of another action may wait for other instances.
 * W2. At most WAITING_PER_PARTICIPANT calls wait for one participant, none longer than its own time.
 * W3. A participant without a stream is waited for until RETURN_MS after its last one, or after the start: no call waits for one
 *     that stays away.
 * W4. After `stop` no call waits, and no timer runs (I13).
 */
import type { Outcome } from '../engine/outcome';
import type { Clock } from '../lib/clock';
import { EarliestTimer } from '../lib/earliest-timer';
import type { Stoppable } from '../lib/lifecycle';
import { Arrivals } from './arrivals';
import type { Attachment } from './attachment';
import type { Caller, ParticipantCall } from './invoker';
import { failure, localFailure } from './outcome';

/** Four full streams of the default size: more would only wait until their time is over. */
export const WAITING_PER_PARTICIPANT = 16_384;

/**
 * How long a participant without a stream is waited for. SDK participants attach again within a quarter of a second of a coordinator's
 * restart, and of a broken stream; their connection, their hello and the row that it writes take the rest on a busy machine. A
 * service's own restart mostly fits as well. The time runs once per absence: calls to one that is gone for good fail at once then.
 */
export const RETURN_MS = 2_000;

interface Waiting {
  readonly call: ParticipantCall;
  readonly caller: Caller;
  readonly endsAtMs: number;
  /** The number of its arrival. */
  readonly turn: number;
}

interface Lane {
  /** The one that was chosen last at the end. */
  readonly attachments: Set<Attachment>;
  /** By action, in the order of arrival; none is empty. */
  readonly queues: Map<string, Arrivals<Waiting>>;
  waiting: number;
  readonly expiry: EarliestTimer;
}

export class Attachments implements Stoppable {
  readonly name = 'attachments';
  private readonly lanes = new Map<string, Lane>();
  private readonly clock: Clock;
  private readonly startedAtMs: number;
  /** Since when each participant has no stream that takes calls: in this order, and let go of after RETURN_MS. */
  private readonly awaySinceMs = new Map<string, number>();
  private arrivals = 0;
  private stopped = false;

  constructor(clock: Clock) {
    this.clock = clock;
    this.startedAtMs = clock.monotonicMs();
  }

  /** Adds an instance; a stream that it had before is the caller's to end. */
  add(attachment: Attachment): void {
    const { participant } = attachment;
    const lane = this.lanes.get(participant) ?? this.open(participant);
    lane.attachments.add(attachment);
    this.awaySinceMs.delete(participant);
    this.roomChanged(participant);
  }

  /** Takes an instance out. Calls that wait go to another one that serves them, or wait for one to come back. */
  remove(attachment: Attachment): void {
    const { participant } = attachment;
    const lane = this.lanes.get(participant);
    if (lane?.attachments.delete(attachment) !== true) return;
    if (!isOpen(lane)) this.left(participant);
    this.roomChanged(participant);
    this.closeIfIdle(participant, lane);
  }

  /** Makes the call over a stream. False, and the caller hears nothing, when no attached instance serves it. */
  call(call: ParticipantCall, caller: Caller): boolean {
    const lane = this.lanes.get(call.participant);
    if (lane === undefined) return false;
    const endsAtMs = this.clock.monotonicMs() + call.timeoutMs;
    const target = lane.queues.has(call.action) ? undefined : choose(lane, call);
    if (target !== undefined) send(lane, target, call, caller, endsAtMs);
    else if (isServed(lane, call.action)) this.wait(lane, call, caller, endsAtMs);
    else return false;
    return true;
  }

  /**
   * Holds a call until an instance of its participant attaches. False, and the caller hears nothing, when none is expected any more, or
   * one is there.
   */
  callOnReturn(call: ParticipantCall, caller: Caller): boolean {
    const { participant } = call;
    const nowMs = this.clock.monotonicMs();
    const lane = this.lanes.get(participant);
    if (this.stopped || (lane !== undefined && isOpen(lane)) || nowMs >= this.awaitedUntilMs(participant)) return false;
    this.wait(lane ?? this.open(participant), call, caller, nowMs + call.timeoutMs);
    return true;
  }

  /** Calls that wait may go now, or have nobody to wait for. */
  roomChanged(participant: string): void {
    const lane = this.lanes.get(participant);
    if (lane === undefined) return;
    if (!isOpen(lane)) this.left(participant);
    if (lane.waiting === 0) return;
    const untilMs = this.waitsUntilMs(participant, lane);
    for (const action of lane.queues.keys()) {
      if (isServed(lane, action)) continue;
      if (untilMs !== undefined) lane.expiry.include(untilMs);
      else for (const waiting of keepOnly(lane, action, () => false)) end(waiting, absent(participant));
    }
    for (let next = nextToGo(lane); next !== undefined; next = nextToGo(lane)) {
      const { call, caller, endsAtMs } = next.waiting;
      leave(lane, call.action);
      send(lane, next.target, call, caller, endsAtMs);
    }
  }

  /** Nobody is waited for any more: calls that wait become unknown, and none begins to. */
  stop(): Promise<void> {
    this.stopped = true;
    const stopping = failure('UNAVAILABLE', 'not sent: this coordinator is stopping');
    for (const [participant, lane] of this.lanes) {
      for (const action of lane.queues.keys())
        for (const waiting of keepOnly(lane, action, () => false)) end(waiting, stopping);
      lane.expiry.stop();
      this.closeIfIdle(participant, lane);
    }
    return Promise.resolve();
  }

  private wait(lane: Lane, call: ParticipantCall, caller: Caller, endsAtMs: number): void {
    const { participant } = call;
    if (lane.waiting >= WAITING_PER_PARTICIPANT) {
      const message = `${WAITING_PER_PARTICIPANT} calls wait for ${participant} already`;
      queueMicrotask(() => caller.answered(call, localFailure('unknown', 'OVERLOADED', message)));
      return;
    }
    enqueue(lane, { call, caller, endsAtMs, turn: (this.arrivals += 1) });
    const untilMs = this.waitsUntilMs(participant, lane);
    if (untilMs !== undefined) lane.expiry.include(untilMs);
  }

  private left(participant: string): void {
    const nowMs = this.clock.monotonicMs();
    if (this.awaySinceMs.has(participant)) return;
    this.awaySinceMs.set(participant, nowMs);
    for (const [name, sinceMs] of this.awaySinceMs) {
      if (sinceMs + RETURN_MS > nowMs) break;
      this.awaySinceMs.delete(name);
    }
  }

  private awaitedUntilMs(participant: string): number {
    return (this.awaySinceMs.get(participant) ?? this.startedAtMs) + RETURN_MS;
  }

  /** Until when calls wait for its return; undefined when it is there, or not expected any more. */
  private waitsUntilMs(participant: string, lane: Lane): number | undefined {
    if (isOpen(lane)) return undefined;
    const untilMs = this.awaitedUntilMs(participant);
    return untilMs > this.clock.monotonicMs() ? untilMs : undefined;
  }

  private closeIfIdle(participant: string, lane: Lane): void {
    if (lane.attachments.size > 0 || lane.waiting > 0) return;
    lane.expiry.stop();
    this.lanes.delete(participant);
  }

  private open(participant: string): Lane {
    const lane: Lane = {
      attachments: new Set(),
      queues: new Map(),
      waiting: 0,
      expiry: new EarliestTimer(this.clock, (nowMs) => this.expire(participant, lane, nowMs)),
    };
    this.lanes.set(participant, lane);
    return lane;
  }

  /** Ends the waiting of those whose time is over, and of all when a participant has not come back. */
  private expire(participant: string, lane: Lane, nowMs: number): number | undefined {
    const isAway = !isOpen(lane);
    const untilMs = isAway ? this.awaitedUntilMs(participant) : Infinity;
    let next = Infinity;
    const isInTime = ({ endsAtMs }: Waiting) => {
      if (endsAtMs > nowMs) next = Math.min(next, endsAtMs);
      return endsAtMs > nowMs;
    };
    for (const action of lane.queues.keys()) {
      if (untilMs <= nowMs) {
        for (const waiting of keepOnly(lane, action, () => false)) end(waiting, absent(participant));
        continue;
      }
      for (const waiting of keepOnly(lane, action, isInTime))
        end(waiting, isAway ? absent(participant) : late(waiting.call));
    }
    this.closeIfIdle(participant, lane);
    next = Math.min(next, untilMs);
    return lane.waiting === 0 ? undefined : next;
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

function end({ call, caller }: Waiting, outcome: Outcome): void {
  caller.answered(call, outcome);
}

function send(lane: Lane, target: Attachment, call: ParticipantCall, caller: Caller, endsAtMs: number): void {
  if (lane.attachments.size > 1) {
    lane.attachments.delete(target);
    lane.attachments.add(target);
  }
  target.call(call, caller, endsAtMs);
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

/** Whether any instance takes calls at all. */
function isOpen(lane: Lane): boolean {
  for (const attachment of lane.attachments) if (attachment.isOpen) return true;
  return false;
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

function late({ participant, timeoutMs }: ParticipantCall): Outcome {
  return localFailure('unknown', 'OVERLOADED', `not sent: waited ${timeoutMs} ms for room at ${participant}`);
}

function absent(participant: string): Outcome {
  return failure('UNAVAILABLE', `no live instance of ${participant}`);
}
