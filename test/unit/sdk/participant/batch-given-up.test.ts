import { BatchHouse, Held, turn, words } from './batch-house';

let house: BatchHouse;
beforeEach(() => {
  house = new BatchHouse();
});

describe('calls for a batch that are given up', () => {
  test('what was given up, and a Try whose time is over, does not start', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const answers = [house.call('a')];
    await turn();
    answers.push(house.call('b'), house.call('c', { remainingMs: 100 }), house.call('d'));
    house.leave[1]?.();
    house.nowMs = 100;
    held.end(0);
    await turn();
    expect(held.gids(1)).toEqual(['d']);
    held.end(1);
    const gone = 'DEADLINE_EXCEEDED: the call was given up before its batch began';
    expect(words(await Promise.all(answers))).toEqual(['OK', gone, gone, 'OK']);
  });

  test('a late Confirm starts as long as its caller is there', async () => {
    const held = new Held();
    house.serve({ confirmBatch: held.serve });
    const answers = [house.call('a', { phase: 'confirm' })];
    await turn();
    answers.push(...house.calls('bc', { phase: 'confirm', remainingMs: 100 }));
    house.leave[1]?.();
    house.nowMs = 1_000;
    held.end(0);
    await turn();
    expect(held.gids(1)).toEqual(['c']);
    held.end(1);
    await Promise.all(answers);
  });

  test('behind a batch that never ends, calls that were given up are answered', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const stuck = house.call('a');
    await turn();
    const waiting = [house.call('b', { remainingMs: 100 }), house.call('c')];
    const isAnswered = jest.fn();
    void waiting[0]?.then(isAnswered);
    house.nowMs = 100;
    for (const fire of house.timers.splice(0)) fire();
    await turn();
    expect(isAnswered).toHaveBeenCalledWith(expect.objectContaining({ status: 'DEADLINE_EXCEEDED' }));
    expect(house.timers).toHaveLength(1);
    held.end(0);
    await turn();
    held.end(1);
    await Promise.all([stuck, ...waiting]);
    expect(house.timers).toEqual([]);
  });

  test('a call given up after its batch failed is not run by itself', async () => {
    const held = new Held();
    house.serve({ tryBatch: held.serve });
    const answers = house.calls('ab');
    await turn();
    house.leave[0]?.();
    held.batches[0]?.fail(new Error('lost'));
    await turn();
    expect(held.gids(1)).toEqual(['b']);
    held.end(1);
    expect(words(await Promise.all(answers))[1]).toBe('OK');
  });
});
