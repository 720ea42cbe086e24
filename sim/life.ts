/** The course of a world: what applications want, what strikes it, how it is healed, and how it ends. */
import type { Chance } from './kernel/chance';
import { ApplicationNode, type Wish } from './machines/application';
import type { ParticipantNode } from './machines/participant';
import { Nemesis } from './nemesis';
import { LONGEST_TIMEOUT_MS } from './settings';
import { Ward } from './ward';
import { Watchers } from './watchers';
import { drawWish } from './wishes';
import type { World } from './world';

/** The longest time that a fault which struck before the healing goes on: a delayed message, a stalled statement. */
const AFTER_EFFECTS_MS = 4_500;
/** For calls, statements and commits that must settle: generous, because this bound is about being stuck, not about speed. */
const SETTLING_MS = 25_000;
const DRAIN_MS = 40_000;
/** What a world must have seen to count. */
const LEAST_TRANSACTIONS = 20;
/** Transactions that show that new work succeeds after all faults. */
const FRESH = 2;
/** In a crowd all applications ask within so long, so that coordinators are at the same phase. */
const CROWD_MS = 10;
/** Within so long what is made up for is asked for. */
const MORE_MS = 1_000;
/** For purging a few hundred fence rows, ten in a local transaction. */
const FENCES_MS = 5_000;
/** How often the operator looks for what is parked. */
const OPERATOR_MS = 500;

export class Life {
  private readonly world: World;
  private readonly chance: Chance;
  private readonly applications: ApplicationNode[] = [];
  private readonly watchers: Watchers;

  constructor(world: World) {
    this.world = world;
    this.chance = world.chance.fork('life');
    this.watchers = new Watchers(world, world.chance.fork('watchers'));
  }

  pass(): void {
    const { world } = this;
    world.knowsParticipants();
    for (const node of world.participants) node.start();
    for (const node of world.coordinators) node.start();
    for (let index = 1; index <= 3; index += 1) this.applications.push(new ApplicationNode(`app${index}`, world));
    this.wish();
    const nemesis = new Nemesis(world, this.applications);
    nemesis.start();
    const ward = new Ward(world, this.chance.fork('ward'));
    ward.fallsIll();
    const isBroken = () => world.watch.broken.length > 0;
    if (world.scheduler.run(world.settings.spanMs, isBroken)) return;
    nemesis.heal();
    if (world.scheduler.run(world.scheduler.nowMs + AFTER_EFFECTS_MS, isBroken)) return;
    if (this.wishForMore() && world.scheduler.run(world.scheduler.nowMs + MORE_MS, isBroken)) return;
    this.operate();
    if (ward.isOccupied && !this.goesOnBeside(ward)) return;
    if (!this.comesToRest()) return;
    const isQuiet = () => world.watch.open === 0 && !this.applications.some(isWaiting);
    if (!this.serves('h', world.participants, LONGEST_TIMEOUT_MS, isQuiet)) return;
    if (world.watch.begun < LEAST_TRANSACTIONS) world.watch.breaks(`only ${world.watch.begun} transactions were begun`);
    if (world.settings.seesPurge && !this.purges()) return;
    world.watch.books.atRest();
    if (!isBroken()) this.drains();
  }

  private wish(): void {
    const { chance, applications } = this;
    const { settings } = this.world;
    for (let number = 1; number <= settings.transactions; number += 1) {
      const wish = drawWish(`g${number}`, chance, this.world);
      const atMs = chance.between(0, settings.spanMs * 0.9);
      const application = chance.pick(applications);
      application.wishes(wish, atMs, chance.happens(0.08) ? { abortsAfterMs: chance.between(10, 2_000) } : {});
      if (wish.kind === 'execute' && settings.isCrowded)
        for (const each of applications) each.wishes(wish, atMs + chance.between(0, CROWD_MS));
      if (wish.kind === 'execute' && chance.happens(0.12))
        chance.pick(applications).wishes(wish, atMs + chance.between(0, 50));
      if (wish.kind === 'execute' && chance.happens(0.1))
        chance.pick(applications).wishes(wish, atMs + chance.between(50, 4_000));
      if (chance.happens(0.1)) chance.pick(applications).meddles(wish.gid, atMs + chance.between(0, 1_500));
      if (chance.happens(0.15)) this.watchers.watches(wish.gid, atMs + chance.between(0, 1_000));
      if (chance.happens(0.05)) chance.pick(applications).conflicts(wish, atMs + chance.between(100, 2_000));
    }
  }

