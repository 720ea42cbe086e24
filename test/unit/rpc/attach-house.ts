import { EventEmitter } from 'node:events';

import { Attachments } from '../../../src/invoker/attachments';
import type { NewInstance } from '../../../src/journal/participants';
import { silentLogger } from '../../../src/lib/logger';
import { AttachService } from '../../../src/rpc/attach-service';
import type { AttachDown, AttachUp, RawHello } from '../../../src/wire/attach';
import { readStatus, type StatusReport, type WireStatus } from '../../../src/wire/status';
import { VirtualClock } from '../../support/virtual-clock';
import { limits } from './requests';

/** The coordinator's end of one stream, as grpc-js gives it: what is said on it is written down. */
export class FakeCall extends EventEmitter {
  readonly written: AttachDown[] = [];
  /** How often this end was ended. */
  ends = 0;
  /** What it was failed with. */
  failure: StatusReport | undefined;
  full = false;

  constructor() {
    super();
    // grpc-js itself listens, and ends the call with this status.
    this.on('error', (error: WireStatus) => {
      this.failure ??= readStatus(error as never);
    });
  }

  write(message: AttachDown): boolean {
    this.written.push(message);
    return !this.full;
  }

  end(): void {
    this.ends += 1;
  }

  say(message: AttachUp): void {
    this.emit('data', message);
  }

  hello(changes: Partial<RawHello> = {}): void {
    this.say({
      hello: {
        participant: 'stock',
        instanceId: 's-1',
        actions: [{ name: 'deduct' }],
        maxCallsInFlight: 0,
        maxBytesInFlight: 0,
        address: '',
        ...changes,
      },
    });
  }

  /** Answers every call that it was sent. */
  answerAll(): void {
    const entries = this.written.flatMap(({ calls }) => calls?.entries ?? []);
    this.say({ replies: { entries: entries.map(({ id }) => ({ id, reply: {} })) } });
  }

  get gids(): string[] {
    return this.written.flatMap(({ calls }) => calls?.entries ?? []).map(({ call }) => call?.gid ?? '');
  }

  get isOver(): boolean {
    return this.ends > 0 || this.failure !== undefined;
  }
}

/** A registry that can be held up and can fail. */
export class FakeRegistry {
  readonly registered: [NewInstance, lifetimeMs: number][] = [];
  readonly deregistered: string[] = [];
  error: Error | undefined;
  private held: (() => void)[] | undefined;

  async register(instance: NewInstance, lifetimeMs: number): Promise<void> {
    this.registered.push([instance, lifetimeMs]);
    if (this.held !== undefined) await new Promise<void>((resolve) => this.held?.push(resolve));
    if (this.error !== undefined) throw this.error;
  }

  deregister(participant: string, instanceId: string): Promise<void> {
    this.deregistered.push(`${participant}/${instanceId}`);
    return this.error === undefined ? Promise.resolve() : Promise.reject(this.error);
  }

  /** From now on Register waits until the returned function is called; with an index, that one alone goes on. */
  hold(): (index?: number) => void {
    const held: (() => void)[] = [];
    this.held = held;
    return (index) => {
      if (index !== undefined) {
        held[index]?.();
        return;
      }
      this.held = undefined;
      for (const go of held) go();
    };
  }
}

/** An AttachService over fakes. */
export function attachHouse() {
  const clock = new VirtualClock();
  const attachments = new Attachments(clock);
  const registry = new FakeRegistry();
  const coordinators = ['10.0.0.1:8480'];
  const service = new AttachService(
    { ...limits, messageBytes: 65_536 },
    { attachments, registry, coordinatorId: 'c-1', coordinators: () => coordinators, clock, logger: silentLogger },
  );
  const open = (): FakeCall => {
    const call = new FakeCall();
    service.attach(call as never);
    return call;
  };
  return { clock, attachments, registry, coordinators, service, open };
}
