import { TccError } from '../src/lib/errors';
import type { Chance } from './kernel/chance';
import type { Machine } from './kernel/machine';
import type { World } from './world';

/** Who watches transactions at coordinators; what they are shown is checked in checks/answers.ts. */
export class Watchers {
  private readonly world: World;
  private readonly chance: Chance;
  /** The machines of those who still wait for an end. */
  private readonly waiting: Machine[] = [];

  constructor(world: World, chance: Chance) {
    this.world = world;
    this.chance = chance;
  }

  /** Watchers whose coordinator lives, and who have not seen an end. */
  get open(): number {
    return this.waiting.filter(({ isAlive }) => isAlive).length;
  }

  /** Somebody watches a transaction at any coordinator, `delayMs` from now. */
  watches(gid: string, delayMs: number): void {
    const { scheduler, coordinators } = this.world;
    scheduler.after(delayMs, scheduler.nature, () => {
      const { running, machine } = this.chance.pick(coordinators);
      if (running === undefined) return;
      // They never leave by themselves.
      const { signal } = new AbortController();
      scheduler.as(machine, () => void this.follow(running.transactions.watch(gid, signal), gid, machine));
    });
  }

  private async follow(shown: AsyncIterable<unknown>, gid: string, machine: Machine): Promise<void> {
    this.waiting.push(machine);
    try {
      const shows = shown[Symbol.asyncIterator]();
      while ((await shows.next()).done !== true);
    } catch (error) {
      if (error instanceof TccError) this.world.coverage.reached(`watcher: ${error.code}`);
      else this.world.watch.breaks(`a watcher of ${gid} hears ${String(error)}`);
    } finally {
      this.waiting.splice(this.waiting.indexOf(machine), 1);
    }
  }
}
