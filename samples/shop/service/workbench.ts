import { Refused } from 'tcc-coordinator/fence';
import type { ActionHandlers } from 'tcc-coordinator/participant';

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

  /** The same handlers, with a gate in front of each and a report behind it. */
  around(handlers: ActionHandlers): ActionHandlers {
    const guarded = <P extends Phase>(phase: P): ActionHandlers[P] => {
      return async (call) => {
        await this.gates.get(phase)?.opened;
        const report = { gid: call.gid, phase, attempt: call.attempt };
        try {
          const result = await handlers[phase](call);
          tellParent({ ...report, answer: 'OK', detail: fenceOf(result) });
          return result;
        } catch (error) {
          const detail = messageOf(error);
          tellParent({ ...report, answer: error instanceof Refused ? 'refused' : 'failed', detail });
          throw error;
        }
      };
    };
    return { try: guarded('try'), confirm: guarded('confirm'), cancel: guarded('cancel') };
  }
}

function tellParent(message: CallReport | Instruction): void {
  if (process.connected) process.send?.(message);
}

function fenceOf(result: unknown): string {
  if (typeof result !== 'object' || result === null || !('fence' in result)) return '';
  return String(result.fence);
}

/** A refusal by the fence says in one word what it found. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const fence = error instanceof Refused ? error.fence : undefined;
  return fence === undefined ? error.message : `${error.message} (${fence})`;
}
