import { silentLogger, type Logger } from '../../../../src/lib/logger';
import { systemClock, type Clock } from '../../../../src/lib/clock';
import { FenceResult, Refused, type Phase } from '../../../../src/sdk/fence';
import {
  CallExpired,
  MalformedPayload,
  type BatchActionHandlers,
  type BatchHandler,
  type BatchOptions,
  type BranchCall,
} from '../../../../src/sdk/participant';
import { Actions } from '../../../../src/sdk/participant/actions';
import type { Answer } from '../../../../src/sdk/participant/answer';
import { CallHandler } from '../../../../src/sdk/participant/call-handler';

/** A turn of the event loop: what was gathered in it has been handed over afterwards. */
const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

const nothing = () => undefined;

/** A batch handler whose batches end when the test says so. */
class Held {
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

describe('batch handlers', () => {
  let nowMs = 0;
  let timers: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    startTimer: (_, fire) => {
      timers.push(fire);
      return { stop: () => void (timers = timers.filter((other) => other !== fire)) };
    },
  };
  const logged: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (_, message) => logged.push(message),
    error: (_, message) => logged.push(message),
    child: () => logger,
  };
  let handler: CallHandler;
  let leave: (() => void)[] = [];

  const serve = (handlers: Partial<BatchActionHandlers>, batch: BatchOptions = {}) => {
    const actions = new Actions();
    const all: Record<string, unknown> = { ...handlers };
    for (const phase of ['try', 'confirm', 'cancel'] as const) {
      if (handlers[`${phase}Batch`] === undefined) all[phase] ??= nothing;
    }
    for (const action of ['deduct', 'other']) actions.add(action, all as BatchActionHandlers, { batch });
    handler = new CallHandler({ actions, maxInFlight: 1_000 }, { clock, logger });
  };

  const call = (gid: string, { phase = 'try', action = 'deduct', bytes = 0, remainingMs = 5_000 }: CallOptions = {}) =>
    handler.handle(
      phase,
      {
        gid,
        branchId: 'b',
        action,
        attempt: 1,
        remainingMs,
        payload: { data: Buffer.alloc(bytes), contentType: '' },
      },
      { onGone: (gone) => leave.push(gone) },
    );
  const calls = (gids: string, options?: CallOptions) => Array.from(gids, (gid) => call(gid, options));

  const words = (answers: readonly Answer[]) =>
    answers.map((answer) => (answer.kind === 'done' ? (answer.fence ?? 'OK') : `${answer.status}: ${answer.message}`));

  beforeEach(() => {
    nowMs = 0;
    timers = [];
    logged.length = 0;
    leave = [];
  });

