import type { Random } from './random';

/** How delays between attempts grow. */
export interface BackoffPolicy {
  /** The delay before the second attempt, in milliseconds. */
  readonly firstMs: number;
  /** By how much each delay is longer than the one before. */
  readonly factor: number;
  /** No delay is longer than this many milliseconds. */
  readonly capMs: number;
  /** The share of the delay that is drawn by chance: 0.2 makes a delay of 100 ms one of 80 to 100 ms. */
  readonly jitter: number;
}

/** The delay in milliseconds after `failures` failed attempts (1, 2, 3, …): exponential, capped, with jitter. */
export function backoffMs(policy: BackoffPolicy, failures: number, random: Random): number {
  const exponent = Math.min(Math.max(failures - 1, 0), 64);
  const full = Math.min(policy.capMs, policy.firstMs * policy.factor ** exponent);
  return Math.round(full * (1 - policy.jitter * random()));
}
