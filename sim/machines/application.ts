/** Applications: what they ask for, on the SDK's client, and what they make of the answers. */
import { status } from '@grpc/grpc-js';

import { sleep } from '../../src/lib/clock';
import { silentLogger } from '../../src/lib/logger';
import type { BranchOptions } from '../../src/sdk/client/branches';
import { TccClient } from '../../src/sdk/client/client';
import { CancelledError, TccClientError, TccRequestError, UnavailableError } from '../../src/sdk/client/errors';
import { Failover } from '../../src/sdk/client/failover';
import type { Wait } from '../../src/sdk/client/requests';
import type { TransactionScope } from '../../src/sdk/client/run';
import { StreamTransport } from '../../src/sdk/client/stream-transport';
import type { GrpcTransport } from '../../src/sdk/client/transport';
import type { TransactionView } from '../../src/sdk/client/views';
import type { Answer } from '../../src/sdk/participant/answer';
import { Machine } from '../kernel/machine';
import type { World } from '../world';
import { SimulatedTransport } from './client-transport';
import type { Order } from './participant';

/** One transaction as somebody wants it. */
export interface Wish {
  readonly gid: string;
  readonly kind: 'execute' | 'interactive' | 'register';
  readonly branches: readonly BranchOptions[];
  readonly tryOrder: 'parallel' | 'sequential';
  readonly wait: Wait;
  readonly timeoutMs: number;
  /** Interactive ones: the application changes its mind after its last Try. */
  readonly rollsBack: boolean;
  /** Interactive ones: the Trys are sent all at once. */
  readonly atOnce: boolean;
  /** Interactive ones: the commit comes so many ms after the deadline, before it where it is negative. */
  readonly dawdles: number | undefined;
}

/** Why an interactive transaction is rolled back by its application. */
class ChangedMind extends Error {}

/** Codes that a request may end with while others meddle with the same transaction. */
const EXPECTED: ReadonlySet<string> = new Set(['WRONG_STATE', 'BRANCH_NOT_TRIED', 'TRANSACTION_NOT_FOUND']);

export class ApplicationNode {
  readonly machine: Machine;
  readonly client: TccClient;
  /** Calls that have not ended. */
  underWay = 0;
  private readonly world: World;

  constructor(name: string, world: World) {
    this.world = world;
    this.machine = new Machine(name);
    const chance = world.chance.fork(name);
    const clock = world.clockOf(this.machine);
    const addresses = world.coordinators.map(({ address }) => address);
    const first = chance.whole(0, addresses.length - 1);
    const turned = [...addresses.slice(first), ...addresses.slice(0, first)];
    const wires = new SimulatedTransport(world, this.machine, clock) as unknown as GrpcTransport;
    const transport = chance.happens(0.75) ? new StreamTransport({ unary: wires, clock }) : wires;
    const failover = new Failover(
      { addresses: turned },
      { transport, clock, random: chance.next, logger: silentLogger },
    );
    this.client = new TccClient({ addresses: turned }, failover);
  }

  /** Asks for a transaction, `delayMs` from now. `mustSucceed`: no fault is left that could excuse a failure. */
  wishes(
    wish: Wish,
    delayMs: number,
    options: { readonly abortsAfterMs?: number; readonly mustSucceed?: boolean } = {},
  ): void {
    this.world.watch.asksFor(wish.gid);
    this.world.scheduler.after(delayMs, this.machine, () => {
      const stop = new AbortController();
      const { abortsAfterMs, mustSucceed = false } = options;
      if (abortsAfterMs !== undefined) this.world.scheduler.after(abortsAfterMs, this.machine, () => stop.abort());
      this.follow(this.run(wish, stop.signal), wish.gid, mustSucceed);
    });
  }

  /** Somebody else's hand: rolls a transaction back, whoever runs it. */
  meddles(gid: string, delayMs: number): void {
    this.world.scheduler.after(delayMs, this.machine, () => {
      this.follow(
        this.client
          .rollback(gid, { reason: 'somebody meddles', wait: 'decided' })
          .then(() => this.tells(gid, 'cancelled')),
        gid,
        false,
      );
    });
  }

  /** The same gid with other content: it must be refused, unless it is the first. */
  conflicts(wish: Wish, delayMs: number): void {
    this.world.scheduler.after(delayMs, this.machine, () => {
      if (this.world.watch.rows.status(wish.gid) === undefined) return;
      const { gid, branches, timeoutMs } = wish;
      const asked = this.client.execute({ gid, branches, timeoutMs, name: 'another' }).then(
        () => this.world.watch.breaks(`I1: ${gid} was taken, and ran again with other content`),
        (error: unknown) => {
          if (error instanceof TccRequestError && error.code === 'GID_TAKEN')
            this.world.coverage.reached('path: a gid is taken');
          else throw error;
        },
      );
      this.follow(asked, gid, false);
    });
  }

