import { ID_PATTERN, ulidSource } from '../../../src/lib/ids';

test('made ids are ids, differ, and sort by the time of their making', () => {
  const next = ulidSource();
  const ids = Array.from({ length: 1_000 }, next);
  expect(new Set(ids).size).toBe(1_000);
  expect([...ids].sort()).toEqual(ids);
  expect(ids.every((id) => ID_PATTERN.test(id))).toBe(true);
});

test.each(['a', 'order-1', 'A.b_c:d', 'x'.repeat(64)])('%s is an id', (id) => {
  expect(ID_PATTERN.test(id)).toBe(true);
});

test.each(['', 'x'.repeat(65), 'a b', 'ä', 'a/b', 'a\n', '\na', 'a%'])('%j is none', (id) => {
  expect(ID_PATTERN.test(id)).toBe(false);
});
