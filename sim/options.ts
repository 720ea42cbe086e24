/** What the command line says. */
export interface SimOptions {
  /** Run so many seeds; undefined where time or one seed is the measure. */
  readonly seeds: number | undefined;
  readonly minutes: number | undefined;
  /** Run this one, with its trace. */
  readonly seed: number | undefined;
  /** The first of many; drawn where nothing is said, and printed. */
  readonly from: number | undefined;
  /** Faults to leave out, by kind or by `kind#number`, as a failure's report names them. */
  readonly omit: readonly string[];
  /** Where the trace of a failing or a single seed is written. */
  readonly traceFile: string | undefined;
  readonly shrinks: boolean;
  /** Ends with the first seed that fails, and says no more of it. */
  readonly first: boolean;
  /** Runs the mutants instead of the sources as they are. */
  readonly mutants: boolean;
  /** Only those mutants whose name holds this. */
  readonly only: string;
  readonly help: boolean;
}

export const HELP = `npm run sim -- [--seeds N | --minutes M | --seed S] [OPTION...]

Runs the coordinator, the journal's batcher and SQL, the participants' fence and the client in simulated worlds, one per seed, in
which everything goes wrong, and checks the invariants I1 to I13 throughout. Fails when one is broken, and when a fault or a rare
path was never reached in a run of many seeds.

  --seeds N      so many worlds (default: 1,000)
  --minutes M    as many as there are in M minutes
  --seed S       one world again, with everything that happened in it
  --from F       the first seed of many (default: drawn, and printed)
  --omit LIST    faults to leave out, separated by commas: 'network: delay' or 'network: delay#12'
  --trace FILE   where to write what happened in the failing or the single world
  --no-shrink    report a failure with all its faults
  --first        end with the first failure, in one line
  --mutants      break the sources in each of the ways of sim/mutants, and fail when the simulation does not notice
  --only NAME    with --mutants: those whose name holds this
`;

const FLAGS = ['--help', '--no-shrink', '--first', '--mutants'];

export function parseOptions(args: readonly string[]): SimOptions {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let at = 0; at < args.length; at += 1) {
    const name = args[at] ?? '';
    if (FLAGS.includes(name)) flags.add(name);
    else if (['--seeds', '--minutes', '--seed', '--from', '--omit', '--trace', '--only'].includes(name))
      values.set(name, args[(at += 1)] ?? '');
    else throw new TypeError(`there is no option ${name}; see --help`);
  }
  const number = (name: string, least: number): number | undefined => {
    const text = values.get(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text === '' || !Number.isFinite(value) || value < least)
      throw new TypeError(`${name} takes a number from ${least}`);
    return value;
  };
  return {
    seeds: number('--seeds', 1),
    minutes: number('--minutes', 0),
    seed: number('--seed', 0),
    from: number('--from', 0),
    omit: (values.get('--omit') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    traceFile: values.get('--trace'),
    shrinks: !flags.has('--no-shrink'),
    first: flags.has('--first'),
    mutants: flags.has('--mutants'),
    only: values.get('--only') ?? '',
    help: flags.has('--help'),
  };
}
