import { connect } from 'node:net';

import { createClient, TccRequestError } from 'tcc-coordinator/client';

import { eventually } from '../../support/eventually';
import { freeAddress } from './ports';
import { Program, type Exit } from './program';

/** Migrations of an empty database and a busy machine included. */
const START_MS = 30_000;

/** An instance attaches again half a second after a restart; the rest is for a busy machine. */
const ATTACHED_MS = 30_000;

/** Shorter than the defaults, so that a takeover and a retry take tests a second and not half a minute. */
export const impatient = {
  TCC_TRANSACTIONS_LEASE_MS: '1000',
  TCC_TRANSACTIONS_SCAN_MS: '100',
  TCC_CALLS_TIMEOUT_MS: '2000',
  TCC_CALLS_BACKOFF_FIRST_MS: '100',
  TCC_CALLS_BACKOFF_CAP_MS: '1000',
  TCC_LOG_LEVEL: 'debug',
};

/** A tccd at one address, over any number of lives. */
export class Coordinator {
  readonly address: string;
  private readonly env: Readonly<Record<string, string>>;
  private readonly name: string;
  private life: Program | undefined;

  private constructor(name: string, address: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.address = address;
    this.env = env;
  }

  /** Makes one that is not running yet. `env` is added to the impatient settings. */
  static async at(name: string, databaseUrl: string, env: Readonly<Record<string, string>> = {}): Promise<Coordinator> {
    const address = await freeAddress();
    return new Coordinator(name, address, {
      TCC_LISTEN: address,
      TCC_DATABASE_URL: databaseUrl,
      ...impatient,
      ...env,
    });
  }

  /** The program of the present or the last life. */
  get program(): Program {
    if (this.life === undefined) throw new Error(`${this.name} was never started`);
    return this.life;
  }

  /** Starts it and waits until it answers. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const program = this.launch(env);
    await eventually(
      async () => {
        if (!program.isRunning) return true;
        return accepts(this.address);
      },
      { timeoutMs: START_MS },
    );
    if (!program.isRunning) throw new Error(`${this.name} ended at its start:\n${program.output}`);
    await answers(this.address);
  }

  /** Starts it and does not wait. */
  launch(env: Readonly<Record<string, string>> = {}): Program {
    if (this.isRunning) throw new Error(`${this.name} is running already`);
    this.life = new Program({ name: this.name, script: 'src/bin/tccd.js', env: { ...this.env, ...env } });
    return this.life;
  }

  get isRunning(): boolean {
    return this.life?.isRunning === true;
  }

  /**
   * Waits until each of these instances, as `participant/instanceId`, has a stream to the present life: only then do calls reach those that
   * have no address, however slow the machine is. Needs the log level info or debug.
   */
  async untilAttached(instances: readonly string[]): Promise<void> {
    const { program } = this;
    await eventually(
      () => {
        const attached = attachedBy(program.output);
        const missing = instances.filter((instance) => !attached.has(instance));
        if (missing.length > 0) throw new Error(`${missing.join(', ')} did not attach to ${this.name}`);
      },
      { timeoutMs: ATTACHED_MS },
    );
  }

  kill(): Promise<void> {
    return this.program.kill();
  }

  /** kill -9 at this very moment: for the proxy's hooks. */
  killNow(): void {
    this.program.signal('SIGKILL');
  }

  stop(): Promise<Exit> {
    return this.program.stop();
  }

  /** Stands still, as a machine that swaps or a process under a debugger does. */
  freeze(): void {
    this.program.signal('SIGSTOP');
  }

  thaw(): void {
    this.program.signal('SIGCONT');
  }

  /** Ends it in whatever state it is; for cleaning up. */
  async dispose(): Promise<void> {
    if (this.isRunning) await this.program.stop();
  }
}

/** The instances that have a stream, by what a coordinator says of their coming and going. */
function attachedBy(output: string): ReadonlySet<string> {
  const attached = new Set<string>();
  for (const line of output.split('\n')) {
    const [, change] = /"an instance (attached|detached)"/.exec(line) ?? [];
    if (change === undefined || !line.endsWith('}')) continue;
    const { participant = '', instanceId = '' } = JSON.parse(line) as Record<string, string>;
    if (change === 'attached') attached.add(`${participant}/${instanceId}`);
    else attached.delete(`${participant}/${instanceId}`);
  }
  return attached;
}

async function answers(address: string): Promise<void> {
  const tcc = createClient({ addresses: [address], timeoutMs: START_MS });
  try {
    await tcc.get('is-anybody-there');
  } catch (error) {
    if (!(error instanceof TccRequestError) || error.code !== 'TRANSACTION_NOT_FOUND') throw error;
  } finally {
    await tcc.close();
  }
}

/** Whether somebody listens there. */
export function accepts(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
