/**
 * Runs every mutant in a process of its own until the simulation has caught it, or its seeds are over: then the simulation has a
 * hole. So many at a time as there are, at most two.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Mutant } from './mutant';

const AT_ONCE = 2;
/** The first seed; the same for all, so that a mutant is caught by the same seed each time. */
const FROM = 1;
/** A mutant that runs in circles is ended after so long, and counts as not caught: all of them take seconds. */
const LONGEST_MS = 120_000;

/** What became of one mutant. */
export interface Caught {
  readonly mutant: Mutant;
  /** The seed that has caught it, counted from the first one; undefined when none has. */
  readonly bySeed: number | undefined;
  /** What the simulation said, or why it said nothing. */
  readonly said: string;
  /** Whether it was caught in time, by one of its invariants. */
  readonly isRight: boolean;
}

/** Runs them, and hands each result on as it comes. */
export async function runMutants(mutants: readonly Mutant[], done: (caught: Caught) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tcc-mutants-'));
  const queue = mutants.values();
  const worker = async (number: number): Promise<void> => {
    for (const mutant of queue) done(await runOne(mutant, join(folder, `${number}.json`)));
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => worker(number)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runOne(mutant: Mutant, patchFile: string): Promise<Caught> {
  writeFileSync(patchFile, JSON.stringify(mutant.patches));
  const load = join(__dirname, '..', 'load.cjs');
  const args = [load, '--seeds', String(mutant.within), '--from', String(FROM), '--first', '--no-shrink'];
  const options = {
    env: { ...process.env, TCC_SIM_PATCHES: patchFile },
    timeout: LONGEST_MS,
    maxBuffer: 64 * 1024 * 1024,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, options, (error, out, err) => {
      const [, seed, said] = /^seed (\d+) breaks (.*)$/m.exec(out) ?? [];
      if (seed === undefined || said === undefined) {
        const why = error === null ? 'survives' : err.trim() || error.message;
        resolve({ mutant, bySeed: undefined, said: why, isRight: false });
        return;
      }
      const isRight = mutant.breaks.some((invariant) => said.startsWith(`${invariant}:`));
      resolve({ mutant, bySeed: Number(seed) - FROM + 1, said, isRight });
    });
  });
}

/** The table's head, and a line of it. */
export const mutantsHead =
  '| mutant | what is wrong | breaks | caught by seed | within |\n| --- | --- | --- | --- | --- |\n';

export function mutantLine({ mutant, bySeed, said, isRight }: Caught): string {
  const { name, bug, breaks, within } = mutant;
  const [invariant = ''] = said.split(':');
  const caught = isRight ? `${String(bySeed)} (${invariant})` : `NOT CAUGHT: ${said}`;
  return `| ${name} | ${bug} | ${breaks.join(', ')} | ${caught} | ${within} |\n`;
}
