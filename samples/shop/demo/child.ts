import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Program {
  readonly name: string;
  /** The script that Node runs. */
  readonly script: string;
  /** Its standard output is meant for `onLine`; otherwise it is a part of the log. */
  readonly speaks: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** Shown when the demo fails. */
  readonly logFile: string;
}

/** How long a process may take to leave after SIGTERM before it is killed, in milliseconds: longer than any call. */
const PATIENCE_MS = 8000;

/** Loaded into every child: it leaves when the demo is gone, even when the demo itself was killed with -9. */
const LEASH = join(__dirname, 'leash.js');

/** A process of the demo: started here, ended here. */
export class Child {
  readonly program: Program;
  private readonly exited: Promise<void>;
  private readonly process: ChildProcess;
  private leaving = false;

  /** `onSurprise` is called when it ends although nobody asked it to. */
  constructor(program: Program, onSurprise: (child: Child) => void) {
    this.program = program;
    const log = openSync(program.logFile, 'a');
    this.process = spawn(process.execPath, ['--require', LEASH, program.script], {
      env: { ...withoutSettings(process.env), ...program.env },
      stdio: ['ignore', program.speaks ? 'pipe' : log, log, 'ipc'],
    });
    closeSync(log);
    this.exited = new Promise((resolve) => {
      this.process.once('error', () => resolve());
      this.process.once('exit', () => resolve());
    });
    void this.exited.then(() => {
      if (!this.leaving) onSurprise(this);
    });
  }

  /** Calls `take` with each line of its standard output. */
  onLine(take: (line: string) => void): void {
    if (this.process.stdout !== null) createInterface({ input: this.process.stdout }).on('line', take);
  }

  onMessage(take: (message: unknown) => void): void {
    this.process.on('message', take);
  }

  tell(message: object): void {
    this.process.send(message, () => undefined);
  }

  /** kill -9: no chance to say goodbye. */
  async kill(): Promise<void> {
    this.killNow();
    await this.exited;
  }

  killNow(): void {
    this.leaving = true;
    this.process.kill('SIGKILL');
  }

  /** Asks it to finish what it is doing and to leave; kills it when it does not. */
  async stop(): Promise<void> {
    this.leaving = true;
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGTERM');
    const impatience = setTimeout(() => this.process.kill('SIGKILL'), PATIENCE_MS);
    await this.exited;
    clearTimeout(impatience);
  }

  lastWords(): string {
    return readFileSync(this.program.logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n');
  }
}

/** The demo's own settings must not reach its children by accident. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(TCC|SHOP)_/.test(name)));
}