  /** What died with its application is made up for, so that every world has seen enough. Returns whether there was any need. */
  private wishForMore(): boolean {
    const { watch } = this.world;
    const { begun } = watch;
    if (begun >= LEAST_TRANSACTIONS - FRESH) return false;
    const living = this.living();
    for (let number = begun + 1; number <= LEAST_TRANSACTIONS - FRESH; number += 1)
      living.wishes(drawWish(`t${number}`, this.chance, this.world), this.chance.between(0, MORE_MS));
    return true;
  }

  /** An application that lives, a new one where all have died. */
  private living(): ApplicationNode {
    const living = this.applications.find(({ machine }) => machine.isAlive);
    if (living !== undefined) return living;
    const fresh = new ApplicationNode('app9', this.world);
    this.applications.push(fresh);
    return fresh;
  }

  /** I11: a participant that stays sick starves nobody: what is none of its business is over within its bound, and new work succeeds. */
  private goesOnBeside(ward: Ward): boolean {
    const { scheduler, watch } = this.world;
    const untilMs = scheduler.nowMs + this.boundMs;
    if (!scheduler.run(untilMs, () => watch.broken.length > 0 || ward.waitingElsewhere.length === 0))
      watch.breaks(`I11: ${ward.waitingElsewhere.join(', ')} is open, for all that another participant is sick`);
    if (watch.broken.length > 0 || !this.serves('s', ward.healthy, this.boundMs, () => true)) return false;
    ward.recovers();
    return true;
  }

  /** Within so long everything is over once nothing goes wrong any more. */
  private get boundMs(): number {
    const { rules, settings } = this.world;
    return LONGEST_TIMEOUT_MS + rules.leaseMs + settings.scanMs + rules.backoff.capMs + SETTLING_MS;
  }

  /** I11: everything is over within its bound. */
  private comesToRest(): boolean {
    const { world, boundMs } = this;
    const { scheduler, watch } = world;
    const isOver = () =>
      watch.broken.length > 0 ||
      (watch.open === 0 && world.isAttached && this.watchers.open === 0 && !this.applications.some(isWaiting));
    const over = scheduler.run(scheduler.nowMs + boundMs, isOver);
    if (!over) {
      const left = watch.rows.open().map((row) => `${String(row['gid'])} (${String(row['status'])})`);
      const waiting = this.applications.filter(isWaiting);
      watch.breaks(
        `I11: ${boundMs} ms after the last fault ${world.isAttached ? '' : 'not all participants are attached to all coordinators, '} ${left.join(', ') || 'nothing'} is open and ${waiting.length} applications and ${this.watchers.open} watchers wait`,
      );
    }
    return watch.broken.length === 0;
  }

  /** From now on an operator makes what is parked due again. */
  private operate(): void {
    const { world } = this;
    const { scheduler, watch } = world;
    const look = (): void => {
      const parked = watch.rows.open().filter((row) => row['parked'] === 1);
      if (parked.length > 0) world.coverage.reached('path: parked, and made due by an operator', parked.length);
      const node = world.coordinators.find(({ running, machine }) => running !== undefined && machine.isAlive);
      if (node !== undefined && parked.length > 0) {
        scheduler.as(node.machine, () => {
          for (const row of parked) void node.running?.coordinator.retry(String(row['gid'])).catch(() => undefined);
        });
      }
      if (!world.isEnding) scheduler.after(OPERATOR_MS, scheduler.nature, look);
    };
    look();
  }

