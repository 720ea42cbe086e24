import { silentLogger, type Logger } from '../../../../src/lib/logger';
import { systemClock, type Clock } from '../../../../src/lib/clock';
import type { Phase } from '../../../../src/sdk/fence';
import type { BatchActionHandlers, BatchHandler, BatchOptions } from '../../../../src/sdk/participant';
import { Actions } from '../../../../src/sdk/participant/actions';
import type { Answer } from '../../../../src/sdk/participant/answer';
import { CallHandler } from '../../../../src/sdk/participant/call-handler';

/** A turn of the event loop: what was gathered in it has been handed over afterwards. */
export const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

export const nothing = () => undefined;

/** A batch handler whose batches end when the test says so. */
export class Held {
  readonly batches: {
    readonly gids: string[];
    readonly end: (answers?: unknown[]) => void;
    fail(error: Error): void;
  }[] = [];

  readonly serve: BatchHandler = (calls) =>
    new Promise((resolve, reject) => {
      this.batches.push({
        gids: calls.map(({ gid }) => gid),
        end: (answers = calls.map(() => undefined)) => resolve(answers),
        fail: reject,
      });
    });

  get sizes(): number[] {
    return this.batches.map(({ gids }) => gids.length);
  }

  gids(batch: number): string[] | undefined {
    return this.batches[batch]?.gids;
  }

  end(batch: number, answers?: unknown[]): void {
    this.batches[batch]?.end(answers);
  }
}

interface CallOptions {
  readonly phase?: Phase;
  readonly action?: string;
  readonly bytes?: number;
  readonly remainingMs?: number;
}

/** What a participant does with the calls that arrive, without the network and on a test's time. */
export class BatchHouse {
  nowMs = 0;
  /** What fires when time has passed. */
  timers: (() => void)[] = [];
  /** Tells of each call, in the order of their arrival, that nobody waits for it any more. */
  readonly leave: (() => void)[] = [];
  readonly logged: string[] = [];
  private handler: CallHandler | undefined;
  private readonly clock: Clock = {
    ...systemClock,
    monotonicMs: () => this.nowMs,
    startTimer: (_, fire) => {
      this.timers.push(fire);
      return { stop: () => void (this.timers = this.timers.filter((other) => other !== fire)) };
    },
  };
  private readonly logger: Logger = {
    ...silentLogger,
    warn: (_, message) => this.logged.push(message),
    error: (_, message) => this.logged.push(message),
    child: () => this.logger,
  };

  /** Serves the actions `deduct` and `other` by these handlers; phases without one do nothing. */
  serve(handlers: Partial<BatchActionHandlers>, batch: BatchOptions = {}): void {
    const actions = new Actions();
    const all: Record<string, unknown> = { ...handlers };
    for (const phase of ['try', 'confirm', 'cancel'] as const) {
      if (handlers[`${phase}Batch`] === undefined) all[phase] ??= nothing;
    }
    for (const action of ['deduct', 'other']) actions.add(action, all as BatchActionHandlers, { batch });
    this.serveActions(actions, 1_000);
  }

  serveActions(actions: Actions, maxInFlight: number): void {
    this.handler = new CallHandler({ actions, maxInFlight }, { clock: this.clock, logger: this.logger });
  }

  call(
    gid: string,
    { phase = 'try', action = 'deduct', bytes = 0, remainingMs = 5_000 }: CallOptions = {},
  ): Promise<Answer> {
    if (this.handler === undefined) throw new Error('nothing is served');
    return this.handler.handle(
      phase,
      {
        gid,
        branchId: 'b',
        action,
        attempt: 1,
        remainingMs,
        payload: { data: Buffer.alloc(bytes), contentType: '' },
      },
      { onGone: (gone) => this.leave.push(gone) },
    );
  }

  /** Resolves when no call runs or waits any more. */
  async drained(): Promise<void> {
    await this.handler?.drained();
  }

  /** One call for each letter. */
  calls(gids: string, options?: CallOptions): Promise<Answer>[] {
    return Array.from(gids, (gid) => this.call(gid, options));
  }
}

/** What came of each: what the fence found, OK, or the failure. */
export function words(answers: readonly Answer[]): string[] {
  return answers.map((answer) =>
    answer.kind === 'done' ? (answer.fence ?? 'OK') : `${answer.status}: ${answer.message}`,
  );
}
