import type { Chance } from '../kernel/chance';
import type { Coverage } from '../kernel/coverage';
import type { FaultKind, Faults } from '../kernel/faults';
import type { Machine } from '../kernel/machine';
import type { Scheduler } from '../kernel/scheduler';
import type { Trace } from '../kernel/trace';

export interface NetworkDeps {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly chance: Chance;
  readonly coverage: Coverage;
  readonly trace: Trace;
}

/** A request and what becomes of it. */
export interface Request<Reply> {
  readonly from: Machine;
  /** Who listens at the address when the request arrives. */
  readonly to: () => Machine | undefined;
  readonly what: string;
  /** Serves it, as the machine that it reached. */
  readonly serve: (to: Machine, onGone: (gone: () => void) => void) => Promise<Reply>;
  /** The answer, as the machine that asked; undefined when the connection was refused or reset. */
  readonly answered: (reply: Reply | undefined) => void;
}

/** The wires between all machines. */
export class Network {
  readonly deps: NetworkDeps;
  /** Until when nothing goes one way between two machines, by their names. */
  private readonly cuts = new Map<string, number>();
  /** Messages under way that name a transaction: while there are any, nothing of it may be purged (I12). */
  readonly underWay = new Map<string, number>();

  constructor(deps: NetworkDeps) {
    this.deps = deps;
  }

  /** How long a message takes; undefined when it is lost. */
  transit(from: Machine, to: Machine | undefined, lost: FaultKind | undefined): number | undefined {
    const { faults, chance, scheduler } = this.deps;
    const way = `${nameOf(from)}>${to === undefined ? '?' : nameOf(to)}`;
    if (faults.strikes('network: cut', way, 0.05)) {
      this.cuts.set(way, scheduler.nowMs + faults.draw('network: cut', 200, 3_000));
    }
    const cutMs = this.cutMs(way);
    if (lost !== undefined && (cutMs > 0 || faults.strikes(lost, way))) return undefined;
    const lateMs = faults.strikes('network: delay', way) ? faults.draw('network: delay', 100, 4_000) : 0;
    return chance.between(0.1, 2) + lateMs + cutMs;
  }

  /** Sends one request, once; an answer that is lost is nothing, and the asker's own time must end the wait. */
  ask<Reply>(request: Request<Reply>): void {
    const { from, to, what } = request;
    if (!from.touchesWorld()) return;
    const { faults, chance } = this.deps;
    const target = to();
    const delayMs = this.transit(from, target, 'network: request lost');
    if (delayMs === undefined) {
      // Half of what is lost is lost with its connection, which the asker notices.
      if (chance.happens(0.5)) this.tell(request, undefined, chance.between(1, 100));
      return;
    }
    this.arrive(request, delayMs, true);
    if (target !== undefined && faults.strikes('network: duplicate', what))
      this.arrive(request, delayMs + faults.draw('network: duplicate', 0, 3_000), false);
  }

  private arrive<Reply>(request: Request<Reply>, delayMs: number, isFirst: boolean): void {
    const { scheduler, chance } = this.deps;
    const { from, what, serve } = request;
    this.count(what, 1);
    scheduler.after(delayMs, scheduler.nature, () => {
      this.count(what, -1);
      const to = request.to();
      if (to?.isAlive !== true) {
        if (isFirst) this.tell(request, undefined, chance.between(0.1, 2));
        return;
      }
      scheduler.as(to, () => {
        let isOver = false;
        const left = to.onDeath(() => {
          if (!isFirst || isOver) return;
          isOver = true;
          this.tell(request, undefined, chance.between(0.1, 50));
        });
        const goners: (() => void)[] = [];
        from.onDeath(() => {
          if (!isOver) scheduler.after(1, to, () => goners.forEach((gone) => gone()));
        });
        serve(to, (gone) => goners.push(gone)).then(
          (reply) => {
            left();
            if (isOver || !to.touchesWorld()) return;
            isOver = true;
            if (isFirst) this.reply(request, to, reply);
          },
          (error: unknown) => {
            throw error;
          },
        );
      });
    });
  }

  private reply<Reply>(request: Request<Reply>, to: Machine, reply: Reply): void {
    const { chance } = this.deps;
    const delayMs = this.transit(to, request.from, 'network: reply lost');
    if (delayMs !== undefined) this.tell(request, reply, delayMs);
    else if (chance.happens(0.5)) this.tell(request, undefined, chance.between(1, 100));
  }

  private tell<Reply>({ from, answered }: Request<Reply>, reply: Reply | undefined, delayMs: number): void {
    this.deps.scheduler.after(delayMs, from, () => answered(reply));
  }

  /** Keeps the book of what is under way; `what` names a transaction. */
  count(what: string, difference: 1 | -1): void {
    const count = (this.underWay.get(what) ?? 0) + difference;
    if (count === 0) this.underWay.delete(what);
    else this.underWay.set(what, count);
  }

  private cutMs(way: string): number {
    const untilMs = this.cuts.get(way);
    if (untilMs === undefined) return 0;
    if (this.deps.faults.isHealed || untilMs <= this.deps.scheduler.nowMs) {
      this.cuts.delete(way);
      return 0;
    }
    return untilMs - this.deps.scheduler.nowMs;
  }
}

/** A machine that was started again is at the same place as the one before it. */
export function nameOf({ name }: Machine): string {
  const at = name.indexOf('#');
  return at < 0 ? name : name.slice(0, at);
}
