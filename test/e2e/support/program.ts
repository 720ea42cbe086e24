import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { packageRoot } from '../../../src/lib/package-root';

const root = packageRoot();

/** Loaded into every child: it leaves when the test run is gone, even when that was killed with -9. */
const LEASH = join(root, 'dist/samples/shop/demo/leash.js');

/** So much of each program's output is kept for the case that a test fails: far above what a test makes it say. */
const KEPT_CHARACTERS = 4_000_000;

/** A program that does not leave within this after SIGTERM is killed and counts as stuck: above every drain time here. */
const LEAVE_MS = 20_000;

/** How a program ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** What its output is headed with when a test fails. */
  readonly name: string;
  /** Below dist/, such as 'src/bin/tccd.js'. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const started = new Set<Program>();

/** One run of a program of dist/. */
export class Program {
  readonly name: string;
  readonly exited: Promise<Exit>;
  private readonly child: ChildProcess;
  private readonly messages: unknown[] = [];
  private listeners: ((message: unknown) => void)[] = [];
  private out = '';
  private all = '';

  constructor({ name, script, args = [], env = {}, cwd }: ProgramOptions) {
    const file = join(root, 'dist', script);
    if (!existsSync(file)) throw new Error(`${file} is not there: run \`npm run build\` first, or \`npm test\``);
    this.name = name;
    this.child = spawn(process.execPath, ['--require', LEASH, file, ...args], {
      cwd,
      env: { ...withoutSettings(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.out += chunk.toString('utf8');
      this.keep(chunk);
    });
    this.child.stderr?.on('data', (chunk: Buffer) => this.keep(chunk));
    this.child.on('message', (message) => {
      this.messages.push(message);
      for (const listener of this.listeners) listener(message);
    });
    // 'close' comes after the last output, 'exit' may come before it.
    this.exited = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.exited.catch(() => undefined);
    started.add(this);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** What it has written to standard output so far. */
  get stdout(): string {
    return this.out;
  }

  /** What it has written so far, both streams. */
  get output(): string {
    return this.all;
  }

  /** Calls `listener` with every message that came or comes over the channel. */
  onMessage(listener: (message: unknown) => void): void {
    this.listeners = [...this.listeners, listener];
    for (const message of this.messages) listener(message);
  }

  send(message: object): void {
    this.child.send(message, () => undefined);
  }

  /** Sends the signal at once, without waiting. */
  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** SIGTERM; resolves with how it left. Throws when it had to be killed. */
  async stop(): Promise<Exit> {
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const patience = { isOver: false };
    const impatience = setTimeout(() => {
      patience.isOver = true;
      this.signal('SIGKILL');
    }, LEAVE_MS);
    const exit = await this.exited;
    clearTimeout(impatience);
    if (patience.isOver) throw new Error(`${this.name} did not leave within ${LEAVE_MS} ms after SIGTERM`);
    return exit;
  }

  private keep(chunk: Buffer): void {
    this.all = (this.all + chunk.toString('utf8')).slice(-KEPT_CHARACTERS);
  }
}

/** Runs a program of dist/ to its end. */
export async function runToEnd(options: ProgramOptions): Promise<Exit & { readonly program: Program }> {
  const program = new Program(options);
  return { ...(await program.exited), program };
}

/** The programs of this file that have not ended. */
export function running(): Program[] {
  return [...started].filter((program) => program.isRunning);
}

/** The last lines of every program that was started since the mark, for a test that failed. */
export function lastWords(since: number, lines = 40): string {
  const programs = [...started].slice(since);
  return programs
    .map(
      (program) =>
        `--- ${program.name} (pid ${program.pid}${program.isRunning ? '' : ', ended'})\n${tail(program.output, lines)}`,
    )
    .join('\n');
}

/** How many programs were started so far: a mark for `lastWords`. */
export function startedSoFar(): number {
  return started.size;
}

function tail(text: string, lines: number): string {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** The suites' own settings must not reach the programs by accident. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TCC|TCCCTL|SHOP)_/.test(name)));
}
