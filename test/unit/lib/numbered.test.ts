import fc from 'fast-check';

import { Numbered } from '../../../src/lib/numbered';

const LAST_NUMBER = 2 ** 32 - 1;

/** One that has given all numbers up to this one. */
function after(number: number): Numbered<string> {
  return Object.assign(new Numbered<string>(), { last: number });
}

test('holds what a map would hold, whoever comes and goes', () => {
  const comesAndGoes = fc.array(fc.oneof(fc.constant('comes'), fc.nat(300)), { maxLength: 1_000 });
  fc.assert(
    fc.property(comesAndGoes, fc.constantFrom(0, LAST_NUMBER - 20), (events, start) => {
      const numbered = after(start);
      const model = new Map<number, string>();
      for (const event of events) {
        if (event === 'comes') {
          const number = numbered.next();
          expect(model.has(number)).toBe(false);
          expect(number).toBeGreaterThan(0);
          expect(number).toBeLessThanOrEqual(LAST_NUMBER);
          numbered.set(number, `n${number}`);
          model.set(number, `n${number}`);
        } else {
          const gone = [...model.keys()][event % Math.max(1, model.size)] ?? 7;
          expect(numbered.delete(gone)).toBe(model.delete(gone));
          expect(numbered.get(gone)).toBeUndefined();
        }
        expect(numbered.size).toBe(model.size);
      }
      for (const [number, value] of model) expect(numbered.get(number)).toBe(value);
      expect([...numbered.all()].sort()).toEqual([...model.values()].sort());
    }),
  );
});

test('a number that comes back late finds nothing, also when its place is taken again', () => {
  const numbered = new Numbered<string>();
  const late = numbered.next();
  numbered.set(late, 'first');
  numbered.delete(late);
  const seen = new Set<number>([late]);
  for (let more = 0; more < 1_000; more += 1) {
    const number = numbered.next();
    expect(seen.has(number)).toBe(false);
    seen.add(number);
    numbered.set(number, 'another');
    expect(numbered.has(late)).toBe(false);
    numbered.delete(number);
  }
});

test('one that stays is passed over by those that come and go, all the way round', () => {
  const numbered = after(LAST_NUMBER - 1);
  const stays = numbered.next();
  numbered.set(stays, 'stays');
  for (let more = 0; more < 500; more += 1) {
    const number = numbered.next();
    expect(number).not.toBe(stays);
    numbered.set(number, 'goes');
    numbered.delete(number);
  }
  expect(stays).toBe(LAST_NUMBER);
  expect(numbered.get(stays)).toBe('stays');
  expect(numbered.get(0)).toBeUndefined();
});
