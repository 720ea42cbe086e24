import { DatabaseSync } from '@photostructure/sqlite';
import { createFence, fenced, Refused } from 'tcc-coordinator/fence';
import { inSqliteTransaction, sqliteExecutor } from 'tcc-coordinator/fence/sqlite';
import {
  createParticipant,
  type ActionOptions,
  type BranchCall,
  type Participant,
  type Phase,
} from 'tcc-coordinator/participant';

import type { Carrier } from './service';

/** What one call does besides its work. The work itself runs behind the fence, once per phase of a branch. */
export type Deed =
  | { readonly kind: 'refuse'; readonly message: string }
  /** Fails before anything was done. */
  | { readonly kind: 'fail' }
  /** Does the work, commits it, and then the answer is lost. */
  | { readonly kind: 'lose the answer' };

export interface ScriptedOptions {
  readonly instanceId?: string;
  /** Default: 'stream'. */
  readonly carrier?: Carrier;
  /** Whether it has an address besides its streams. Default: only when it is called by unary calls. */
  readonly listens?: boolean;
}

/** A participant in this process, on the SDK and its fence, that misbehaves on command. */
export class ScriptedParticipant {
  readonly name: string;
  readonly calls: {
    readonly gid: string;
    readonly branchId: string;
    readonly phase: Phase;
    readonly attempt: number;
  }[] = [];
  /** How often the work of each phase took effect, by 'phase gid/branchId'. */
  readonly effects = new Map<string, number>();
  private readonly participant: Participant;
  private readonly database = new DatabaseSync(':memory:');
  private readonly deeds: { readonly phase: Phase; readonly deed: Deed; left: number }[] = [];
  private readonly gates = new Map<Phase, { readonly opened: Promise<void>; readonly open: () => void }>();

  constructor(name: string, coordinators: readonly string[], options: ActionOptions & ScriptedOptions = {}) {
    const { instanceId, carrier = 'stream', listens = carrier === 'unary', ...actionOptions } = options;
    this.name = name;
    this.participant = createParticipant({
      name,
      coordinators,
      attach: carrier === 'stream',
      ...(listens ? { listen: '127.0.0.1:0' } : {}),
      lingerMs: 0,
      ...(instanceId === undefined ? {} : { instanceId }),
    });
    const fence = createFence({ dialect: 'sqlite' });
    this.ready = fence.createTable(sqliteExecutor(this.database));
    const handlers = fenced(fence, inSqliteTransaction(this.database), {
      try: (call: BranchCall) => this.work(call),
      confirm: (call: BranchCall) => this.work(call),
      cancel: (call: BranchCall) => this.work(call),
    });
    const scripted = (phase: Phase) => async (call: BranchCall) => {
      const { gid, branchId, attempt } = call;
      this.calls.push({ gid, branchId, phase, attempt });
      await this.gates.get(phase)?.opened;
      const deed = this.next(phase);
      if (deed?.kind === 'refuse') throw new Refused(deed.message);
      if (deed?.kind === 'fail') throw new Error('told to fail');
      const result = await handlers[phase](call);
      if (deed?.kind === 'lose the answer') throw new Error('told to lose the answer');
      return result;
    };
    this.participant.action(
      'act',
      { try: scripted('try'), confirm: scripted('confirm'), cancel: scripted('cancel') },
      actionOptions,
    );
  }

  private readonly ready: Promise<void>;

  get address(): string {
    return this.participant.address;
  }

  async start(): Promise<void> {
    await this.ready;
    await this.participant.start();
  }

  async stop(): Promise<void> {
    for (const phase of [...this.gates.keys()]) this.release(phase);
    await this.participant.stop();
    this.database.close();
  }

  /** The next `times` calls of this phase do this. */
  will(phase: Phase, deed: Deed, times = 1): void {
    this.deeds.push({ phase, deed, left: times });
  }

  /** Nothing is scripted any more. */
  behave(): void {
    this.deeds.length = 0;
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

  callsOf(gid: string, phase: Phase): number {
    return this.calls.filter((call) => call.gid === gid && call.phase === phase).length;
  }

  /** How often this phase took effect for any branch of this transaction. */
  effectsOf(gid: string, phase: Phase): number {
    let sum = 0;
    for (const [key, count] of this.effects) if (key.startsWith(`${phase} ${gid}/`)) sum += count;
    return sum;
  }

  private work(call: BranchCall): unknown {
    const { gid, branchId, phase } = call;
    const key = `${phase} ${gid}/${branchId}`;
    this.effects.set(key, (this.effects.get(key) ?? 0) + 1);
    return phase === 'try' ? { received: call.payload<unknown>() ?? null } : undefined;
  }

  private next(phase: Phase): Deed | undefined {
    const found = this.deeds.find((each) => each.phase === phase && each.left > 0);
    if (found !== undefined) found.left -= 1;
    return found?.deed;
  }
}
