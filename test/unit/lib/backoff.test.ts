import fc from 'fast-check';

import { backoffMs } from '../../../src/lib/backoff';

const policy = { firstMs: 200, factor: 2, capMs: 60_000, jitter: 0.2 };
const noChance = () => 0;

test.each([
  [0, 200],
  [1, 200],
  [2, 400],
  [3, 800],
  [9, 51_200],
  [10, 60_000],
  [1_000_000, 60_000],
])('after %d failures the delay is %d ms', (failures, delayMs) => {
  expect(backoffMs(policy, failures, noChance)).toBe(delayMs);
});

test('chance shortens a delay by the jitter’s share at most, and never lengthens it', () => {
  expect(backoffMs(policy, 1, () => 0.5)).toBe(180);
  fc.assert(
    fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (failures, chance) => {
      const full = backoffMs(policy, failures, noChance);
      const delayMs = backoffMs(policy, failures, () => chance);
      expect(delayMs).toBeLessThanOrEqual(full);
      expect(delayMs).toBeGreaterThanOrEqual(Math.floor(full * 0.8));
      expect(Number.isInteger(delayMs)).toBe(true);
    }),
  );
});

test('delays never shrink as failures grow, and stay below the cap', () => {
  fc.assert(
    fc.property(fc.nat(200), (failures) => {
      const [one, next] = [failures, failures + 1].map((count) => backoffMs(policy, count, noChance));
      expect(next).toBeGreaterThanOrEqual(one ?? 0);
      expect(next).toBeLessThanOrEqual(policy.capMs);
    }),
  );
});
