import type { Findings } from '../campaign';
import type { Strike } from '../run';
import { seconds } from './rows';

/** A run with fewer confirmed orders for each strike shows nothing. */
const LEAST_CONFIRMED_PER_STRIKE = 20;

/** What is said of the run as a whole. */
export interface Facts {
  readonly at: string;
  readonly cpu: string;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  readonly databases: readonly string[];
  readonly seed: number;
  /** What repeats the run. */
  readonly command: string;
  readonly minutes: number;
  readonly orders: number;
  readonly confirmed: number;
  readonly cancelled: number;
  readonly neverBegun: number;
  readonly looks: number;
}

export function factsOf(
  findings: readonly Findings[],
  {
    tookMs,
    ...surroundings
  }: Pick<Facts, 'at' | 'cpu' | 'memoryGiB' | 'platform' | 'node' | 'seed' | 'command'> & { readonly tookMs: number },
): Facts {
  const sum = (of: (each: Findings) => number) => findings.reduce((total, each) => total + of(each), 0);
  return {
    ...surroundings,
    databases: findings.map(({ databases }) => databases),
    minutes: Number((tookMs / 60_000).toFixed(1)),
    orders: sum(({ orders }) => orders),
    confirmed: sum(({ confirmed }) => confirmed),
    cancelled: sum(({ cancelled }) => cancelled),
    neverBegun: sum(({ neverBegun }) => neverBegun),
    looks: sum(({ looks }) => looks),
  };
}

/** Why a run shows too little to count, in a sentence each. */
export function faultsOfRun({ confirmed, looks }: Facts, strikes: number): string[] {
  return [
    ...(confirmed < LEAST_CONFIRMED_PER_STRIKE * strikes ? [`only ${confirmed} orders were confirmed`] : []),
    ...(looks < strikes ? [`the books were looked at only ${looks} times while orders ran`] : []),
  ];
}

export function headline(facts: Facts): string {
  const count = (number: number) => number.toLocaleString('en');
  return (
    `\`${facts.command}\`\n\n` +
    `${facts.at.slice(0, 10)}, ${facts.cpu}, ${facts.memoryGiB} GiB, ${facts.platform}, Node ${facts.node}; ` +
    `${facts.databases.join('; ')}. ${facts.minutes} minutes, ${count(facts.orders)} orders: ` +
    `${count(facts.confirmed)} confirmed, ${count(facts.cancelled)} cancelled, ${count(facts.neverBegun)} never begun. ` +
    `The books were looked at ${count(facts.looks)} times while orders ran, and after every strike at rest.`
  );
}

/** One strike, for whoever watches the run. */
export function lineOf({ fault, struck, gapMs, limitMs, violations }: Strike): string {
  const limit = limitMs === undefined ? '' : ` of ${seconds(limitMs)}${gapMs > limitMs ? ', NOT MET' : ''}`;
  return [
    `${fault.name}: ${struck.times} x (${struck.whom}), ${seconds(gapMs)}${limit}, ${violations.length} violations\n`,
    ...violations.map((violation) => `  VIOLATION: ${violation}\n`),
  ].join('');
}
