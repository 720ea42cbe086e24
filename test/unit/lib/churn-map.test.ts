import fc from 'fast-check';

import { ChurnMap } from '../../../src/lib/churn-map';

/** What is done to the map and to a Map, and must look the same from outside. */
const moves = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('set' as const), fc.nat(12)) },
    { weight: 4, arbitrary: fc.tuple(fc.constant('delete' as const), fc.nat(12)) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('clear' as const), fc.constant(0)) },
  ),
  { maxLength: 200 },
);

describe('a map for what comes and goes', () => {
  it('holds what a Map holds, in the same order', () => {
    fc.assert(
      fc.property(moves, (all) => {
        const churn = new ChurnMap<string, number>();
        const map = new Map<string, number>();
        all.forEach(([move, which], turn) => {
          const key = `k${which}`;
          if (move === 'clear') [churn, map].forEach((each) => each.clear());
          else if (move === 'set') [churn, map].forEach((each) => each.set(key, turn));
          else [churn, map].forEach((each) => each.delete(key));
          expect([...churn]).toEqual([...map]);
          expect([...churn.keys()]).toEqual([...map.keys()]);
          expect([...churn.values()]).toEqual([...map.values()]);
          expect([churn.size, churn.has(key), churn.get(key)]).toEqual([map.size, map.has(key), map.get(key)]);
        });
      }),
    );
  });

  it('may be changed while it is gone through, as a Map may', () => {
    const churn = new ChurnMap<number, string>();
    for (const key of [1, 2, 3]) churn.set(key, `v${key}`);
    const seen: string[] = [];
    for (const value of churn.values()) {
      seen.push(value);
      if (value === 'v1') {
        churn.delete(1);
        churn.delete(2);
        churn.set(4, 'v4');
      }
    }
    expect(seen).toEqual(['v1', 'v3', 'v4']);
  });

  it('keeps a value that is undefined', () => {
    const churn = new ChurnMap<string, undefined>();
    churn.set('a', undefined);
    expect([churn.size, churn.has('a'), [...churn]]).toEqual([1, true, [['a', undefined]]]);
  });
});
