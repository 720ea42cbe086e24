/** The processes of a TCC set-up, each as a user runs it. */
import { Child } from './child';
import type { LoadTarget } from '../programs/load';

/** tccd, the relay or DTM: something that participants and applications reach. */
export interface Coordinator {
  readonly child: Child;
  readonly address: string;
}

/** Owns the processes and ends them, the last first. */
export class Processes {
  private readonly children: Child[] = [];
  /** Passed to the coordinators' Node, for a profile. */
  readonly coordinatorOptions: readonly string[];

  constructor(coordinatorOptions: readonly string[] = []) {
    this.coordinatorOptions = coordinatorOptions;
  }

  own(child: Child): Child {
    this.children.push(child);
    return child;
  }

  /** tccd on a database. `settings`: further environment, such as TCC_LIMITS_OPEN_TRANSACTIONS. */
  tccd(databaseUrl: string, settings: Readonly<Record<string, string>> = {}): Promise<Coordinator> {
    return this.coordinator('tccd', 'src/bin/tccd.js', { TCC_DATABASE_URL: databaseUrl, ...settings });
  }

  /** tccd with a journal that does nothing. */
  nullTccd(): Promise<Coordinator> {
    return this.coordinator('tccd without a journal', 'bench/programs/null-tccd.js', {});
  }

  /** Passes on so many phases of each transaction, with the steps of each in the database, if there is one. */
  relay(phases: 1 | 2 = 2, databaseUrl?: string): Promise<Coordinator> {
    const journal = databaseUrl === undefined ? {} : { BENCH_JOURNAL: databaseUrl };
    return this.coordinator('relay', 'bench/programs/relay.js', { BENCH_PHASES: String(phases), ...journal });
  }

  /** The participants `a` and `b`, or those named. */
  async participants(
    coordinators: readonly Coordinator[],
    { names = ['a', 'b'], attach = true, delayMs = 0 } = {},
  ): Promise<Child[]> {
    return Promise.all(
      names.map(async (name) => {
        const env = {
          BENCH_NAME: name,
          BENCH_COORDINATORS: coordinators.map(({ address }) => address).join(),
          BENCH_ATTACH: attach ? 'on' : 'off',
          BENCH_DELAY_MS: String(delayMs),
        };
        const program = { name: `participant ${name}`, script: 'bench/programs/participant.js', env };
        const child = this.own(new Child(program));
        await child.ready();
        return child;
      }),
    );
  }

  load(): Promise<Child> {
    return this.asked('load', 'bench/programs/load.js');
  }

  sqlAlone(): Promise<Child> {
    return this.asked('SQL alone', 'bench/programs/sql-alone.js');
  }

  async asked(name: string, script: string): Promise<Child> {
    const child = this.own(new Child({ name, script }));
    await child.ready();
    return child;
  }

  async stop(): Promise<void> {
    // The coordinators were started first and end last, so that participants can take their leave.
    for (const child of this.children.splice(0).reverse()) await child.stop();
  }

  private async coordinator(name: string, script: string, settings: Readonly<Record<string, string>>) {
    const env = { TCC_LISTEN: '127.0.0.1:0', TCC_DATABASE_DURABILITY: 'refuse', ...settings };
    const child = this.own(new Child({ name, script, env, nodeOptions: this.coordinatorOptions }));
    return { child, address: await child.line(addressIn) };
  }
}

/** Two branches on these coordinators. */
export function twoBranches(
  coordinators: readonly Coordinator[],
  carrier: LoadTarget['carrier'] = 'stream',
  participants: readonly string[] = ['a', 'b'],
): LoadTarget {
  return { coordinators: coordinators.map(({ address }) => address), carrier, participants };
}

/** host:port, where a line says that a program listens. */
export function addressIn(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined;
  return (JSON.parse(line) as { address: string }).address;
}
