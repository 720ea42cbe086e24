/**
 * A participant: the SDK's call handler, batch gates, fence and attachments, over a database of its own. Its business is to count
 * how often each phase of each branch took effect, in the same local transaction as the fence.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';

import type { Timer } from '../../src/lib/clock';
import { silentLogger } from '../../src/lib/logger';
import { Refused } from '../../src/sdk/fence/errors';
import { Fence } from '../../src/sdk/fence/fence';
import { fenced } from '../../src/sdk/fence/fenced';
import { fencedBatch } from '../../src/sdk/fence/fenced-batch';
import type { FenceCall, Phase } from '../../src/sdk/fence/words';
import { Actions } from '../../src/sdk/participant/actions';
import { type Answer, failed } from '../../src/sdk/participant/answer';
import { AttachedCoordinators } from '../../src/sdk/participant/attachments';
import type { BranchCall } from '../../src/sdk/participant/call';
import { CallHandler, type CallLimits } from '../../src/sdk/participant/call-handler';
import { unaryService } from '../../src/sdk/participant/unary-service';
import type { AttachDown, AttachUp, RawBranchCall } from '../../src/wire/attach';
import type { ParticipantServiceHandlers } from '../../src/wire/generated/tcc/v1/ParticipantService';
import { Machine, type MachineClock } from '../kernel/machine';
import type { World } from '../world';
import { FenceDatabase, type OpenTransaction } from './fence-database';
import { PURGE_ROWS } from './fence-statements';
import type { Sickness } from '../settings';

/** What a transaction's payload tells the business code to do. */
export interface Order {
  /** The Try is to be refused: no stock. */
  readonly refuses?: boolean;
}

export interface ParticipantSetUp {
  readonly name: string;
  /** Where it serves unary calls; '' where it is only attached. */
  readonly address: string;
  readonly attaches: boolean;
  readonly tryAttempts: number;
  readonly callTimeoutMs: number;
}

const DAY_MS = 86_400_000;
/** How often a participant purges its fence: far oftener than a real one, so that it meets whatever else goes on. */
const PURGE_MS = 3_000;

/** Each serves its calls in another way. */
export const actionNames = ['single', 'batch', 'outside'] as const;

const effectOf: Readonly<Record<Phase, 'tried' | 'confirmed' | 'cancelled'>> = {
  try: 'tried',
  confirm: 'confirmed',
  cancel: 'cancelled',
};

export class ParticipantNode {
  readonly setUp: ParticipantSetUp;
  readonly database: FenceDatabase;
  machine: Machine;
  /** What is wrong with it, whoever calls and however often it is started; undefined while it is well. */
  sickness: Sickness | undefined;
  private readonly world: World;
  /** What its server does with unary calls. */
  unary: ParticipantServiceHandlers | undefined;
  private handler: CallHandler | undefined;
  private attached: AttachedCoordinators | undefined;
  private starts = 0;
  private isStopping = false;
  private purgeTimer: Timer | undefined;

  constructor(setUp: ParticipantSetUp, world: World) {
    this.setUp = setUp;
    this.world = world;
    const { scheduler, faults, coverage, watch } = world;
    const chance = world.chance.fork(`database of ${setUp.name}`);
    this.database = new FenceDatabase({
      ...{ scheduler, faults, chance, coverage },
      committed: (key, books) => watch.books.committed(setUp.name, key, books),
      purged: (key) => {
        coverage.reached('path: a fence row is purged');
        watch.calls.forgets(key);
      },
    });
    this.machine = new Machine(setUp.name);
  }

  get clock(): MachineClock {
    return this.world.clockOf(this.machine);
  }

  /** Its actions as a coordinator's configuration or its hello names them. */
  get actions() {
    const { tryAttempts, callTimeoutMs } = this.setUp;
    return actionNames.map((name) => ({ name, methods: undefined, callTimeoutMs, tryAttempts }));
  }

  start(): void {
    const { world, setUp } = this;
    this.starts += 1;
    const machine = new Machine(`${setUp.name}#${this.starts}`);
    this.machine = machine;
    const clock = world.clockOf(machine);
    const fence = new Fence({ dialect: 'mysql', clock });
    const actions = this.served(machine, fence);
    this.purgesNowAndThen(machine, fence);
    const handler = new CallHandler({ actions, maxInFlight: 1_000 }, { clock, logger: silentLogger });
    this.handler = handler;
    this.unary = unaryService(this.heard(handler) as CallHandler, clock);
    if (!setUp.attaches) return;
    const hello = {
      participant: setUp.name,
      instanceId: `${setUp.name}.${this.starts}`,
      actions: actions.registered(),
      maxCallsInFlight: world.chance.pick([4, 100, 1_000]),
      maxBytesInFlight: 0,
      address: setUp.address,
    };
    this.attached = new AttachedCoordinators(
      { coordinators: world.toldOf(setUp.name), hello },
      {
        ...{ clock, logger: silentLogger, random: world.chance.fork(machine.name).next },
        handler: this.heard(handler),
        credentials: undefined as never,
        connect: (address) => {
          const stream = world.openAttach(machine, address) as ClientDuplexStream<AttachUp, AttachDown>;
          return { stream, close: () => undefined };
        },
      },
    );
    void this.attached.start();
  }

