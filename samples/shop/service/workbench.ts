import { Refused } from 'tcc-coordinator/fence';
import type { ActionHandlers, BatchActionHandlers, BranchCall } from 'tcc-coordinator/participant';

export type Phase = keyof ActionHandlers;

/** What the demo tells a service over Node's channel between parent and child. The service sends it back when it is done. */
export interface Instruction {
  readonly gate: 'hold' | 'release';
  readonly phase: Phase;
}

/** What a service tells the demo about each call it has answered. */
export interface CallReport {
  readonly gid: string;
  readonly phase: Phase;
  readonly attempt: number;
  readonly answer: 'OK' | 'refused' | 'failed';
  /** What the fence found, or the words of the refusal. */
  readonly detail: string;
}

/**
 * Lets the demo stop a service at the moment when a fault hurts most: it holds all calls of one phase until it releases
 * them. It stands around the handlers, so neither the shop's business code nor the SDK knows of it, and it does nothing
 * unless a parent process is there to speak to.
 */
export class Workbench {
  private readonly gates = new Map<Phase, { readonly opened: Promise<void>; readonly open: () => void }>();

  listen(): void {
    if (process.send === undefined) return;
    process.on('message', (instruction: Instruction) => {
      this[instruction.gate](instruction.phase);
      tellParent(instruction);
    });
    // The channel alone must not keep a service alive that is told to stop.
    process.channel?.unref();
  }

  hold(phase: Phase): void {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.gates.set(phase, { opened, open });
  }

  release(phase: Phase): void {
    this.gates.get(phase)?.open();
    this.gates.delete(phase);
  }

  releaseAll(): void {
    for (const phase of [...this.gates.keys()]) this.release(phase);
  }

  /** The same handlers, single ones and batch handlers, with a gate in front of each and a report behind it. */
  around(handlers: ActionHandlers): ActionHandlers;
  around(handlers: BatchActionHandlers): BatchActionHandlers;
  around(handlers: BatchActionHandlers): BatchActionHandlers {
    const guarded: Partial<Record<keyof BatchActionHandlers, unknown>> = {};
    for (const phase of ['try', 'confirm', 'cancel'] as const) {
      const single = handlers[phase];
      const batch = handlers[`${phase}Batch`];
      if (single !== undefined) guarded[phase] = (call: BranchCall) => this.one(phase, call, () => single(call));
      if (batch !== undefined) {
        guarded[`${phase}Batch`] = (calls: readonly BranchCall[]) => this.many(phase, calls, () => batch(calls));
      }
    }
    return guarded as BatchActionHandlers;
  }

  private async one(phase: Phase, call: BranchCall, serve: () => unknown): Promise<unknown> {
    await this.gates.get(phase)?.opened;
    try {
      const result = await serve();
      report(phase, call, result);
      return result;
    } catch (error) {
      report(phase, call, asError(error));
      throw error;
    }
  }

  /** Calls of a batch that fails as a whole are reported when each is then run by itself. */
  private async many(
    phase: Phase,
    calls: readonly BranchCall[],
    serve: () => Promise<readonly unknown[]>,
  ): Promise<readonly unknown[]> {
    await this.gates.get(phase)?.opened;
    try {
      const answers = await serve();
      for (const [index, call] of calls.entries()) report(phase, call, answers[index]);
      return answers;
    } catch (error) {
      const [only, ...others] = calls;
      if (only !== undefined && others.length === 0) report(phase, only, asError(error));
      throw error;
    }
  }
}

/** `result`: what a handler returned, or the Error that it threw or answered. */
function report(phase: Phase, { gid, attempt }: BranchCall, result: unknown): void {
  const about = { gid, phase, attempt };
  if (!(result instanceof Error)) tellParent({ ...about, answer: 'OK', detail: fenceOf(result) });
  else tellParent({ ...about, answer: result instanceof Refused ? 'refused' : 'failed', detail: messageOf(result) });
}

function tellParent(message: CallReport | Instruction): void {
  if (process.connected) process.send?.(message);
}

function fenceOf(result: unknown): string {
  if (typeof result !== 'object' || result === null || !('fence' in result)) return '';
  return String(result.fence);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** A refusal by the fence says in one word what it found. */
function messageOf(error: Error): string {
  const fence = error instanceof Refused ? error.fence : undefined;
  return fence === undefined ? error.message : `${error.message} (${fence})`;
}
