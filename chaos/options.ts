import { randomInt } from 'node:crypto';

/** What a run was asked to do. */
export interface ChaosOptions {
  /** Rounds of all chosen faults go on until so many milliseconds are over; the first round always comes to its end. */
  readonly runMs: number;
  /** Only these faults, separated by commas. */
  readonly only: readonly string[] | undefined;
  /** Only the faults that show the most in the least time. */
  readonly isShort: boolean;
  readonly seed: number;
  readonly jsonFile: string | undefined;
  readonly document: string | undefined;
  /** The database server's program; undefined: TCC_TEST_DATABASE_PROGRAM, or the first of mariadbd and mysqld. */
  readonly serverProgram: string | undefined;
  /** Prints the programs' last words as well when something was wrong. */
  readonly isVerbose: boolean;
}

export const usage = `npm run chaos -- [OPTION...]

  --minutes M      rounds of faults for so many minutes (default 1); below 10 only the short choice, unless --all
  --short          the short choice of faults
  --all            every fault, however few the minutes: the first round takes about ten
  --only NAME,...  some faults (--list shows them)
  --list           the faults
  --seed S         the same order of faults and the same moments (default: a new one, which is printed)
  --json FILE      the table as JSON
  --document FILE  puts the table between the marks of this document, docs/reliability.md say
  --server PATH    the database server's program (default: the first of mariadbd and mysqld)
  --verbose        the last words of every program when something was wrong
`;

/** A run of fewer minutes could not strike every fault once. */
const SHORT_BELOW_MINUTES = 10;

const flagNames = ['--help', '--list', '--short', '--all', '--verbose'];
const valueNames = ['--minutes', '--only', '--seed', '--json', '--document', '--server'];

/** Throws with what is wrong in one sentence. */
export function parseOptions(args: readonly string[]): ChaosOptions | 'help' | 'list' {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let index = 0; index < args.length; index += 1) {
    const name = args[index] ?? '';
    if (flagNames.includes(name)) {
      flags.add(name);
    } else if (valueNames.includes(name)) {
      const value = args[(index += 1)];
      if (value === undefined) throw new Error(`${name} takes a value`);
      values.set(name, value);
    } else {
      throw new Error(`${name} is unknown`);
    }
  }
  if (flags.has('--help')) return 'help';
  if (flags.has('--list')) return 'list';
  const minutes = numberOf('--minutes', values.get('--minutes') ?? '1');
  return {
    runMs: minutes * 60_000,
    only: values.get('--only')?.split(','),
    isShort: flags.has('--short') || (minutes < SHORT_BELOW_MINUTES && !flags.has('--all')),
    seed: numberOf('--seed', values.get('--seed') ?? String(randomInt(1, 2 ** 31))),
    jsonFile: values.get('--json'),
    document: values.get('--document'),
    serverProgram: values.get('--server'),
    isVerbose: flags.has('--verbose'),
  };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} takes a positive number`);
  return value;
}
