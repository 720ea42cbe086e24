import { join } from 'node:path';
import type { CallReport, Instruction, Phase } from '../service/workbench';
import type { Child, Program } from './child';
import { freePort } from './free-port';
import { until } from './patience';

export type ServiceName = 'inventory' | 'orders' | 'payments';

export interface ServiceSetup {
  readonly databaseUrl: string;
  readonly coordinator: string;
  /** Further settings, such as SHOP_STOCK. */
  readonly seed: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly spawn: (program: Program) => Child;
}

/** Long enough for a Node process to start on a busy machine, in milliseconds. */
const START_MS = 20_000;
const REPORT_MS = 10_000;

/** Reports kept to look back at: more than a tour makes, and bounded in a flash sale. */
const REPORTS_KEPT = 500;

/** One of the shop's services in a process of its own, with a hand on its gates. */
export class ServiceProcess {
  private readonly program: Program;
  private readonly spawn: (program: Program) => Child;
  private child: Child | undefined;
  private readonly reports: CallReport[] = [];
  private readonly done: Instruction[] = [];

  private constructor(program: Program, spawn: (program: Program) => Child) {
    this.program = program;
    this.spawn = spawn;
  }

  static async start(name: ServiceName, setup: ServiceSetup): Promise<ServiceProcess> {
    const program: Program = {
      name,
      script: join(__dirname, '..', name, 'main.js'),
      speaks: true,
      logFile: join(setup.folder, `${name}.log`),
      env: {
        SHOP_DATABASE_URL: setup.databaseUrl,
        TCC_ADDRESS: setup.coordinator,
        // The same place after a restart: the coordinator's next call finds it without waiting for anything.
        SHOP_LISTEN: `127.0.0.1:${await freePort()}`,
        SHOP_INSTANCE_ID: `${name}-1`,
        ...setup.seed,
      },
    };
    const service = new ServiceProcess(program, setup.spawn);
    await service.start();
    return service;
  }

  /** Starts it, also again after `kill`, and waits until it takes calls. */
  async start(): Promise<void> {
    const child = this.spawn(this.program);
    this.child = child;
    let ready: boolean | undefined;
    child.onLine((line) => {
      ready ??= line.includes('"ready"') || undefined;
    });
    child.onMessage((message) => this.take(message as CallReport | Instruction));
    await until(`${this.program.name} starts`, START_MS, () => ready);
  }

  async kill(): Promise<void> {
    await this.child?.kill();
  }

  /** From now on calls of this phase wait in front of the service's business code. */
  hold(phase: Phase): Promise<void> {
    return this.instruct({ gate: 'hold', phase });
  }

  /** Lets through what waits, and everything after it. */
  release(phase: Phase): Promise<void> {
    return this.instruct({ gate: 'release', phase });
  }

  /** The service's first report on this phase of this transaction, past or future. */
  report(gid: string, phase: Phase): Promise<CallReport> {
    return until(`the ${phase} call at ${this.program.name} is answered`, REPORT_MS, () =>
      this.reports.find((report) => report.gid === gid && report.phase === phase),
    );
  }

  /** What the fence said to each call of this phase of this transaction so far. */
  heard(gid: string, phase: Phase): string[] {
    return this.reports.filter((report) => report.gid === gid && report.phase === phase).map(({ detail }) => detail);
  }

  private async instruct(instruction: Instruction): Promise<void> {
    this.done.length = 0;
    this.child?.tell(instruction);
    await until(`${this.program.name} obeys`, REPORT_MS, () => this.done[0]);
  }

  private take(message: CallReport | Instruction): void {
    if ('gate' in message) this.done.push(message);
    else this.reports.push(message);
    if (this.reports.length > REPORTS_KEPT) this.reports.shift();
  }
}
