import type { CallReport, Instruction, Phase } from '../../../samples/shop/service/workbench';
import { eventually } from '../../support/eventually';
import { freeAddress } from './ports';
import { Program, type Exit } from './program';

/** What carries the calls of applications and to participants: streams, without an address to fall back to, or unary calls. */
export type Carrier = 'stream' | 'unary';

export const carriers: readonly Carrier[] = ['stream', 'unary'];

export type ServiceName = 'inventory' | 'orders' | 'payments';

/** Long enough for a Node process to start on a busy machine. */
const START_MS = 30_000;
/** What leads to a report takes milliseconds, or a few seconds after a restart; the rest is for a busy machine. */
const REPORT_MS = 30_000;

export interface ServiceSetup {
  readonly databaseUrl: string;
  /** host:port of the coordinators. */
  readonly coordinators: readonly string[];
  /** Tells instances of one service apart. Default: 1. */
  readonly instance?: number;
  /** How it is called. Default: by streams, and at its address while there is none. */
  readonly carrier?: Carrier;
  /** Further settings, such as SHOP_STOCK. */
  readonly env?: Readonly<Record<string, string>>;
}

/** One service of the shop in a process of its own, with a hand on its gates; the same place over any number of lives. */
export class Service {
  readonly name: ServiceName;
  readonly address: string;
  /** How coordinators name it when it is attached, as `participant/instanceId`; undefined where it only serves unary calls. */
  readonly attachesAs: string | undefined;
  /** What it said about each call that it has answered, over all its lives. */
  readonly reports: CallReport[] = [];
  private readonly env: Readonly<Record<string, string>>;
  private readonly label: string;
  private done: Instruction[] = [];
  private life: Program | undefined;

  private constructor(name: ServiceName, label: string, address: string, env: Readonly<Record<string, string>>) {
    this.name = name;
    this.label = label;
    this.address = address;
    this.env = env;
    this.attachesAs = env['SHOP_ATTACH'] === 'off' ? undefined : `${name}/${label}`;
  }

  /** Makes one that is not running yet. */
  static async at(name: ServiceName, setup: ServiceSetup): Promise<Service> {
    const { databaseUrl, coordinators, instance = 1, carrier, env = {} } = setup;
    const address = await freeAddress();
    return new Service(name, `${name}-${instance}`, address, {
      SHOP_DATABASE_URL: databaseUrl,
      SHOP_LISTEN: carrier === 'stream' ? 'off' : address,
      SHOP_ATTACH: carrier === 'unary' ? 'off' : 'on',
      SHOP_INSTANCE_ID: `${name}-${instance}`,
      TCC_ADDRESS: coordinators.join(','),
      ...env,
    });
  }

  get program(): Program {
    if (this.life === undefined) throw new Error(`${this.label} was never started`);
    return this.life;
  }

  get isRunning(): boolean {
    return this.life?.isRunning === true;
  }

  /** Starts it and waits until one coordinator knows it; the others may do so later (`World.untilAttached`). */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`${this.label} is running already`);
    const program = new Program({
      name: this.label,
      script: `samples/shop/${this.name}/main.js`,
      env: this.env,
    });
    this.life = program;
    program.onMessage((message) => this.take(message as CallReport | Instruction));
    await eventually(() => !program.isRunning || program.stdout.includes('"ready"'), { timeoutMs: START_MS });
    if (!program.isRunning) throw new Error(`${this.label} ended at its start:\n${program.output}`);
  }

  kill(): Promise<void> {
    return this.program.kill();
  }

  stop(): Promise<Exit> {
    return this.program.stop();
  }

  freeze(): void {
    this.program.signal('SIGSTOP');
  }

  thaw(): void {
    this.program.signal('SIGCONT');
  }

  /** From now on calls of this phase wait in front of the business code. */
  hold(phase: Phase): Promise<void> {
    return this.instruct({ gate: 'hold', phase });
  }

  /** Lets through what waits, and everything after it. */
  release(phase: Phase): Promise<void> {
    return this.instruct({ gate: 'release', phase });
  }

  /** The first report on this phase of this transaction, past or future, that `wanted` accepts. */
  async report(gid: string, phase: Phase, wanted: (report: CallReport) => boolean = () => true): Promise<CallReport> {
    return eventually(
      () => {
        const found = this.reportsOn(gid, phase).find(wanted);
        if (found === undefined) throw new Error(`${this.label} has not answered the ${phase} of ${gid}`);
        return found;
      },
      { timeoutMs: REPORT_MS },
    );
  }

  reportsOn(gid: string, phase: Phase): CallReport[] {
    return this.reports.filter((report) => report.gid === gid && report.phase === phase);
  }

  async dispose(): Promise<void> {
    if (this.isRunning) await this.program.stop();
  }

  private async instruct(instruction: Instruction): Promise<void> {
    this.done = [];
    this.program.send(instruction);
    await eventually(
      () => this.done.some(({ gate, phase }) => gate === instruction.gate && phase === instruction.phase),
      { timeoutMs: REPORT_MS },
    );
  }

  private take(message: CallReport | Instruction): void {
    if ('gate' in message) this.done.push(message);
    else this.reports.push(message);
  }
}
