import type { FaultKind, Omitted, Strike } from './kernel/faults';
import { runSeed, type SeedResult } from './seed';

/** Runs that a failure may cost until it is reported: a few seconds. */
const MOST_RUNS = 400;

/** What was broken, without the particulars: another failure is no smaller version of this one. */
export function kindOf(result: SeedResult): string {
  return (result.broken[0] ?? '').split(':', 1)[0] ?? '';
}

/**
 * Leaves out as many faults as it can so that the same invariant is still broken: first whole kinds, then single strikes, in
 * ever smaller groups. What is left out changes what comes after it, so that each step is tried and not reasoned.
 */
export function shrink(failing: SeedResult, before: Omitted): Omitted {
  const kind = kindOf(failing);
  let omitted = before;
  let smallest = failing;
  let runs = 0;
  const attempt = (more: Omitted): boolean => {
    if (runs >= MOST_RUNS) return false;
    runs += 1;
    const result = runSeed(failing.seed, more);
    if (kindOf(result) !== kind) return false;
    omitted = more;
    smallest = result;
    return true;
  };
  for (const each of new Set(failing.struck.map((strike) => strike.kind))) attempt(withKinds(omitted, [each]));
  for (let size = Math.ceil(smallest.struck.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.struck.length;) {
      // When a group goes, the next one has moved to its place.
      if (!attempt(withStrikes(omitted, smallest.struck.slice(at, at + size)))) at += size;
      if (runs >= MOST_RUNS) return omitted;
    }
  }
  return omitted;
}

function withKinds({ kinds, strikes }: Omitted, more: readonly FaultKind[]): Omitted {
  return { kinds: new Set([...kinds, ...more]), strikes };
}

function withStrikes({ kinds, strikes }: Omitted, more: readonly Strike[]): Omitted {
  return { kinds, strikes: new Set([...strikes, ...more.map(({ name }) => name)]) };
}