  test('calls of one turn go together, in the order of their arrival; a lone call goes at once', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const first = calls('c');
    await turn();
    expect(held.gids(0)).toEqual(['c']);
    held.end(0);
    await first[0];
    const answers = calls('cab');
    await turn();
    expect(held.gids(1)).toEqual(['c', 'a', 'b']);
    held.end(1);
    expect(words(await Promise.all(answers))).toEqual(['OK', 'OK', 'OK']);
    expect(timers).toEqual([]);
  });

  test('while a batch runs, further calls gather into the next', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const answers = calls('a');
    await turn();
    for (const gid of 'bcd') {
      answers.push(call(gid));
      await turn();
    }
    expect(held.sizes).toEqual([1]);
    held.end(0);
    await turn();
    expect(held.gids(1)).toEqual(['b', 'c', 'd']);
    held.end(1);
    await Promise.all(answers);
  });

  test('phases and actions gather by themselves, and single handlers are not held up', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve, confirmBatch: held.serve });
    const answers = [
      ...calls('ab'),
      ...calls('cd', { phase: 'confirm' }),
      ...calls('e', { action: 'other' }),
      call('f', { phase: 'cancel' }),
    ];
    await turn();
    expect(held.batches.map(({ gids }) => gids.join(''))).toEqual(['ab', 'cd', 'e']);
    await expect(answers.at(-1)).resolves.toMatchObject({ kind: 'done' });
    for (const batch of held.batches) batch.end();
    await Promise.all(answers);
  });

  test('a batch is bounded in calls', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve }, { maxCalls: 2 });
    const answers = calls('abcde');
    for (let batch = 0; batch < 3; batch += 1) {
      await turn();
      expect(held.sizes).toHaveLength(batch + 1);
      held.end(batch);
    }
    await Promise.all(answers);
    expect(held.batches.map(({ gids }) => gids.join(''))).toEqual(['ab', 'cd', 'e']);
  });

  test('a batch is bounded in bytes of payload, unless a single one is larger', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve }, { maxBytes: 100 });
    const answers = [
      ...calls('ab', { bytes: 40 }),
      ...calls('c', { bytes: 30 }),
      ...calls('d', { bytes: 500 }),
      ...calls('e', { bytes: 1 }),
    ];
    for (let batch = 0; batch < 4; batch += 1) {
      await turn();
      held.end(batch);
    }
    await Promise.all(answers);
    expect(held.batches.map(({ gids }) => gids.join(''))).toEqual(['ab', 'c', 'd', 'e']);
  });

  test('as many batches run at a time as there are lanes', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve }, { lanes: 2, maxCalls: 2 });
    const answers = calls('abcdef');
    await turn();
    expect(held.sizes).toEqual([2, 2]);
    held.end(1);
    await turn();
    expect(held.gids(2)).toEqual(['e', 'f']);
    held.end(0);
    held.end(2);
    await Promise.all(answers);
  });

  test('each call gets the answer in its place, as a single handler would have given it', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const answers = calls('abcdefgh');
    await turn();
    held.end(0, [
      { price: 1 },
      new Refused('no stock'),
      new FenceResult('REPEAT', 5, { bytes: Buffer.from('5'), contentType: 'application/json' }),
      new Refused('late', { fence: 'HANGING_REFUSED' }),
      new CallExpired('over'),
      new MalformedPayload('not JSON'),
      new Error('password=secret'),
      1n,
    ]);
    const got = await Promise.all(answers);
    expect(words(got)).toEqual([
      'OK',
      'ABORTED: no stock',
      'REPEAT',
      'ABORTED: late',
      'DEADLINE_EXCEEDED: over',
      'INVALID_ARGUMENT: not JSON',
      'UNKNOWN: handler failed',
      'UNKNOWN: handler failed',
    ]);
    expect(got[0]).toMatchObject({ payload: { data: Buffer.from('{"price":1}') } });
    expect(got[2]).toMatchObject({ payload: { data: Buffer.from('5') } });
    expect(got[3]).toMatchObject({ fence: 'HANGING_REFUSED' });
  });

  const failing =
    (seen: string[], answer: (call: BranchCall) => unknown = () => undefined): BatchHandler =>
    (batch) => {
      seen.push(batch.map(({ gid }) => gid).join(''));
      if (batch.length > 1) return Promise.reject(new Error('deadlock'));
      return Promise.resolve().then(() => batch.map(answer));
    };

  test('a batch that fails is run call by call, each with its own outcome', async () => {
    const seen: string[] = [];
    const answer = ({ gid }: BranchCall) => {
      if (gid === 'b') throw new Refused('no stock');
      if (gid === 'c') throw new Error('broken');
      return gid;
    };
    serve({ tryBatch: failing(seen, answer) });
    expect(words(await Promise.all(calls('abcd')))).toEqual([
      'OK',
      'ABORTED: no stock',
      'UNKNOWN: handler failed',
      'OK',
    ]);
    expect(seen).toEqual(['abcd', 'a', 'b', 'c', 'd']);
    expect(logged).toEqual(['a batch failed; its calls run one by one', 'a handler failed']);
  });

  test('the single handler, where there is one, runs the calls of a batch that failed', async () => {
    const seen: string[] = [];
    const alone: string[] = [];
    serve({ tryBatch: failing(seen), try: ({ gid }) => alone.push(gid) });
    await Promise.all(calls('abc'));
    expect([seen, alone]).toEqual([['abc'], ['a', 'b', 'c']]);
  });

  test.each([0, 1, 3])('%d answers to two calls are a failed batch', async (count) => {
    const seen: number[] = [];
    serve({
      tryBatch: (batch) => {
        seen.push(batch.length);
        return Promise.resolve(batch.length === 2 ? Array<undefined>(count).fill(undefined) : [undefined]);
      },
    });
    expect(words(await Promise.all(calls('ab')))).toEqual(['OK', 'OK']);
    expect(seen).toEqual([2, 1, 1]);
  });

  test('a lone call that fails is not run again', async () => {
    const seen: string[] = [];
    const broken: BatchHandler = (batch) => {
      seen.push(batch.map(({ gid }) => gid).join(''));
      throw new Error('broken');
    };
    serve({ tryBatch: broken });
    expect(words(await Promise.all(calls('a')))).toEqual(['UNKNOWN: handler failed']);
    expect(seen).toEqual(['a']);
  });

  test('of a batch that failed, four calls run at a time', async () => {
    let running = 0;
    let most = 0;
    serve({
      tryBatch: async (batch) => {
        if (batch.length > 1) throw new Error('deadlock');
        running += 1;
        most = Math.max(most, running);
        await turn();
        running -= 1;
        return [undefined];
      },
    });
    expect(words(await Promise.all(calls('abcdefghij')))).toEqual(Array<string>(10).fill('OK'));
    expect(most).toBe(4);
  });

  test('what was given up, and a Try whose time is over, does not start', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const answers = [call('a')];
    await turn();
    answers.push(call('b'), call('c', { remainingMs: 100 }), call('d'));
    leave[1]?.();
    nowMs = 100;
    held.end(0);
    await turn();
    expect(held.gids(1)).toEqual(['d']);
    held.end(1);
    const gone = 'DEADLINE_EXCEEDED: the call was given up before its batch began';
    expect(words(await Promise.all(answers))).toEqual(['OK', gone, gone, 'OK']);
  });

  test('a late Confirm starts as long as its caller is there', async () => {
    const held = new Held();
    serve({ confirmBatch: held.serve });
    const answers = [call('a', { phase: 'confirm' })];
    await turn();
    answers.push(...calls('bc', { phase: 'confirm', remainingMs: 100 }));
    leave[1]?.();
    nowMs = 1_000;
    held.end(0);
    await turn();
    expect(held.gids(1)).toEqual(['c']);
    held.end(1);
    await Promise.all(answers);
  });

  test('behind a batch that never ends, calls that were given up are answered', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const stuck = call('a');
    await turn();
    const waiting = [call('b', { remainingMs: 100 }), call('c')];
    const isAnswered = jest.fn();
    void waiting[0]?.then(isAnswered);
    nowMs = 100;
    for (const fire of timers.splice(0)) fire();
    await turn();
    expect(isAnswered).toHaveBeenCalledWith(expect.objectContaining({ status: 'DEADLINE_EXCEEDED' }));
    expect(timers).toHaveLength(1);
    held.end(0);
    await turn();
    held.end(1);
    await Promise.all([stuck, ...waiting]);
    expect(timers).toEqual([]);
  });

  test('a call given up after its batch failed is not run by itself', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const answers = calls('ab');
    await turn();
    leave[0]?.();
    held.batches[0]?.fail(new Error('lost'));
    await turn();
    expect(held.gids(1)).toEqual(['b']);
    held.end(1);
    expect(words(await Promise.all(answers))[1]).toBe('OK');
  });

  test('calls that wait for their batch count as running', async () => {
    const held = new Held();
    serve({ tryBatch: held.serve });
    const answers = calls('ab');
    const drained = jest.fn();
    void handler.drained().then(drained);
    await turn();
    expect(drained).not.toHaveBeenCalled();
    held.end(0);
    await Promise.all(answers);
    await turn();
    expect(drained).toHaveBeenCalled();
  });

  test('handlers keep their object', async () => {
    class Stock {
      private readonly left = 'left';
      tryBatch(batch: readonly BranchCall[]): Promise<string[]> {
        return Promise.resolve(batch.map(() => this.left));
      }
      confirm(): string {
        return this.left;
      }
      cancel(): void {
        // Nothing to release.
      }
    }
    const actions = new Actions();
    actions.add('deduct', new Stock(), {});
    handler = new CallHandler({ actions, maxInFlight: 10 }, { clock, logger });
    expect(words([await call('a'), await call('a', { phase: 'confirm' })])).toEqual(['OK', 'OK']);
  });
});

