import type { Fault } from '../faults/fault';
import type { Strike } from '../run';

/** One line of the table: a fault and everything that came of it. */
export interface Row {
  readonly fault: string;
  readonly strikes: number;
  /** How often it was seen to bite, over all strikes. */
  readonly times: number;
  /** The longest time without a successful order at a client. Undefined: it did not strike. */
  readonly longestGapMs: number | undefined;
  /** The longest time that the thing itself was away, where that is known. */
  readonly ownMs: number | undefined;
  readonly goal: string | undefined;
  /** Undefined: there is no goal. */
  readonly isMet: boolean | undefined;
  readonly violations: number;
  /** Why it could not strike here. */
  readonly notHere: string | undefined;
}

export function rowOf(fault: Fault, strikes: readonly Strike[], notHere: string | undefined): Row {
  const most = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values));
  return {
    fault: fault.name,
    strikes: strikes.length,
    times: strikes.reduce((sum, { struck }) => sum + struck.times, 0),
    longestGapMs: most(strikes.map(({ gapMs }) => gapMs)),
    ownMs: most(strikes.flatMap(({ struck }) => struck.ownMs ?? [])),
    goal: fault.goal?.words,
    isMet: fault.goal && strikes.every(({ gapMs, limitMs = Infinity }) => gapMs <= limitMs),
    violations: strikes.reduce((sum, { violations }) => sum + violations.length, 0),
    notHere,
  };
}

/** The table as Markdown. */
export function markdownOf(rows: readonly Row[]): string {
  return [
    '| fault | strikes | times struck | longest time without a successful order | goal | | violations |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) =>
      row.notHere === undefined
        ? `| ${row.fault} | ${row.strikes} | ${row.times} | ${seconds(row.longestGapMs)}${own(row)} | ${row.goal ?? ''} | ${wordOf(row)} | ${row.violations} |`
        : `| ${row.fault} | – | – | not here: ${row.notHere} | ${row.goal ?? ''} | | – |`,
    ),
    '',
  ].join('\n');
}

export function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(2)} s`;
}

function own({ ownMs }: Row): string {
  return ownMs === undefined ? '' : ` (itself away: ${seconds(ownMs)})`;
}

function wordOf({ isMet }: Row): string {
  if (isMet === undefined) return '';
  return isMet ? 'met' : '**not met**';
}
