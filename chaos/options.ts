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
  /** What starts a cluster and brings its nodes back; undefined: TCC_TEST_MYSQL_CLUSTER, or there is no cluster. */
  readonly clusterProgram: string | undefined;
  /** Prints the programs' last words as well when something was wrong. */
  readonly isVerbose: boolean;
}

export const usage = `npm run chaos -- [OPTION...]

  --minutes M      rounds of faults for so many minutes (default 1); below 10 only the short choice, unless --all
  --short          the short choice of faults
  --all            every fault, however few the minutes: a round takes about four, and two more on a cluster
  --only NAME,...  some faults (--list shows them)
  --list           the faults
  --seed S         the same order of faults and the same moments (default: a new one, which is printed)
  --json FILE      the table as JSON
  --document FILE  puts the table between the marks of this document, such as docs/reliability.md
  --server PATH    the database server's program (default: the first of mariadbd and mysqld)
  --cluster PATH   a program that starts a cluster of three databases (PATH cluster, cluster-rejoin N, cluster-stop, as
                   docs/high-availability.md says); a fifth of the minutes is the cluster's then, after the others
                   (default: TCC_TEST_MYSQL_CLUSTER; without one, and in the short choice, the cluster's faults do not strike)
  --verbose        the last words of every program when something was wrong
`;

/** A run of fewer minutes could not strike every fault once. */
const SHORT_BELOW_MINUTES = 10;

const flagNames = ['--help', '--list', '--short', '--all', '--verbose'];
const valueNames = ['--minutes', '--only', '--seed', '--json', '--document', '--server', '--cluster'];

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
    clusterProgram: values.get('--cluster'),
    isVerbose: flags.has('--verbose'),
  };
}

/** The command that repeats the run, its seed included. A program of the machine's own is only hinted at. */
export function commandOf({ runMs, only, isShort, seed, serverProgram }: ChaosOptions, isOnCluster: boolean): string {
  const minutes = runMs / 60_000;
  const isAll = only === undefined && !isShort && minutes < SHORT_BELOW_MINUTES;
  return [
    `npm run chaos -- --minutes ${minutes}`,
    ...(only === undefined ? [] : [`--only '${only.join(',')}'`]),
    ...(isShort && only === undefined && minutes >= SHORT_BELOW_MINUTES ? ['--short'] : []),
    ...(isAll ? ['--all'] : []),
    ...(serverProgram === undefined ? [] : ['--server PROGRAM']),
    ...(isOnCluster ? ['--cluster PROGRAM'] : []),
    `--seed ${seed}`,
  ].join(' ');
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} takes a positive number`);
  return value;
}