  private follow(running: Promise<unknown>, gid: string, mustSucceed: boolean): void {
    const { watch, coverage } = this.world;
    this.underWay += 1;
    void running.then(
      () => (this.underWay -= 1),
      (error: unknown) => {
        this.underWay -= 1;
        if (error instanceof CancelledError) this.tells(gid, 'cancelled');
        const code = error instanceof TccClientError ? error.code : nameOf(error);
        coverage.reached(`error: ${code}`);
        this.world.trace.note(this.machine.name, `${gid}: ${code}`);
        if (error instanceof TccRequestError && !EXPECTED.has(error.code))
          watch.breaks(`an application hears ${error.code} of ${gid}: ${error.message}`);
        const isExcused =
          error instanceof TccClientError ||
          error instanceof ChangedMind ||
          code === 'AbortError' ||
          error instanceof OwnTryFailed;
        if (!isExcused) watch.breaks(`an application hears of ${gid}: ${String((error as Error).stack)}`);
        if (mustSucceed)
          watch.breaks(`I11: ${gid}, begun after all faults were healed, ends with ${code}: ${String(error)}`);
        if (error instanceof UnavailableError) coverage.reached('path: the patience of a client runs out');
      },
    );
  }

  private async run(wish: Wish, signal: AbortSignal): Promise<void> {
    const { gid, timeoutMs, wait, tryOrder, branches } = wish;
    if (wish.kind === 'execute') {
      const view = await this.client.execute({ gid, timeoutMs, wait, tryOrder, branches, signal });
      if (view.gid !== gid) this.world.watch.breaks(`I8: an application asked for ${gid} and got ${view.gid}`);
      this.saw(view);
      return;
    }
    const work = wish.kind === 'interactive' ? this.tries(wish) : this.registers(wish);
    const clock = this.world.clockOf(this.machine);
    const beganMs = clock.monotonicMs();
    await this.client.run({ gid, timeoutMs, wait, signal }, async (tx) => {
      await work(tx);
      const { dawdles } = wish;
      if (dawdles !== undefined) await sleep(clock, beganMs + timeoutMs + dawdles - clock.monotonicMs(), signal);
      if (wish.rollsBack) throw new ChangedMind();
    });
    this.tells(gid, 'confirmed');
  }

  private tries({ gid, branches, atOnce }: Wish) {
    return async (tx: TransactionScope): Promise<void> => {
      const attempt = async ({ participant, action, payload, branchId }: BranchOptions): Promise<void> => {
        const reply = await tx.try<{ readonly of: string }>(participant, action, payload, { branchId });
        if (reply.of !== `${gid} ${branchId ?? ''}`)
          this.world.watch.breaks(`I10: the Try of ${gid} ${String(branchId)} answers ${JSON.stringify(reply)}`);
      };
      if (atOnce) await Promise.all(branches.map(attempt));
      else for (const branch of branches) await attempt(branch);
    };
  }

  private registers({ gid, branches }: Wish) {
    return async (tx: TransactionScope): Promise<void> => {
      for (const { participant, action, payload, branchId = '' } of branches) {
        await tx.registerBranch(participant, action, payload, { branchId });
        this.world.watch.calls.sentByApplication(gid, branchId);
        await this.ownTry(gid, { participant, action, payload, branchId });
      }
    };
  }

  /** The application calls the participant by itself, a few times. */
  private async ownTry(gid: string, { participant, action, payload, branchId = '' }: BranchOptions): Promise<void> {
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      const answer = await this.callTry(gid, { participant, action, payload, branchId }, attempt);
      if (answer?.kind === 'done') return;
      if (answer !== undefined && status[answer.status] === status.ABORTED) break;
    }
    throw new OwnTryFailed(`the Try of ${gid} ${branchId} failed`);
  }

  private callTry(
    gid: string,
    { participant, action, payload, branchId = '' }: BranchOptions,
    attempt: number,
  ): Promise<Answer | undefined> {
    const { network } = this.world;
    const node = this.world.participant(participant);
    const clock = this.world.clockOf(this.machine);
    const data = Buffer.from(JSON.stringify(payload ?? null));
    const wire = {
      gid,
      branchId,
      action,
      attempt,
      remainingMs: 1_000,
      payload: { data, contentType: 'application/json' },
    };
    return new Promise((resolve) => {
      const timer = clock.startTimer(1_000, () => resolve(undefined));
      network.ask<Answer>({
        from: this.machine,
        to: () => node.machine,
        what: gid,
        serve: (_to, onGone) => node.handle('try', wire, { onGone }),
        answered: (answer) => {
          timer.stop();
          resolve(answer);
        },
      });
    });
  }

  private saw({ gid, status: stands }: TransactionView): void {
    if (stands === 'CONFIRMING' || stands === 'CONFIRMED') this.tells(gid, 'confirmed');
    else if (stands !== 'TRYING') this.tells(gid, 'cancelled');
    else this.world.coverage.reached('path: an application hears that it is accepted');
  }

  private tells(gid: string, outcome: 'confirmed' | 'cancelled'): void {
    this.world.watch.tells(gid, outcome);
  }
}

class OwnTryFailed extends Error {}

function nameOf(error: unknown): string {
  return String((error as { readonly name?: unknown }).name);
}

export type { Order };
