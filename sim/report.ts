import type { Coverage } from './kernel/coverage';
import type { Omitted } from './kernel/faults';
import type { SeedResult } from './seed';

/** Lines of the trace that a report shows: what led to the end of it. The whole goes to a file. */
const TRACE_SHOWN = 80;

/** A failure for people: what, with which faults, and how to see it again. */
export function failureReport(result: SeedResult, omitted: Omitted): string {
  const left = [...omitted.kinds, ...omitted.strikes].join(',');
  const again = `npm run sim -- --seed ${result.seed}${left === '' ? '' : ` --omit '${left}'`}`;
  return [
    `seed ${result.seed} breaks:`,
    ...result.broken.slice(0, 10).map((text) => `  ${text}`),
    `${result.struck.length} faults that struck and could not be left out:`,
    ...result.struck.map(({ name, atMs, where }) => `  ${atMs.toFixed(2).padStart(10)} ${where.padEnd(14)} ${name}`),
    `the end of what happened (${result.trace.length} events):`,
    ...result.trace.slice(-TRACE_SHOWN),
    `again: ${again}`,
    '',
  ].join('\n');
}

/** How often what was reached. */
export function coverageTable(coverage: Coverage): string {
  const rows = [...coverage.counts].sort(([one], [other]) => (one < other ? -1 : 1));
  return rows.map(([what, times]) => `${String(times).padStart(9)}  ${what}\n`).join('');
}
