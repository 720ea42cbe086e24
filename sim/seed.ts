/** One run: a world lives through its faults, is healed, comes to rest, and is drained. */
import { setMaxListeners } from 'node:events';

import { atOnce } from './immediates';
import { nothingOmitted, type Omitted, type Strike } from './kernel/faults';
import type { Coverage } from './kernel/coverage';
import { Life } from './life';
import { World } from './world';

export interface SeedResult {
  readonly seed: number;
  readonly hash: string;
  /** What must not have been; empty when all is well. */
  readonly broken: readonly string[];
  readonly struck: readonly Strike[];
  readonly coverage: Coverage;
  readonly trace: readonly string[];
  readonly turns: number;
  readonly transactions: number;
  readonly virtualMs: number;
}

/** Runs a seed, within one turn of the real event loop. Not to be called from within a promise's continuation. */
export function runSeed(seed: number, omitted: Omitted = nothingOmitted, keepsTrace = false): SeedResult {
  setMaxListeners(0);
  const { stackTraceLimit } = Error;
  // Faults are errors by the thousand, and a stack trace costs more than all else about them; a replay has them.
  if (!keepsTrace) Error.stackTraceLimit = 0;
  const world = new World(seed, { omitted, keepsTrace });
  const { scheduler, watch, trace } = world;
  atOnce(
    scheduler.immediate,
    (text) => watch.breaks(text),
    () => new Life(world).pass(),
  );
  Error.stackTraceLimit = stackTraceLimit;
  return {
    seed,
    hash: trace.hash,
    broken: watch.broken,
    struck: world.faults.struck,
    coverage: world.coverage,
    trace: trace.lines,
    turns: scheduler.turns,
    transactions: watch.begun,
    virtualMs: scheduler.nowMs,
  };
}
