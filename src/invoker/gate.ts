import type { Clock, Timer } from '../lib/clock';

/** What became of a call at the gate: it may be sent; the queue is full; its time was over while it waited; or the gate was closed. */
export type Passage = 'enters' | 'full' | 'late' | 'closed';

export interface GateLimits {
  /** Calls of one participant that are in flight at once. */
  readonly inFlight: number;
  /** Calls of one participant that wait for one in flight to end. */
  readonly waiting: number;
}

interface Waiter {
  readonly settle: (passage: Passage) => void;
  readonly timer: Timer;
}

interface Lane {
  inFlight: number;
  /** In the order of their arrival. */
  readonly waiting: Set<Waiter>;
}

/**
 * Bounds the calls of each participant, so that a slow one holds back itself only.
 * G1. Each participant has at most `inFlight` calls between `enters` and leave, and at most `waiting` before them.
 * G2. Every `enters` is followed by one leave; every waiter is settled once and its timer stopped.
 * G3. A participant without calls takes no memory.
 */
export class Gate {
  private readonly lanes = new Map<string, Lane>();
  private readonly limits: GateLimits;
  private readonly clock: Clock;
  private closed = false;

  constructor(limits: GateLimits, clock: Clock) {
    this.limits = limits;
    this.clock = clock;
  }

  /** Resolves when the call may be sent, or will not be: at the latest after `timeoutMs`. */
  enter(participant: string, timeoutMs: number): Promise<Passage> {
    if (this.closed) return Promise.resolve('closed');
    let lane = this.lanes.get(participant);
    if (lane === undefined) {
      lane = { inFlight: 0, waiting: new Set() };
      this.lanes.set(participant, lane);
    }
    if (lane.inFlight < this.limits.inFlight) {
      lane.inFlight += 1;
      return Promise.resolve('enters');
    }
    if (lane.waiting.size >= this.limits.waiting) return Promise.resolve('full');
    return this.wait(lane, timeoutMs);
  }

  /** The call is over: the one that waited longest takes its place. */
  leave(participant: string): void {
    const lane = this.lanes.get(participant);
    if (lane === undefined) return;
    const [next] = lane.waiting;
    if (next !== undefined) {
      next.settle('enters');
      return;
    }
    lane.inFlight -= 1;
    if (lane.inFlight === 0) this.lanes.delete(participant);
  }

  /** Nobody enters any more; those who wait are told. */
  close(): void {
    this.closed = true;
    for (const lane of this.lanes.values()) {
      for (const waiter of lane.waiting) waiter.settle('closed');
    }
  }

  private wait(lane: Lane, timeoutMs: number): Promise<Passage> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        settle: (passage) => {
          waiter.timer.stop();
          lane.waiting.delete(waiter);
          resolve(passage);
        },
        timer: this.clock.startTimer(timeoutMs, () => waiter.settle('late')),
      };
      lane.waiting.add(waiter);
    });
  }
}
