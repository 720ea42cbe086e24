import { type ChildProcess, fork, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { cpuMsOf, residentMbOf } from './proc';

/** Long enough for a process to start on a busy machine, in milliseconds. */
const START_MS = 30_000;

/** How long a process may take to leave after SIGTERM before it is killed, in milliseconds. */
const PATIENCE_MS = 10_000;

/** Lines of its log that are shown when it fails. */
const LAST_WORDS = 15;

export interface Program {
  readonly name: string;
  /** A script that Node runs, below dist/; or the path of another program. */
  readonly script?: string;
  readonly command?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Whether a script gets a channel to the bench; default true. */
  readonly channel?: boolean;
  /** For a profile, say. */
  readonly nodeOptions?: readonly string[];
}

interface Waiter {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process of the bench: started here, ended here. */
export class Child {
  readonly name: string;
  private readonly process: ChildProcess;
  private readonly exited: Promise<void>;
  private readonly waiters = new Map<number, Waiter>();
  private readonly log: string[] = [];
  private readonly lineListeners = new Set<(line: string) => void>();
  private leaving = false;
  private lastId = 0;

  constructor(program: Program) {
    this.name = program.name;
    this.process = program.command === undefined ? forked(program) : spawned(program, program.command);
    running.add(this.process);
    this.exited = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => {
        running.delete(this.process);
        this.ended(signal ?? `exit code ${code}`);
        resolve();
      });
    });
    this.process.once('error', (error) => this.ended(error.message));
    this.process.on('message', (message) => this.heard(message as { id: number; result?: never; failure?: string }));
    for (const output of [this.process.stdout, this.process.stderr]) {
      if (output !== null) createInterface({ input: output }).on('line', (line) => this.said(line));
    }
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  cpuMs(): number {
    return cpuMsOf(this.pid);
  }

  residentMb(): number {
    return residentMbOf(this.pid);
  }

  /** Resolves when its program says that it is ready over the channel. */
  ready(): Promise<void> {
    return this.expect('says that it is ready', (done) => {
      this.process.on('message', (message) => {
        if ((message as { ready?: boolean }).ready === true) done();
      });
    });
  }

  /** Resolves with what `find` finds in a line of its output. */
  line<Found>(find: (line: string) => Found | undefined): Promise<Found> {
    return this.expect('says where it listens', (done) => {
      this.lineListeners.add((line) => {
        const found = find(line);
        if (found !== undefined) done(found);
      });
    });
  }

  /** Asks its program something and resolves with the answer. */
  ask<Result>(ask: string, argument: object): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      const id = (this.lastId += 1);
      this.waiters.set(id, { resolve, reject });
      this.process.send({ id, ask, argument });
    });
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.leaving = true;
    this.process.kill('SIGKILL');
    await this.exited;
  }

  /** Asks it to leave; kills it when it does not. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.leaving = true;
    this.process.kill('SIGTERM');
    const impatience = setTimeout(() => this.process.kill('SIGKILL'), PATIENCE_MS);
    await this.exited;
    clearTimeout(impatience);
  }

  private expect<Found = void>(what: string, listen: (done: (found: Found) => void) => void): Promise<Found> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${this.name} ${why}\n${this.log.join('\n')}`));
      const timer = setTimeout(() => fail(`took more than ${START_MS} ms until it ${what}`), START_MS);
      void this.exited.then(() => fail(`ended before it ${what}`));
      listen((found) => {
        clearTimeout(timer);
        resolve(found);
      });
    });
  }

  private heard({ id, result, failure }: { id: number; result?: never; failure?: string }): void {
    const waiter = this.waiters.get(id);
    this.waiters.delete(id);
    if (failure !== undefined) waiter?.reject(new Error(`${this.name}: ${failure}`));
    else waiter?.resolve(result as never);
  }

  private said(line: string): void {
    this.log.push(line);
    if (this.log.length > LAST_WORDS) this.log.shift();
    for (const listener of this.lineListeners) listener(line);
  }

  private ended(how: string): void {
    const error = new Error(`${this.name} ended (${how})\n${this.log.join('\n')}`);
    if (!this.leaving) process.stderr.write(`${error.message}\n`);
    for (const { reject } of this.waiters.values()) reject(error);
    this.waiters.clear();
  }
}

/** The bench's own settings must not reach its children by accident. */
function environment(program: Program): NodeJS.ProcessEnv {
  const clean = Object.entries(process.env).filter(([name]) => !/^(TCC|SHOP|BENCH)_/.test(name));
  return { ...Object.fromEntries(clean), ...program.env };
}

function forked(program: Program): ChildProcess {
  const script = join(__dirname, '../..', program.script ?? '');
  const nodeArguments = ['--require', join(__dirname, 'leash.js'), ...(program.nodeOptions ?? [])];
  const { args = [], channel = true } = program;
  if (!channel) return spawned({ ...program, args: [...nodeArguments, script, ...args] }, process.execPath);
  return fork(script, args, {
    env: environment(program),
    cwd: program.cwd,
    execArgv: nodeArguments,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}

function spawned(program: Program, command: string): ChildProcess {
  return spawn(command, program.args ?? [], {
    env: environment(program),
    cwd: program.cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}
