/**
 * Chaos with real processes: see docs/reliability.md. scripts/chaos.mjs builds and runs it. Exit code 0 only when every fault
 * struck, every goal is met and nothing was violated; 2 when not; 1 when the run itself broke.
 */
import { writeFileSync } from 'node:fs';

import { machine } from '../bench/report/machine';
import { systemClock } from '../src/lib/clock';
import { lastWords } from '../test/e2e/support/program';
import { RestCheck } from './checks/rest';
import { Watch } from './checks/watch';
import { faults } from './faults';
import type { Fault } from './faults/fault';
import { seeded, shuffled } from './lab/chance';
import { Stage } from './lab/stage';
import { Told } from './load/told';
import { type ChaosOptions, parseOptions, usage } from './options';
import { putBetween } from './report/document';
import { markdownOf, rowOf, seconds } from './report/rows';
import { type Scene, strike, type Strike } from './run';

/** A run with fewer confirmed orders for each strike shows nothing. */
const LEAST_CONFIRMED_PER_STRIKE = 20;

async function main(args: readonly string[], interrupted: AbortSignal): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help') return say(usage);
  if (options === 'list')
    return say(faults.map((fault) => `${fault.isShort === true ? '*' : ' '} ${fault.name}\n`).join(''));
  const chosen = choice(options);
  say(`seed ${options.seed}\n`);
  if (options.serverProgram !== undefined) process.env['TCC_TEST_DATABASE_PROGRAM'] = options.serverProgram;
  const stage = await Stage.open();
  try {
    return await campaign(options, chosen, stage, interrupted);
  } finally {
    await stage.close();
  }
}

async function campaign(
  options: ChaosOptions,
  chosen: readonly Fault[],
  stage: Stage,
  interrupted: AbortSignal,
): Promise<number> {
  const told = new Told();
  const random = seeded(options.seed);
  const watch = new Watch(stage.shopUrls);
  const rest = new RestCheck(stage, told);
  const reasons = new Map(chosen.map((fault) => [fault, fault.missing?.(stage)]));
  const here = chosen.filter((fault) => reasons.get(fault) === undefined);
  const startedMs = systemClock.monotonicMs();
  try {
    const strikes = await rounds(here, { stage, told, watch, rest, random }, options, interrupted);
    const of = (fault: Fault) => strikes.filter((each) => each.fault === fault);
    const rows = chosen.map((fault) => rowOf(fault, of(fault), reasons.get(fault)));
    const confirmed = told.count('CONFIRMED');
    const faultsOfRun = [
      ...(confirmed < LEAST_CONFIRMED_PER_STRIKE * strikes.length ? [`only ${confirmed} orders were confirmed`] : []),
      ...(watch.looks < strikes.length ? [`the books were looked at only ${watch.looks} times while orders ran`] : []),
    ];
    const facts = {
      ...machine(),
      database: stage.database.version,
      seed: options.seed,
      minutes: Number(((systemClock.monotonicMs() - startedMs) / 60_000).toFixed(1)),
      orders: told.gids.length,
      confirmed,
      cancelled: told.count('CANCELLED'),
      neverBegun: told.count('UNKNOWN'),
      looks: watch.looks,
    };
    const table = `${headline(facts)}\n\n${markdownOf(rows)}`;
    say(`\n${table}\n`);
    for (const fault of faultsOfRun) say(`VIOLATION: ${fault}\n`);
    if (options.document !== undefined) putBetween(options.document, 'chaos', table);
    if (options.jsonFile !== undefined) {
      writeFileSync(options.jsonFile, `${JSON.stringify({ ...facts, faultsOfRun, rows }, undefined, 2)}\n`);
    }
    const isGood =
      faultsOfRun.length === 0 &&
      rows.every(({ violations, isMet, strikes: count, notHere }) =>
        notHere === undefined ? violations === 0 && isMet !== false && count > 0 : true,
      );
    if (!isGood && options.isVerbose) process.stderr.write(`${lastWords(0)}\n`);
    return isGood ? 0 : 2;
  } finally {
    await watch.stop();
    await rest.close();
  }
}

/** Every fault once in an order of chance, again and again until the time is over; what strikes several at once comes at the end. */
async function rounds(
  here: readonly Fault[],
  scene: Scene,
  { runMs }: ChaosOptions,
  interrupted: AbortSignal,
): Promise<Strike[]> {
  const strikes: Strike[] = [];
  const endMs = systemClock.monotonicMs() + runMs;
  for (let round = 0; round === 0 || systemClock.monotonicMs() < endMs; round += 1) {
    const order = shuffled(here, scene.random);
    const last = order.filter(({ isLast }) => isLast === true);
    for (const fault of [...order.filter((each) => !last.includes(each)), ...last]) {
      if (round > 0 && systemClock.monotonicMs() > endMs) return strikes;
      interrupted.throwIfAborted();
      const done = await strike(fault, round, strikes.length, scene);
      strikes.push(done);
      tell(done);
    }
  }
  return strikes;
}

function tell({ fault, struck, gapMs, limitMs, violations }: Strike): void {
  const limit = limitMs === undefined ? '' : ` of ${seconds(limitMs)}${gapMs > limitMs ? ', NOT MET' : ''}`;
  say(
    `${fault.name}: ${struck.times} x (${struck.whom}), ${seconds(gapMs)}${limit}, ${violations.length} violations\n`,
  );
  for (const violation of violations) say(`  VIOLATION: ${violation}\n`);
}

function choice({ only, isShort }: ChaosOptions): readonly Fault[] {
  if (only === undefined) return faults.filter((fault) => !isShort || fault.isShort === true);
  const chosen = faults.filter(({ name }) => only.some((wanted) => name.includes(wanted.trim())));
  const unknown = only.filter((wanted) => !faults.some(({ name }) => name.includes(wanted.trim())));
  if (unknown.length > 0) throw new Error(`there is no fault ${unknown.join(', ')}; --list shows them`);
  return chosen;
}

function headline(facts: {
  readonly at: string;
  readonly cpu: string;
  readonly node: string;
  readonly database: string;
  readonly seed: number;
  readonly minutes: number;
  readonly orders: number;
  readonly confirmed: number;
  readonly cancelled: number;
  readonly neverBegun: number;
  readonly looks: number;
}): string {
  return (
    `${facts.at.slice(0, 10)}, ${facts.cpu}, Node ${facts.node}, ${facts.database}; seed ${facts.seed}, ${facts.minutes} minutes. ` +
    `${facts.orders} orders: ${facts.confirmed} confirmed, ${facts.cancelled} cancelled, ${facts.neverBegun} never begun; ` +
    `the books were looked at ${facts.looks} times while orders ran, and after every strike at rest.`
  );
}

function say(text: string): number {
  process.stdout.write(text);
  return 0;
}

// Knex tells the console of every idle connection that a killed database took with it.
Object.assign(console, { log: () => undefined });

const interruption = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => interruption.abort(new Error(`${signal} came`)));

main(process.argv.slice(2), interruption.signal).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`chaos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
