import type { BatchActionHandlers, BatchHandler, BatchOptions, BranchCall } from '../../../../src/sdk/participant';
import { Actions } from '../../../../src/sdk/participant/actions';
import { BatchHouse, Held, nothing, turn, words } from './batch-house';

let house: BatchHouse;
beforeEach(() => {
  house = new BatchHouse();
});

describe('batch handlers', () => {
  test('calls of one turn go together, in the order of their arrival; a lone call goes at once', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const first = house.calls('c');
    await turn();
    expect(held.gids(0)).toEqual(['c']);
    held.end(0);
    await first[0];
    const answers = house.calls('cab');
    await turn();
    expect(held.gids(1)).toEqual(['c', 'a', 'b']);
    held.end(1);
    expect(words(await Promise.all(answers))).toEqual(['OK', 'OK', 'OK']);
    expect(house.timers).toEqual([]);
  });

  test('while a batch runs, further calls gather into the next', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const answers = house.calls('a');
    await turn();
    for (const gid of 'bcd') {
      answers.push(house.call(gid));
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
    house.serve({ tryBatch: held.serve, confirmBatch: held.serve });
    const answers = [
      ...house.calls('ab'),
      ...house.calls('cd', { phase: 'confirm' }),
      ...house.calls('e', { action: 'other' }),
      house.call('f', { phase: 'cancel' }),
    ];
    await turn();
    expect(held.batches.map(({ gids }) => gids.join(''))).toEqual(['ab', 'cd', 'e']);
    await expect(answers.at(-1)).resolves.toMatchObject({ kind: 'done' });
    for (const batch of held.batches) batch.end();
    await Promise.all(answers);
  });

  test('a batch is bounded in calls', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve }, { maxCalls: 2 });
    const answers = house.calls('abcde');
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
    house.serve({ tryBatch: held.serve }, { maxBytes: 100 });
    const answers = [
      ...house.calls('ab', { bytes: 40 }),
      ...house.calls('c', { bytes: 30 }),
      ...house.calls('d', { bytes: 500 }),
      ...house.calls('e', { bytes: 1 }),
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
    house.serve({ tryBatch: held.serve }, { lanes: 2, maxCalls: 2 });
    const answers = house.calls('abcdef');
    await turn();
    expect(held.sizes).toEqual([2, 2]);
    held.end(1);
    await turn();
    expect(held.gids(2)).toEqual(['e', 'f']);
    held.end(0);
    held.end(2);
    await Promise.all(answers);
  });

  test('calls that wait for their batch count as running', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const answers = house.calls('ab');
    const drained = jest.fn();
    void house.drained().then(drained);
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
    house.serveActions(actions, 10);
    expect(words([await house.call('a'), await house.call('a', { phase: 'confirm' })])).toEqual(['OK', 'OK']);
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
