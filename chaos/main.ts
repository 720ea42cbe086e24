/**
 * Chaos with real processes: see docs/reliability.md. scripts/chaos.mjs builds and runs it. Exit code 0 only when every fault
 * struck, every goal is met and nothing was violated; 2 when not; 1 when the run itself broke.
 */
import { writeFileSync } from 'node:fs';

import { machine } from '../bench/report/machine';
import { systemClock } from '../src/lib/clock';
import { lastWords } from '../test/e2e/support/program';
import { mysqlClusterProgram } from '../test/support/databases';
import { campaign, type Findings } from './campaign';
import { faults } from './faults';
import type { Fault } from './faults/fault';
import { seeded } from './lab/chance';
import { Stage } from './lab/stage';
import { type ChaosOptions, commandOf, parseOptions, usage } from './options';
import { putBetween } from './report/document';
import { markdownOf, rowOf } from './report/rows';
import { factsOf, faultsOfRun, headline, lineOf } from './report/summary';

/** Of the minutes, when there is a cluster: its four faults wait for elections, and are struck about as often as the others. */
const CLUSTER_PART = 0.2;

const NO_CLUSTER = 'no program that starts a cluster was named (`--cluster`)';

async function main(args: readonly string[], interrupted: AbortSignal): Promise<number> {
  const options = parseOptions(args);
  if (options === 'help') return say(usage);
  if (options === 'list')
    return say(faults.map((fault) => `${fault.isShort === true ? '*' : ' '} ${fault.name}\n`).join(''));
  const chosen = choice(options);
  say(`seed ${options.seed}\n`);
  if (options.serverProgram !== undefined) process.env['TCC_TEST_DATABASE_PROGRAM'] = options.serverProgram;
  const startedMs = systemClock.monotonicMs();
  const findings = await everywhere(options, chosen, interrupted);
  return publish(options, chosen, findings, systemClock.monotonicMs() - startedMs);
}

/** Strikes on one stage after the other: with one database server, and then with the journal on a cluster. */
async function everywhere(
  { runMs, seed, clusterProgram = mysqlClusterProgram() }: ChaosOptions,
  chosen: readonly Fault[],
  interrupted: AbortSignal,
): Promise<Findings[]> {
  const random = seeded(seed);
  const onServer = chosen.filter(({ needsCluster }) => needsCluster !== true);
  const onCluster = clusterProgram === undefined ? [] : chosen.filter((fault) => !onServer.includes(fault));
  const part = onCluster.length === 0 ? 0 : onServer.length === 0 ? 1 : CLUSTER_PART;
  const found: Findings[] = [];
  for (const { own, share, program } of [
    { own: onServer, share: 1 - part, program: undefined },
    { own: onCluster, share: part, program: clusterProgram },
  ]) {
    if (own.length === 0) continue;
    interrupted.throwIfAborted();
    const stage = await Stage.open(share * runMs, program);
    try {
      const tell = (strike: Parameters<typeof lineOf>[0]) => say(lineOf(strike));
      found.push(await campaign(stage, { faults: own, runMs: share * runMs, random, interrupted, tell }));
    } finally {
      await stage.close();
    }
  }
  return found;
}

function publish(
  options: ChaosOptions,
  chosen: readonly Fault[],
  findings: readonly Findings[],
  tookMs: number,
): number {
  const strikes = findings.flatMap((each) => each.strikes);
  const isOnCluster = strikes.some(({ fault }) => fault.needsCluster === true);
  const reasonOf = (fault: Fault) =>
    fault.needsCluster === true && !isOnCluster
      ? NO_CLUSTER
      : findings.map(({ missing }) => missing.get(fault)).find((reason) => reason !== undefined);
  const rows = chosen.map((fault) =>
    rowOf(
      fault,
      strikes.filter((each) => each.fault === fault),
      reasonOf(fault),
    ),
  );
  const facts = factsOf(findings, {
    ...machine(),
    seed: options.seed,
    tookMs,
    command: commandOf(options, isOnCluster),
  });
  const ofRun = faultsOfRun(facts, strikes.length);
  const table = `${headline(facts)}\n\n${markdownOf(rows)}`;
  say(`\n${table}\n`);
  for (const fault of ofRun) say(`VIOLATION: ${fault}\n`);
  if (options.document !== undefined) putBetween(options.document, 'chaos', table);
  if (options.jsonFile !== undefined) {
    writeFileSync(options.jsonFile, `${JSON.stringify({ ...facts, faultsOfRun: ofRun, rows }, undefined, 2)}\n`);
  }
  const isGood =
    ofRun.length === 0 &&
    rows.every(({ violations, isMet, strikes: count, notHere }) =>
      notHere === undefined ? violations.length === 0 && isMet !== false && count > 0 : true,
    );
  if (!isGood && options.isVerbose) process.stderr.write(`${lastWords(0)}\n`);
  return isGood ? 0 : 2;
}

function choice({ only, isShort }: ChaosOptions): readonly Fault[] {
  if (only === undefined) return faults.filter((fault) => !isShort || fault.isShort === true);
  const chosen = faults.filter(({ name }) => only.some((wanted) => name.includes(wanted.trim())));
  const unknown = only.filter((wanted) => !faults.some(({ name }) => name.includes(wanted.trim())));
  if (unknown.length > 0) throw new Error(`there is no fault ${unknown.join(', ')}; --list shows them`);
  return chosen;
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
