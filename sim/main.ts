/** The simulation's command. See `--help`. */
import { writeFileSync } from 'node:fs';

import { systemClock } from '../src/lib/clock';
import { systemRandom } from '../src/lib/random';
import { faultKinds, type FaultKind, type Omitted } from './kernel/faults';
import { runMany } from './many';
import { mutants } from './mutants';
import { mutantLine, mutantsHead, runMutants } from './mutants/run';
import { HELP, parseOptions, type SimOptions } from './options';
import { coverageTable, failureReport } from './report';
import { ENOUGH_SEEDS } from './required';
import { runSeed, type SeedResult } from './seed';
import { shrink } from './shrink';

const MINUTE_MS = 60_000;
const DEFAULT_SEEDS = 1_000;

function main(args: readonly string[]): number | Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.mutants) return mutate(options.only);
  return options.seed === undefined ? many(options) : one(options.seed, options);
}

/** The teeth: every mutant must be caught. */
async function mutate(only: string): Promise<number> {
  const chosen = mutants.filter(({ name }) => name.includes(only));
  if (chosen.length === 0) throw new TypeError(`there is no mutant ${only}`);
  const startedMs = systemClock.monotonicMs();
  let survivors = 0;
  process.stdout.write(mutantsHead);
  await runMutants(chosen, (caught) => {
    if (!caught.isRight) survivors += 1;
    process.stdout.write(mutantLine(caught));
  });
  const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
  process.stdout.write(`${chosen.length} mutants, ${survivors} not caught, in ${seconds.toFixed(1)} s\n`);
  return survivors > 0 ? 1 : 0;
}

function one(seed: number, options: SimOptions): number {
  const omitted = omittedOf(options.omit);
  const result = runSeed(seed, omitted, true);
  if (options.traceFile !== undefined) writeFileSync(options.traceFile, `${result.trace.join('\n')}\n`);
  if (result.broken.length > 0) {
    fails(result, omitted, options);
    return 1;
  }
  if (options.traceFile === undefined) process.stdout.write(`${result.trace.join('\n')}\n`);
  process.stdout.write(
    `seed ${seed}: ${result.transactions} transactions, ${result.struck.length} faults, trace ${result.hash}\n`,
  );
  return 0;
}

function many(options: SimOptions): number {
  const { minutes, seeds = minutes === undefined ? DEFAULT_SEEDS : Infinity } = options;
  const from = options.from ?? Math.floor(systemRandom() * 2 ** 31);
  const startedMs = systemClock.monotonicMs();
  const untilMs = startedMs + (minutes ?? Infinity) * MINUTE_MS;
  process.stdout.write(`seeds from ${from}\n`);
  const mostFailures = options.first ? 1 : undefined;
  const result = runMany(from, (done) => done < seeds && systemClock.monotonicMs() < untilMs, mostFailures);
  const tookMs = systemClock.monotonicMs() - startedMs;
  process.stdout.write(coverageTable(result.coverage));
  const pace = Math.round((result.seeds / tookMs) * MINUTE_MS);
  process.stdout.write(
    `${result.seeds} seeds, ${result.transactions} transactions in ${(tookMs / 1_000).toFixed(1)} s: ${pace} seeds a minute, ${result.failed.length} failed\n`,
  );
  for (const { seed, broken } of result.failed) process.stdout.write(`seed ${seed} breaks ${broken[0] ?? ''}\n`);
  const [first] = result.failed;
  if (first !== undefined && !options.first) fails(first, omittedOf([]), options);
  if (first === undefined && result.missing.length > 0) {
    process.stdout.write(
      `never reached in ${result.seeds} seeds, which is more than ${ENOUGH_SEEDS}:\n  ${result.missing.join('\n  ')}\n`,
    );
  }
  return result.failed.length > 0 || result.missing.length > 0 ? 1 : 0;
}

function fails(failing: SeedResult, omitted: Omitted, options: SimOptions): void {
  const smaller = options.shrinks ? shrink(failing, omitted) : omitted;
  const again = runSeed(failing.seed, smaller, true);
  if (options.traceFile !== undefined) writeFileSync(options.traceFile, `${again.trace.join('\n')}\n`);
  process.stdout.write(failureReport(again, smaller));
}

function omittedOf(names: readonly string[]): Omitted {
  for (const name of names) {
    const kind = name.replace(/#\d+$/, '');
    if (!(kind in faultKinds)) throw new TypeError(`there is no fault ${kind}`);
  }
  return {
    kinds: new Set(names.filter((name) => !name.includes('#')) as FaultKind[]),
    strikes: new Set(names.filter((name) => name.includes('#'))),
  };
}

void (async () => {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`npm run sim: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
})();
