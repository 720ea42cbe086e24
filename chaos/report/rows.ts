import type { Fault } from '../faults/fault';
import type { Strike } from '../run';

/** One line of the table: a fault and everything that came of it. */
export interface Row {
  readonly fault: string;
  readonly strikes: number;
  /** How often it was seen to bite, over all strikes. */
  readonly hits: number;
  /** The longest time without a successful order at a client, of each strike. */
  readonly gapsMs: readonly number[];
  /** The longest of those. Undefined: it did not strike. */
  readonly longestGapMs: number | undefined;
  /** The longest time at the application that was better off, over all strikes. */
  readonly luckierGapMs: number | undefined;
  /** The longest time that the thing itself was away, where that is known. */
  readonly ownMs: number | undefined;
  readonly goal: string | undefined;
  /** Whether the project set the goal itself. */
  readonly isGoalOurs: boolean;
  /** Undefined: there is no goal, or it did not strike. */
  readonly isMet: boolean | undefined;
  /** In a sentence each. */
  readonly violations: readonly string[];
  /** Why it could not strike here. */
  readonly notHere: string | undefined;
}

export function rowOf(fault: Fault, strikes: readonly Strike[], notHere: string | undefined): Row {
  const most = (values: readonly number[]) => (values.length === 0 ? undefined : Math.max(...values));
  const gapsMs = strikes.map(({ gapMs }) => Math.round(gapMs));
  return {
    fault: fault.name,
    strikes: strikes.length,
    hits: strikes.reduce((sum, { struck }) => sum + struck.times, 0),
    gapsMs,
    longestGapMs: most(gapsMs),
    luckierGapMs: most(strikes.map((each) => Math.round(each.luckierGapMs))),
    ownMs: most(strikes.flatMap(({ struck }) => (struck.ownMs === undefined ? [] : Math.round(struck.ownMs)))),
    goal: fault.goal?.words,
    isGoalOurs: fault.goal?.isOurs === true,
    isMet:
      strikes.length === 0
        ? undefined
        : fault.goal && strikes.every(({ gapMs, limitMs = Infinity }) => gapMs <= limitMs),
    violations: strikes.flatMap(({ violations }) => violations),
    notHere,
  };
}

/** The table as Markdown. */
export function markdownOf(rows: readonly Row[]): string {
  return [
    '| fault | strikes | hits | longest time without a successful order | median | at the luckier application | itself away | goal | | violations |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) => `| ${cellsOf(row).join(' | ')} |`),
    '',
  ].join('\n');
}

function cellsOf(row: Row): readonly (string | number)[] {
  const { fault, strikes, hits, longestGapMs, gapsMs, ownMs, violations, notHere } = row;
  const goal = `${row.goal ?? ''}${row.isGoalOurs ? ' (ours)' : ''}`;
  if (notHere !== undefined) return [fault, '–', '–', `not struck here: ${notHere}`, '', '', '', goal, '', '–'];
  const own = ownMs === undefined ? '' : seconds(ownMs);
  return [
    fault,
    strikes,
    hits,
    seconds(longestGapMs),
    seconds(medianOf(gapsMs)),
    seconds(row.luckierGapMs),
    own,
    goal,
    wordOf(row),
    violations.length,
  ];
}

export function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(2)} s`;
}

/** The upper one of two in the middle. */
function medianOf(values: readonly number[]): number | undefined {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)];
}

function wordOf({ isMet }: Row): string {
  if (isMet === undefined) return '';
  return isMet ? 'met' : '**not met**';
}
