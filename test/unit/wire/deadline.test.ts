import { clampTimeoutMs, deadlineIn, LONGEST_CALL_MS } from '../../../src/wire/deadline';

describe('clampTimeoutMs', () => {
  it.each([
    [0, 1],
    [-5, 1],
    [0.4, 1],
    [1, 1],
    [1500.9, 1500],
    [30 * 24 * 3_600_000, LONGEST_CALL_MS],
    [60 * 24 * 3_600_000, LONGEST_CALL_MS],
    [Infinity, LONGEST_CALL_MS],
    [NaN, LONGEST_CALL_MS],
  ])('%d becomes %d', (asked, given) => {
    expect(clampTimeoutMs(asked)).toBe(given);
  });

  it('the longest fits one setTimeout', () => {
    expect(LONGEST_CALL_MS).toBeLessThan(2 ** 31 - 1);
  });
});

describe('deadlineIn', () => {
  it("counts from the machine's clock", () => {
    const clock = { wallMs: () => 1000, monotonicMs: () => 0, startTimer: () => ({ stop: () => undefined }) };
    expect(deadlineIn(clock, 250)).toBe(1250);
  });
});