  crash(): void {
    this.machine.die();
  }

  /** The handler, with somebody who sees each call arrive. */
  private heard(handler: CallHandler): Pick<CallHandler, 'handle'> {
    return {
      handle: (phase, call, limits) => {
        if (call === null) return handler.handle(phase, call, limits);
        this.world.watch.calls.arrived(this.setUp.name, phase, call);
        return this.answer(handler, phase, call, limits);
      },
    };
  }

  /** Serves a call that an application makes by itself, as the machine that runs now. */
  async handle(phase: Phase, call: RawBranchCall, limits: CallLimits): Promise<Answer> {
    this.world.watch.calls.arrived(this.setUp.name, phase, call);
    if (this.handler === undefined) throw new Error('the participant was not started');
    return this.answer(this.handler, phase, call, limits);
  }

  /** Takes leave and answers what is running; resolves when nothing is left of it. */
  async stop(): Promise<void> {
    this.isStopping = true;
    this.purgeTimer?.stop();
    await this.attached?.stop(2_000);
    this.handler?.refuseNew();
    await this.handler?.drained();
  }

  /** A month goes by; resolves when its fence was purged from end to end. */
  async purgesAll(): Promise<void> {
    const { database, machine, world } = this;
    database.ages(31 * DAY_MS);
    const fence = new Fence({ dialect: 'mysql', clock: world.clockOf(machine) });
    while (!(await this.purge(machine, fence, 30 * DAY_MS)).endReached);
  }

  private purge(machine: Machine, fence: Fence, olderThanMs: number) {
    return this.database.transactionsOf(machine)((_, executor) =>
      fence.purge(executor, { olderThanMs, limit: PURGE_ROWS }),
    );
  }

  private purgesNowAndThen(machine: Machine, fence: Fence): void {
    const clock = this.world.clockOf(machine);
    const purge = (): void => {
      const again = (): void => {
        if (this.machine === machine && !this.isStopping) this.purgeTimer = clock.startTimer(PURGE_MS, purge);
      };
      this.purge(machine, fence, DAY_MS).then(again, again);
    };
    this.purgeTimer = clock.startTimer(this.world.chance.between(0, PURGE_MS), purge);
  }

  private async answer(handler: CallHandler, phase: Phase, call: RawBranchCall, limits?: CallLimits): Promise<Answer> {
    if (this.sickness === 'silent') return new Promise(() => undefined);
    const answer =
      this.sickness === 'fails'
        ? failed('UNAVAILABLE', 'this participant is sick')
        : await handler.handle(phase, call, limits);
    this.world.watch.calls.says(phase, call, answer);
    return answer;
  }

  private served(machine: Machine, fence: Fence): Actions {
    const transaction = this.database.transactionsOf(machine);
    const single = this.singleHandlers(machine);
    const actions = new Actions();
    const { callTimeoutMs, tryAttempts } = this.setUp;
    const options = { callTimeoutMs, tryAttempts };
    actions.add('single', fenced(fence, transaction, single), options);
    actions.add('outside', fenced(fence, transaction, single, { cancelWithoutTry: true }), options);
    const batch = fencedBatch(fence, transaction, this.batchHandlers(machine));
    const lanes = this.world.chance.whole(1, 2);
    actions.add(
      'batch',
      { ...fenced(fence, transaction, single), ...batch },
      { ...options, batch: { lanes, maxCalls: 16 } },
    );
    return actions;
  }

  private singleHandlers(machine: Machine) {
    const { faults } = this.world;
    const serve = async (call: BranchCall, open: OpenTransaction): Promise<object> => {
      if (this.refuses(call, machine)) throw new Refused('no stock');
      open.count(call, effectOf[call.phase]);
      await open.travel();
      if (faults.strikes('participant: handler fails', machine.name)) throw new Error('the business code failed');
      return { of: `${call.gid} ${call.branchId}` };
    };
    return { try: serve, confirm: serve, cancel: serve };
  }

  private batchHandlers(machine: Machine) {
    const { faults, coverage } = this.world;
    const serve = async (calls: readonly BranchCall[], open: OpenTransaction): Promise<readonly (object | Error)[]> => {
      if (calls.length > 1) coverage.reached('path: a batch of several calls');
      const answers: (object | Error)[] = [];
      for (const call of calls) {
        if (this.refuses(call, machine)) {
          answers.push(new Refused('no stock'));
          continue;
        }
        open.count(call, effectOf[call.phase]);
        answers.push({ of: `${call.gid} ${call.branchId}` });
        if (faults.strikes('participant: batch dies half-way', machine.name))
          throw new Error('the batch handler failed');
      }
      await open.travel();
      return answers;
    };
    return { try: serve, confirm: serve, cancel: serve };
  }

  private refuses(call: BranchCall & FenceCall, machine: Machine): boolean {
    if (call.phase !== 'try') return this.world.faults.strikes('participant: breaks its promise', machine.name);
    return call.payload<Order | undefined>()?.refuses === true;
  }
}
