import type { LabOptions } from './lab/lab';

/** What the bench was asked to do. */
export interface BenchOptions extends LabOptions {
  /** Only these groups of figures, separated by commas. */
  readonly only: string | undefined;
  readonly jsonFile: string | undefined;
  readonly plotFile: string | undefined;
  readonly document: string | undefined;
  /** DTM's binary: then the second table is made instead of the first. */
  readonly dtm: string | undefined;
  readonly dtmSchema: string | undefined;
  /** Also the figures that the default run leaves out for its time. */
  readonly full: boolean;
  /** A folder for CPU profiles of the coordinators. */
  readonly profile: string | undefined;
  /** For the coordinators' Node. */
  readonly nodeOptions: readonly string[];
  readonly servers: readonly string[];
}

export const usage = `npm run bench -- [OPTION...]

  --only NAME,...     some groups of figures, such as streams,latency (--list shows them)
  --list              the groups
  --full              the long figures on MySQL too
  --json FILE         the figures as JSON
  --against-dtm PATH  the comparison with DTM: PATH is its binary; its schema is looked for in the folder sqls beside it
  --dtm-schema FILE   its schema, where it is elsewhere
  --document FILE     puts the tables between the marks of this document, docs/performance.md say
  --plot FILE         with --against-dtm or --only curve: throughput and p99 over transactions in flight, as SVG; SERVER
                      in the name becomes the server's
  --server NAME       mariadb or mysql only
  --rounds N          how often each side of a comparison is measured (default 3)
  --window-ms N       for how long each time (default 1500)
  --profile FOLDER    CPU profiles of the coordinators
  --node-option X     passed to the coordinators' Node, to try one out
`;

/** Throws with what is wrong in one sentence. */
export function parseOptions(args: readonly string[]): BenchOptions | 'help' | 'list' {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let index = 0; index < args.length; index += 1) {
    const name = args[index] ?? '';
    if (['--help', '--list', '--full'].includes(name)) flags.add(name);
    else if (VALUED.has(name)) values.set(name, valueOf(name, args[(index += 1)]));
    else throw new Error(`${name} is unknown`);
  }
  if (flags.has('--help')) return 'help';
  if (flags.has('--list')) return 'list';
  return {
    only: values.get('--only'),
    jsonFile: values.get('--json'),
    plotFile: values.get('--plot'),
    document: values.get('--document'),
    dtm: values.get('--against-dtm'),
    dtmSchema: values.get('--dtm-schema'),
    full: flags.has('--full'),
    profile: values.get('--profile'),
    nodeOptions: (values.get('--node-option') ?? '').split(' ').filter(Boolean),
    servers: values.has('--server') ? [values.get('--server') ?? ''] : ['mariadb', 'mysql'],
    rounds: wholeNumber(values, '--rounds', 3),
    windowMs: wholeNumber(values, '--window-ms', 1_500),
    warmMs: 400,
  };
}

const VALUED = new Set([
  ...['--only', '--json', '--plot', '--document', '--against-dtm', '--dtm-schema'],
  ...['--server', '--rounds', '--window-ms', '--profile', '--node-option'],
]);

function valueOf(name: string, value: string | undefined): string {
  if (value === undefined || (value.startsWith('--') && name !== '--node-option'))
    throw new Error(`${name} needs a value`);
  return value;
}

function wholeNumber(values: ReadonlyMap<string, string>, name: string, fallback: number): number {
  const value = Number(values.get(name) ?? fallback);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1`);
  return value;
}