  /** New work at these participants succeeds; `isOver` says what else there is to wait for. */
  private serves(
    name: string,
    participants: readonly ParticipantNode[],
    withinMs: number,
    isOver: () => boolean,
  ): boolean {
    const { world, chance } = this;
    const { scheduler, watch } = world;
    const fresh = this.living();
    const gids = Array.from({ length: FRESH }, (_, index) => `${name}${index + 1}`);
    for (const gid of gids) {
      const drawn = drawWish(gid, chance, world, participants);
      const branches = drawn.branches.map((branch) => ({ ...branch, payload: {} }));
      const wish: Wish = {
        ...drawn,
        branches,
        rollsBack: false,
        dawdles: undefined,
        wait: 'finished',
        timeoutMs: LONGEST_TIMEOUT_MS,
      };
      fresh.wishes(wish, 0, { mustSucceed: true });
    }
    const isServed = () => isOver() && gids.every((gid) => watch.rows.status(gid) === 'CONFIRMED');
    if (!scheduler.run(scheduler.nowMs + withinMs, () => watch.broken.length > 0 || isServed())) {
      watch.breaks('I11: work that was begun after all faults were healed is not done');
    }
    return watch.broken.length === 0;
  }

  private purges(): boolean {
    const { scheduler, watch, settings } = this.world;
    watch.books.atRest();
    const isOver = () => watch.broken.length > 0 || watch.rows.all().length === 0;
    if (!scheduler.run(scheduler.nowMs + settings.retentionMs + 25_000, isOver))
      watch.breaks('what is past its retention is not purged');
    return watch.broken.length === 0 && this.purgesFences();
  }

  /** Long after the last call nothing of the fences is left. */
  private purgesFences(): boolean {
    const { scheduler, watch, participants } = this.world;
    let left = participants.length;
    for (const node of participants) {
      scheduler.as(node.machine, () => void node.purgesAll().then(() => (left -= 1)));
      scheduler.run(scheduler.nowMs, () => false);
    }
    if (!scheduler.run(scheduler.nowMs + FENCES_MS, () => left === 0))
      watch.breaks('I13: a purge of a fence does not end');
    for (const { setUp, database } of participants)
      for (const { gid, status } of database.fence.rows())
        watch.breaks(`I7: ${String(gid)} is left ${String(status)} at ${setUp.name}, long after its end`);
    return watch.broken.length === 0;
  }

  /** I13: after the drain nothing is left. */
  private drains(): void {
    const { world } = this;
    const { scheduler, watch } = world;
    world.isEnding = true;
    let left = 0;
    const stops = (stopping: Promise<unknown>): void => {
      left += 1;
      void stopping.then(() => (left -= 1));
    };
    for (const { client, machine } of this.applications)
      if (machine.isAlive) scheduler.after(0, machine, () => void client.close());
    for (const node of world.participants) scheduler.after(1, node.machine, () => stops(node.stop()));
    for (const node of world.coordinators)
      scheduler.after(this.chance.between(2, 200), node.machine, () => stops(node.stop()));
    const startedMs = scheduler.nowMs;
    const isOver = () => watch.broken.length > 0 || (left === 0 && scheduler.nowMs > startedMs + 1_000);
    if (!scheduler.run(startedMs + DRAIN_MS, isOver))
      watch.breaks(`I13: ${left} machines have not stopped in ${DRAIN_MS} ms`);
    for (const { machine } of [...this.applications, ...world.participants]) {
      if (machine.isAlive && machine.timers > 0)
        watch.breaks(`I13: ${machine.name} has stopped and leaves ${machine.timers} timers`);
    }
    if (world.server.transactions > 0)
      watch.breaks(`I13: ${world.server.transactions} database transactions are left open`);
  }
}

/** Some call of it has not ended. */
function isWaiting({ machine, underWay }: ApplicationNode): boolean {
  return machine.isAlive && underWay > 0;
}
