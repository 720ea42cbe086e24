/**
 * The event loop of the simulated world: one queue of moments, one of immediates, and machines that the events belong to.
 * S1. Events fire in the order of their moments, and of their making within one moment; immediates before time moves on. After
 *     each, every promise that can go on goes on, before the next event fires: so a run is a function of its seed.
 * S2. An event of a dead machine never fires. One of a paused machine fires when it goes on, in the order of its moment.
 */
import { Machine } from './machine';

export interface Event {
  /** Later than it was made for, where its machine stood still. */
  atMs: number;
  order: number;
  readonly owner: Machine;
  fire: (() => void) | undefined;
}

/** Runs every microtask that is due, now: the whole of a turn happens within one call. Node has no documented way to do so. */
const { _tickCallback: drainMicrotasks } = process as unknown as { readonly _tickCallback: () => void };

export class Scheduler {
  nowMs = 0;
  /** Events that have fired. */
  turns = 0;
  /** Whose event fires now. */
  current: Machine;
  /** What is no machine's: the wires, the database server, the world's own hand. */
  readonly nature = new Machine('nature');
  private readonly heap: Event[] = [];
  private immediates: Event[] = [];
  private made = 0;

  constructor() {
    this.current = this.nature;
  }

  /** Fires once after `delayMs`, as an event of `owner`. Setting `fire` to undefined cancels it. */
  after(delayMs: number, owner: Machine, fire: () => void): Event {
    const event: Event = { atMs: this.nowMs + Math.max(0, delayMs), order: (this.made += 1), owner, fire };
    this.push(event);
    return event;
  }

  /** At the end of this turn, as an event of whoever asks: what setImmediate is to the code under test. */
  readonly immediate = (fire: () => void): void => {
    this.immediates.push({ atMs: this.nowMs, order: 0, owner: this.current, fire });
  };

  /** Goes on as `machine` within the present event, now or, when it is paused, once it goes on; not at all when it is dead. */
  as(machine: Machine, run: () => void): void {
    if (!machine.isAlive) return;
    if (machine.isPaused) {
      machine.held.push({ atMs: this.nowMs, order: (this.made += 1), owner: machine, fire: run });
      return;
    }
    this.current = machine;
    run();
  }

  /** What a paused machine has missed happens now, in its order. */
  goOn(machine: Machine): void {
    machine.isPaused = false;
    for (const event of machine.held.splice(0)) {
      // The same event: whoever has it can still cancel it.
      event.atMs = this.nowMs;
      event.order = this.made += 1;
      this.push(event);
    }
  }

  /** Runs until `isOver`, until `untilMs`, or until nothing is left to happen. Returns whether `isOver` said so. */
  run(untilMs: number, isOver: () => boolean): boolean {
    drainMicrotasks();
    for (;;) {
      if (this.immediates.length > 0) {
        const immediates = this.immediates;
        this.immediates = [];
        for (const event of immediates) this.fire(event);
      }
      if (isOver()) return true;
      if (this.immediates.length > 0) continue;
      const next = this.heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = Math.max(this.nowMs, untilMs);
        return isOver();
      }
      this.pop();
      if (next.fire === undefined) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.fire(next);
    }
  }

  private fire(event: Event): void {
    const { owner, fire } = event;
    if (fire === undefined || !owner.isAlive) return;
    if (owner.isPaused) {
      owner.held.push(event);
      return;
    }
    this.turns += 1;
    this.current = owner;
    event.fire = undefined;
    fire();
    drainMicrotasks();
    this.current = this.nature;
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    const { length } = heap;
    if (last === undefined || length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      const left = heap[child];
      const right = heap[child + 1];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const least = heap[child];
      if (least === undefined || isBefore(last, least)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
