/**
 * A coordinator as the daemon composes it (src/daemon/compose.ts), but for what the simulation owns: sockets, clock, chance and
 * the database's driver. Its address stands while its processes come and go.
 */
import { Coordinator } from '../../src/coordinator/coordinator';
import { Attachments } from '../../src/invoker/attachments';
import { Registry } from '../../src/invoker/registry';
import { UnaryInvoker } from '../../src/invoker/unary';
import { RoutingInvoker } from '../../src/invoker/routing';
import { Batcher } from '../../src/journal/batcher';
import { SqlCoordinatorStore } from '../../src/journal/coordinator-store';
import { SqlParticipantStore } from '../../src/journal/participant-store';
import { Retrier } from '../../src/journal/retry';
import { SqlJournal } from '../../src/journal/sql-journal';
import { SqlStore } from '../../src/journal/store';
import { silentLogger } from '../../src/lib/logger';
import { Peers } from '../../src/recovery/peers';
import { Recovery } from '../../src/recovery/recovery';
import { AttachService } from '../../src/rpc/attach-service';
import { executeStream } from '../../src/rpc/execute-stream';
import { Calls } from '../../src/rpc/handler';
import { transactionCalls } from '../../src/rpc/transaction-calls';
import { transactionService } from '../../src/rpc/transaction-service';
import { SimulatedDatabase } from '../database/connection';
import { Machine } from '../kernel/machine';
import type { World } from '../world';
import { simulatedClient } from './unary-client';

const LIMITS = {
  payloadBytes: 65_536,
  branches: 8,
  timeoutMs: 86_400_000,
  defaultTimeoutMs: 30_000,
  replyBytes: 1_000_000,
};
const MESSAGE_BYTES = 4 * 1024 * 1024;
const OTHER_CONNECTIONS = 4;
const QUEUE_SIZE = 100_000;

/** What of a running coordinator others reach, and what is stopped in the end. */
export type Running = Awaited<ReturnType<CoordinatorNode['compose']>>;

export class CoordinatorNode {
  readonly address: string;
  machine: Machine;
  running: Running | undefined;
  private readonly world: World;
  private starts = 0;

  constructor(address: string, world: World) {
    this.address = address;
    this.world = world;
    this.machine = new Machine(address);
    this.machine.die();
  }

  /** Starts a process here; it serves once it has found its database. */
  start(): void {
    const { world } = this;
    this.starts += 1;
    const machine = new Machine(`${this.address.slice(0, 2)}#${this.starts}`);
    this.machine = machine;
    world.trace.note(machine.name, 'starts');
    if (world.faults.strikes('coordinator: dies soon', machine.name, 5)) {
      machine.touchesLeft = Math.floor(world.faults.draw('coordinator: dies soon', 1, 40));
    }
    machine.onDeath(() => this.died(machine));
    const retry = (): void => {
      this.compose(machine).then(
        (running) => {
          if (this.machine === machine) this.running = running;
        },
        () => world.clockOf(machine).startTimer(500, retry),
      );
    };
    world.scheduler.after(0, machine, retry);
  }

  /** Drains and stops, in the daemon's order; resolves when nothing is left of it. */
  async stop(): Promise<void> {
    const { running, machine } = this;
    if (running === undefined) {
      machine.die();
      return;
    }
    this.running = undefined;
    await running.stop();
    this.world.watch.stopped(machine, running);
    machine.die();
  }

  async compose(machine: Machine) {
    const { world } = this;
    const { scheduler, faults, server, rules } = world;
    const clock = world.clockOf(machine);
    const chance = world.chance.fork(machine.name);
    const random = chance.next;
    const timing = { clock, random };
    const shared = { ...timing, logger: silentLogger };
    const worker = machine.name;
    const { queryTimeoutMs, retentionMs, lanes, batchSize, drainMs } = world.settings;
    const wire = { server, machine, scheduler, faults, chance, queryTimeoutMs };
    const steps = new SimulatedDatabase(lanes, wire);
    const others = new SimulatedDatabase(OTHER_CONNECTIONS, wire);
    const retrier = new Retrier({ queryTimeoutMs }, timing);
    const store = new SqlStore(steps, new Retrier({ queryTimeoutMs }, timing), retentionMs);
    const batcher = new Batcher(store, { lanes, batchSize, queueSize: QUEUE_SIZE });
    const journal = world.watch.appends.journal(new SqlJournal(others, batcher, retrier), machine);
    const nowMs = await journal.now();
    const registry = new Registry(
      { callTimeoutMs: 3_000, tryAttempts: 3, participants: world.staticParticipants },
      { ...shared, store: new SqlParticipantStore(others, retrier) },
    );
    await registry.start();
    const attachments = new Attachments(clock);
    const { inFlightPerParticipant } = world.settings;
    const unary = new UnaryInvoker(
      { inFlightPerParticipant, payloadBytes: LIMITS.replyBytes, messageBytes: MESSAGE_BYTES },
      {
        ...{ targets: registry, clock, logger: silentLogger },
        connect: (address) => simulatedClient(address, { world, machine, clock }),
      },
    );
    const invoker = world.watch.invoker(new RoutingInvoker(attachments, unary, registry), machine);
    const { openTransactions } = world.settings;
    const coordinator = new Coordinator(
      { worker, openTransactions, maxBranches: LIMITS.branches, drainMs, attentionAfter: 10, rules },
      { ...shared, journal, invoker, directory: registry, nowMs },
    );
    const transactions = world.watch.answers.api(coordinator, machine);
    const calls = new Calls({ callsInFlight: 10_000, watchers: 100 }, shared);
    const attached = new AttachService(
      { ...LIMITS, messageBytes: MESSAGE_BYTES },
      {
        ...{ attachments, registry, coordinatorId: worker, clock, logger: silentLogger },
        coordinators: () => (peers === undefined ? world.coordinators.map(({ address }) => address) : peers.addresses),
      },
    );
    const peers = world.settings.findPeers
      ? new Peers(
          { coordinatorId: worker, address: this.address },
          {
            ...shared,
            store: new SqlCoordinatorStore(others, retrier),
            changed: () => attached.announceCoordinators(),
          },
        )
      : undefined;
    peers?.start();
    const served = transactionCalls(LIMITS, { transactions, newGid: () => world.newGid() });
    const recovery = new Recovery({ ...world.settings, ...rules, worker }, { ...shared, journal, coordinator });
    recovery.start();
    const stop = async (): Promise<void> => {
      calls.startDraining();
      await peers?.stop();
      await recovery.stop();
      await coordinator.stop();
      calls.dismiss();
      await calls.idle();
      await attached.stop(250);
      await unary.stop();
      await attachments.stop();
      await registry.stop();
      await batcher.close();
      retrier.stop();
      await Promise.all([steps.close(), others.close()]);
    };
    return {
      coordinator,
      transactions,
      databases: [steps, others],
      unaryService: transactionService(LIMITS, calls, served, transactions),
      executeStream: executeStream({ messageBytes: MESSAGE_BYTES }, calls, served, { clock }),
      attach: attached.attach,
      counters: batcher.counters,
      stop,
    };
  }

  private died(machine: Machine): void {
    const { world } = this;
    world.trace.note(machine.name, 'is gone');
    if (this.machine !== machine) return;
    this.running = undefined;
    if (world.isEnding) return;
    world.scheduler.after(world.chance.between(50, 3_000), world.scheduler.nature, () => {
      if (!world.isEnding && !this.machine.isAlive) this.start();
    });
  }
}