describe('an action', () => {
  const batch: BatchHandler = (calls) => Promise.resolve(calls);

  test('needs a handler of one kind for each phase', () => {
    expect(() =>
      new Actions().add('a', { tryBatch: batch, confirmBatch: batch, cancelBatch: batch }, {}),
    ).not.toThrow();
    const incomplete = { try: nothing, confirmBatch: batch } as unknown as BatchActionHandlers;
    expect(() => new Actions().add('a', incomplete, {})).toThrow('no handler for cancel');
  });

  test.each<BatchOptions>([{ lanes: 0 }, { lanes: 65 }, { maxCalls: 1_025 }, { maxCalls: 1.5 }, { maxBytes: 0 }])(
    'refuses batch options %j',
    (options) => {
      const handlers = { tryBatch: batch, confirm: nothing, cancel: nothing };
      expect(() => new Actions().add('a', handlers, { batch: options })).toThrow(RangeError);
    },
  );

  test('does not tell the coordinator how it batches', () => {
    const actions = new Actions();
    actions.add('a', { tryBatch: batch, confirm: nothing, cancel: nothing }, { callTimeoutMs: 5, batch: { lanes: 2 } });
    expect(actions.registered()).toEqual([{ name: 'a', callTimeoutMs: 5 }]);
  });
});
