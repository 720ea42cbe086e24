import { Coverage } from './kernel/coverage';
import { nothingOmitted } from './kernel/faults';
import { ENOUGH_SEEDS, missingOf } from './required';
import { runSeed, type SeedResult } from './seed';

/** What came of many seeds. */
export interface ManyResult {
  readonly seeds: number;
  readonly transactions: number;
  readonly coverage: Coverage;
  readonly failed: readonly SeedResult[];
  /** What a run of so many should have reached and did not; empty for a run of fewer. */
  readonly missing: readonly string[];
}

/** A bug is mostly shown by many seeds: after so many failures the rest is not worth the time. */
const MOST_FAILURES = 5;

/** Runs seeds from `from` on as long as `goesOn` says. Not to be called from within a promise's continuation. */
export function runMany(from: number, goesOn: (done: number) => boolean, mostFailures = MOST_FAILURES): ManyResult {
  const coverage = new Coverage();
  const failed: SeedResult[] = [];
  let seeds = 0;
  let transactions = 0;
  for (; goesOn(seeds) && failed.length < mostFailures; seeds += 1) {
    const result = runSeed(from + seeds, nothingOmitted);
    coverage.add(result.coverage);
    transactions += result.transactions;
    if (result.broken.length > 0) failed.push(result);
  }
  return { seeds, transactions, coverage, failed, missing: seeds >= ENOUGH_SEEDS ? missingOf(coverage) : [] };
}
