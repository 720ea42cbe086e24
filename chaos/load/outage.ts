/**
 * The longest time without a success between two moments: gaps between successes, the one that the first moment lies in and the
 * one that reaches to the end included. `times` are in order.
 */
export function longestGapMs(times: readonly number[], fromMs: number, toMs: number): number {
  const before = times.findLast((time) => time <= fromMs) ?? fromMs;
  const inside = times.filter((time) => time > fromMs && time < toMs);
  const marks = [before, ...inside, toMs];
  return Math.max(...marks.slice(1).map((time, index) => time - (marks[index] ?? time)));
}
