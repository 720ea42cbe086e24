import type { Chance } from './kernel/chance';
import type { Machine } from './kernel/machine';
import type { ApplicationNode } from './machines/application';
import type { World } from './world';

/** How often it looks for somebody to strike. */
const LOOK_MS = 200;
/** One look stands for many chances, as each statement and each message is one for other faults. */
const WEIGHT = 4;

/** What strikes machines as a whole: deaths, pauses, restarts, an outage of the database. */
export class Nemesis {
  private readonly world: World;
  private readonly applications: readonly ApplicationNode[];
  private readonly chance: Chance;
  private readonly paused = new Set<Machine>();

  constructor(world: World, applications: readonly ApplicationNode[]) {
    this.world = world;
    this.applications = applications;
    this.chance = world.chance.fork('nemesis');
  }

  start(): void {
    const { scheduler, faults } = this.world;
    const look = (): void => {
      if (faults.isHealed) return;
      this.strike();
      scheduler.after(LOOK_MS, scheduler.nature, look);
    };
    scheduler.after(this.chance.between(0, LOOK_MS), scheduler.nature, look);
  }

  /** Ends all faults: from now on nothing new goes wrong, and whoever is down comes back. */
  heal(): void {
    const { world } = this;
    world.trace.note('world', 'is healed');
    world.faults.isHealed = true;
    world.server.isAway = false;
    for (const machine of this.paused) world.scheduler.goOn(machine);
    this.paused.clear();
    for (const node of world.coordinators) node.machine.touchesLeft = Infinity;
    for (const node of world.coordinators) if (!node.machine.isAlive) node.start();
    for (const node of world.participants) if (!node.machine.isAlive) node.start();
  }

  private strike(): void {
    const { world, chance } = this;
    const { faults, scheduler, rules, server } = world;
    const coordinator = chance.pick(world.coordinators);
    const participant = chance.pick(world.participants);
    const { machine } = coordinator;
    if (machine.isAlive && !machine.isPaused) {
      if (faults.strikes('coordinator: dies', machine.name, WEIGHT))
        machine.touchesLeft = Math.floor(faults.draw('coordinator: dies', 1, 40));
      else if (faults.strikes('coordinator: pause', machine.name, WEIGHT))
        this.pause(machine, rules.leaseMs * faults.draw('coordinator: pause', 1.1, 3));
      else if (coordinator.running !== undefined && faults.strikes('coordinator: restart', machine.name, WEIGHT)) {
        scheduler.as(machine, () => void coordinator.stop());
      }
    }
    if (participant.machine.isAlive && faults.strikes('participant: dies', participant.machine.name, WEIGHT)) {
      participant.crash();
      scheduler.after(faults.draw('participant: dies', 20, 4_000), scheduler.nature, () => {
        if (!participant.machine.isAlive) participant.start();
      });
    }
    if (!server.isAway && faults.strikes('database: away', 'database', WEIGHT)) {
      server.isAway = true;
      server.rollbackAll();
      scheduler.after(faults.draw('database: away', 50, 5_000), scheduler.nature, () => (server.isAway = false));
    }
    const application = chance.pick(this.applications);
    if (application.machine.isAlive && faults.strikes('application: dies', application.machine.name, WEIGHT / 2))
      application.machine.die();
  }

  private pause(machine: Machine, forMs: number): void {
    const { scheduler } = this.world;
    machine.isPaused = true;
    this.paused.add(machine);
    scheduler.after(forMs, scheduler.nature, () => {
      if (this.paused.delete(machine)) scheduler.goOn(machine);
    });
  }
}
