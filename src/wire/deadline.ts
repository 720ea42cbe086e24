import type { Clock } from '../lib/clock';

/**
 * The longest timeout a call is given: 24 days. grpc-js lets a call fail at once when its deadline is beyond what one
 * setTimeout takes (25 days), and sends a wrong one beyond that.
 */
export const LONGEST_CALL_MS = 24 * 24 * 3_600_000;

/** A timeout that grpc-js can keep: whole milliseconds, from 1 to LONGEST_CALL_MS. What is not a number becomes the longest. */
export function clampTimeoutMs(timeoutMs: number): number {
  if (Number.isNaN(timeoutMs)) return LONGEST_CALL_MS;
  return Math.min(Math.max(Math.floor(timeoutMs), 1), LONGEST_CALL_MS);
}

/** The `deadline` call option for a call that may take `timeoutMs` from now. grpc-js compares it with the machine's clock. */
export function deadlineIn(clock: Clock, timeoutMs: number): number {
  return clock.wallMs() + clampTimeoutMs(timeoutMs);
}
