import type { Clock } from '../../src/lib/clock';
import type { Event, Scheduler } from './scheduler';

/**
 * One process of the simulated world. Whatever it does to others goes through `touchesWorld` first, so that it can die at each
 * of these points: between two of them nobody else can tell where it died, so this is death at any await.
 */
export class Machine {
  readonly name: string;
  isAlive = true;
  isPaused = false;
  /** Events that it has missed while it was paused. */
  readonly held: Event[] = [];
  /** Timers that it has started and neither stopped nor seen fire. */
  timers = 0;
  /** It dies at the touch that makes this 0. */
  touchesLeft = Infinity;
  /** Told when it dies. */
  private readonly mourners = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }

  /** False when it is dead, or dies of this very touch: then the world must not see it. */
  touchesWorld(): boolean {
    if (!this.isAlive) return false;
    this.touchesLeft -= 1;
    if (this.touchesLeft > 0) return true;
    this.die();
    return false;
  }

  die(): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.held.length = 0;
    for (const mourn of [...this.mourners]) mourn();
    this.mourners.clear();
  }

  /** Calls `mourn` at its death; returns how to be left alone. */
  onDeath(mourn: () => void): () => void {
    this.mourners.add(mourn);
    return () => this.mourners.delete(mourn);
  }
}

/** A machine's own clock: it shows another time than the others', and runs a little faster or slower. */
export class MachineClock implements Clock {
  private readonly scheduler: Scheduler;
  private readonly machine: Machine;
  private readonly rate: number;
  private readonly wallOffsetMs: number;
  private readonly startedMs: number;

  constructor(scheduler: Scheduler, machine: Machine, skew: { readonly rate: number; readonly wallOffsetMs: number }) {
    this.scheduler = scheduler;
    this.machine = machine;
    this.rate = skew.rate;
    this.wallOffsetMs = skew.wallOffsetMs;
    this.startedMs = scheduler.nowMs;
  }

  monotonicMs(): number {
    return (this.scheduler.nowMs - this.startedMs) * this.rate;
  }

  wallMs(): number {
    return EPOCH_MS + this.wallOffsetMs + this.scheduler.nowMs;
  }

  startTimer(delayMs: number, fire: () => void): { stop(): void } {
    const { machine } = this;
    machine.timers += 1;
    const event = this.scheduler.after(Math.max(0, delayMs) / this.rate, machine, () => {
      machine.timers -= 1;
      fire();
    });
    return {
      stop: () => {
        if (event.fire === undefined) return;
        event.fire = undefined;
        machine.timers -= 1;
      },
    };
  }
}

/** When the simulated worlds begin. */
export const EPOCH_MS = 1_700_000_000_000;
