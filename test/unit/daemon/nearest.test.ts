import { edits, nearest } from '../../../src/daemon/nearest';

test.each([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['leaseMs', 'leasMs', 1],
])('from %j to %j it takes %d edits', (from, to, count) => {
  expect(edits(from, to)).toBe(count);
  expect(edits(to, from)).toBe(count);
});

test('a misspelt name finds the nearest one, whatever its case', () => {
  expect(nearest('leasems', ['scanMs', 'leaseMs'])).toBe('leaseMs');
});

test('another word finds nothing', () => {
  expect(nearest('colour', ['listen', 'leaseMs'])).toBeUndefined();
  expect(nearest('x', [])).toBeUndefined();
});
