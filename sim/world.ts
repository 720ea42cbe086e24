/** One simulated world: its machines, its wires, its database, and what goes wrong in it, all drawn from one seed. */
import type { Rules } from '../src/engine/driven';
import type { StaticParticipant } from '../src/invoker/registry';
import { attachMethod } from '../src/wire/attach';
import { executeStreamMethod } from '../src/wire/execute-stream';
import { Watch } from './checks/watch';
import { DatabaseServer, type Session, Storage } from './database/server';
import { Chance } from './kernel/chance';
import { Coverage } from './kernel/coverage';
import { Faults, type Omitted } from './kernel/faults';
import { type Machine, MachineClock } from './kernel/machine';
import { Scheduler } from './kernel/scheduler';
import { Trace } from './kernel/trace';
import { machineOf } from './machines/client-transport';
import { CoordinatorNode } from './machines/coordinator';
import { ParticipantNode } from './machines/participant';
import { nameOf, Network } from './network/network';
import { cutAttach, cutFrame } from './network/cut';
import { Pipe } from './network/pipe';
import { drawRules, drawSettings, type WorldSettings } from './settings';

/** One for all worlds: only one lives at a time. */
const storage = new Storage();

export class World {
  readonly scheduler = new Scheduler();
  readonly coverage = new Coverage();
  readonly trace: Trace;
  readonly chance: Chance;
  readonly faults: Faults;
  readonly server: DatabaseServer;
  readonly network: Network;
  readonly rules: Rules;
  readonly settings: WorldSettings;
  readonly watch: Watch;
  readonly coordinators: readonly CoordinatorNode[];
  readonly participants: readonly ParticipantNode[];
  readonly staticParticipants: readonly StaticParticipant[];
  /** Nobody who dies comes back any more. */
  isEnding = false;
  /** Streams from participants to coordinators. */
  private attached: {
    readonly client: Machine;
    readonly server: Machine;
    readonly pipe: { readonly stands: boolean };
  }[] = [];
  private readonly clocks = new Map<Machine, MachineClock>();
  private gids = 0;

  constructor(seed: number, options: { readonly omitted: Omitted; readonly keepsTrace: boolean }) {
    const { scheduler, coverage } = this;
    const chance = new Chance(seed);
    this.trace = new Trace(scheduler, options.keepsTrace);
    this.chance = chance.fork('world');
    this.faults = new Faults(chance.fork('faults'), options.omitted, { scheduler, coverage, trace: this.trace });
    this.server = new DatabaseServer(scheduler, coverage, storage.emptied());
    const { faults, trace } = this;
    this.network = new Network({ scheduler, faults, coverage, trace, chance: chance.fork('network') });
    const rules = drawRules(chance.fork('rules'));
    this.settings = drawSettings(chance.fork('settings'));
    this.rules = this.settings.isCrowded ? { ...rules, parkAfterRefusals: 1, fastRetries: 0 } : rules;
    if (this.settings.isCrowded) {
      this.faults.raise('participant: breaks its promise', 0.25);
      this.faults.raise('participant: handler fails', 0.25);
    }
    this.watch = new Watch(this);
    this.coordinators = Array.from(
      { length: this.settings.coordinators },
      (_, index) => new CoordinatorNode(`c${index + 1}:8480`, this),
    );
    const setUps = this.settings.participants;
    this.participants = setUps.map((setUp) => new ParticipantNode(setUp, this));
    this.staticParticipants = this.participants
      .filter(({ setUp }) => setUp.address !== '' && !setUp.attaches)
      .map(({ setUp: { name, address }, actions }) => ({ name, address, actions }));
  }

  /** They have registered before, so that nobody asks for a participant that the database has never heard of. */
  knowsParticipants(): void {
    const session: Session = { transaction: undefined, stampedMs: 0, who: 'world' };
    const text =
      'REPLACE INTO tcc_participants (participant, instance_id, address, actions, expires_at, saved_at) VALUES (?, ?, ?, ?, NOW(), NOW())';
    for (const { setUp, actions } of this.participants) {
      if (!setUp.attaches) continue;
      const values = [setUp.name, `${setUp.name}.0`, setUp.address, JSON.stringify(actions)];
      this.server.execute(session, text, values, (fault) => {
        if (fault !== undefined) throw fault;
      });
    }
  }

  newGid(): string {
    return `made-${(this.gids += 1)}`;
  }

  clockOf(machine: Machine): MachineClock {
    let clock = this.clocks.get(machine);
    if (clock === undefined) {
      const isApart = this.faults.strikes('clock: apart', machine.name, 10);
      const skew = {
        rate: isApart ? this.faults.draw('clock: apart', 0.9, 1.1) : 1,
        wallOffsetMs: isApart ? this.faults.draw('clock: apart', -3_600_000, 3_600_000) : 0,
      };
      clock = new MachineClock(this.scheduler, machine, skew);
      this.clocks.set(machine, clock);
    }
    return clock;
  }

  participant(name: string): ParticipantNode {
    const node = this.participants.find(({ setUp }) => setUp.name === name);
    if (node === undefined) throw new Error(`there is no participant ${name}`);
    return node;
  }

  participantAt(address: string): ParticipantNode | undefined {
    return this.participants.find(({ setUp }) => setUp.address === address);
  }

  coordinatorAt(address: string): CoordinatorNode | undefined {
    return this.coordinators.find((node) => node.address === address);
  }

  /** The coordinators that a participant is told of by its configuration. */
  toldOf(participant: string): readonly string[] {
    const addresses = this.coordinators.map(({ address }) => address);
    if (!this.settings.findPeers) return addresses;
    const index = this.settings.participants.findIndex(({ name }) => name === participant);
    return [addresses[index % addresses.length] ?? ''];
  }

  /** Whether every participant that attaches has a stream to every coordinator. */
  get isAttached(): boolean {
    this.attached = this.attached.filter(({ client, server, pipe }) => client.isAlive && server.isAlive && pipe.stands);
    return this.participants.every(
      ({ setUp, machine }) =>
        !setUp.attaches ||
        this.coordinators.every((node) =>
          this.attached.some(({ client, server }) => client === machine && server === node.machine),
        ),
    );
  }

  /** The client's end of a stream of calls to whoever serves at the address. */
  openExecute(client: Machine, address: string): unknown {
    const node = this.coordinatorAt(address);
    const server = machineOf(node) ?? this.scheduler.nature;
    const pipe = new Pipe(this.network, executeStreamMethod, { client, server }, cutFrame);
    const isThere = server !== this.scheduler.nature;
    pipe.connect(isThere, () => node?.running?.executeStream(pipe.server as never));
    return pipe.client;
  }

  /** The participant's end of a stream that calls come down. */
  openAttach(client: Machine, address: string): unknown {
    const node = this.coordinatorAt(address);
    const server = machineOf(node) ?? this.scheduler.nature;
    const pipe = new Pipe(this.network, attachMethod, { client, server }, cutAttach);
    const isThere = server !== this.scheduler.nature;
    pipe.connect(isThere, () => node?.running?.attach(pipe.server as never));
    if (isThere) this.attached.push({ client, server, pipe });
    if (!this.toldOf(nameOf(client)).includes(address))
      this.coverage.reached('path: a participant finds a coordinator that another one has named');
    return pipe.client;
  }
}
