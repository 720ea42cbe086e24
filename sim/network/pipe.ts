/**
 * A stream between two machines, with an end for either side that looks like grpc-js's: messages arrive in order, as the bytes
 * that were sent, until either side ends it, dies, or the stream breaks.
 */
import { EventEmitter } from 'node:events';

import { Metadata, status } from '@grpc/grpc-js';

import type { Machine } from '../kernel/machine';
import type { Network } from './network';

/** A message's way there and back again, as both sides define it. */
export interface StreamMethod<UpIn, UpOut, DownIn, DownOut> {
  requestSerialize(message: UpIn): Buffer;
  requestDeserialize(bytes: Buffer): UpOut;
  responseSerialize(message: DownIn): Buffer;
  responseDeserialize(bytes: Buffer): DownOut;
}

/** How a stream ended. */
export interface EndStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

type Cut = (message: unknown, share: number) => unknown;

/** One direction. */
class Way {
  private readonly network: Network;
  private readonly from: Machine;
  private readonly to: Machine;
  private lastMs = 0;

  constructor(network: Network, from: Machine, to: Machine) {
    this.network = network;
    this.from = from;
    this.to = to;
  }

  /** Arrives after everything that was sent before, as an event of the machine there. */
  send(arrive: () => void): void {
    const { scheduler } = this.network.deps;
    const delayMs = this.network.transit(this.from, this.to, undefined) ?? 0;
    this.lastMs = Math.max(this.lastMs, scheduler.nowMs + delayMs);
    scheduler.after(this.lastMs - scheduler.nowMs, this.to, arrive);
  }
}

/** What grpc-js gives a client. */
export class ClientEnd<Up, Down> extends EventEmitter {
  private readonly pipe: Pipe<Up, unknown, unknown, Down>;

  constructor(pipe: Pipe<Up, unknown, unknown, Down>) {
    super();
    this.pipe = pipe;
  }

  write(message: Up): boolean {
    return this.pipe.up(message);
  }

  end(): void {
    this.pipe.halfClose();
  }

  cancel(): void {
    this.pipe.cancel();
  }

  read(): null {
    return null;
  }
}

/** What grpc-js gives a server. */
export class ServerEnd<Up, Down> extends EventEmitter {
  private readonly pipe: Pipe<unknown, Up, Down, unknown>;

  constructor(pipe: Pipe<unknown, Up, Down, unknown>) {
    super();
    this.pipe = pipe;
    this.on('error', (end: EndStatus) => this.pipe.finish(end));
  }

  write(message: Down): boolean {
    return this.pipe.down(message);
  }

  /** They say how large a frame may be, and the frames here are far below all that may be set. */
  sendMetadata(): void {
    return undefined;
  }

  /** The simulated wires hold whatever is under way: a reader that waits is only slow. */
  pause(): void {
    this.pipe.deps.coverage.reached('path: a server waits until its stream takes more');
  }

  resume(): void {
    return undefined;
  }

  end(): void {
    this.pipe.finish({ code: status.OK, details: '', metadata: new Metadata() });
  }
}

export class Pipe<UpIn, UpOut, DownIn, DownOut> {
  readonly client: ClientEnd<UpIn, DownOut>;
  readonly server: ServerEnd<UpOut, DownIn>;
  private readonly network: Network;
  private readonly method: StreamMethod<UpIn, UpOut, DownIn, DownOut>;
  private readonly machines: { readonly client: Machine; readonly server: Machine };
  private readonly ways: { readonly up: Way; readonly down: Way };
  private readonly cut: Cut;
  private clientIsOver = false;
  private serverIsOver = false;
  private readonly leave: (() => void)[];

  /** `cut` keeps a share of a message's entries: what was worked off when the stream broke. */
  constructor(
    network: Network,
    method: StreamMethod<UpIn, UpOut, DownIn, DownOut>,
    machines: { readonly client: Machine; readonly server: Machine },
    cut: Cut,
  ) {
    this.network = network;
    this.method = method;
    this.machines = machines;
    this.cut = cut;
    const { client, server } = machines;
    this.ways = { up: new Way(network, client, server), down: new Way(network, server, client) };
    this.client = new ClientEnd<UpIn, DownOut>(this);
    this.server = new ServerEnd<UpOut, DownIn>(this);
    this.leave = [client.onDeath(() => this.serverHears()), server.onDeath(() => this.clientHears(RESET))];
  }

  get deps() {
    return this.network.deps;
  }

  /** Opens it: the server's side begins when the first packet arrives; where nobody is, the connection is refused. */
  connect(isThere: boolean, begin: () => void): void {
    if (!this.machines.client.touchesWorld()) return;
    if (isThere) {
      this.ways.up.send(begin);
      return;
    }
    this.serverIsOver = true;
    this.clientHears(REFUSED);
  }

  /** Neither side has ended it. */
  get stands(): boolean {
    return !this.clientIsOver && !this.serverIsOver;
  }

  up(message: UpIn): boolean {
    const { client } = this.machines;
    if (this.clientIsOver || !client.touchesWorld()) return false;
    const bytes = this.method.requestSerialize(message);
    const broken = this.isBreaking(client);
    this.ways.up.send(() => {
      if (this.serverIsOver) return;
      const whole = this.method.requestDeserialize(bytes);
      this.server.emit('data', broken ? this.cut(whole, this.deps.chance.next()) : whole);
      if (broken) this.break();
    });
    return this.takesMore(client, () => this.client.emit('drain'));
  }

  down(message: DownIn): boolean {
    const { server } = this.machines;
    if (this.serverIsOver || !server.touchesWorld()) return false;
    const bytes = this.method.responseSerialize(message);
    const broken = this.isBreaking(server);
    this.ways.down.send(() => {
      if (this.clientIsOver) return;
      const whole = this.method.responseDeserialize(bytes);
      this.client.emit('data', broken ? this.cut(whole, this.deps.chance.next()) : whole);
      if (broken) this.break();
    });
    return this.takesMore(server, () => this.server.emit('drain'));
  }

  /** The client says no more. */
  halfClose(): void {
    if (this.clientIsOver || !this.machines.client.touchesWorld()) return;
    this.ways.up.send(() => {
      if (!this.serverIsOver) this.server.emit('end');
    });
  }

  /** The client wants nothing more of it. */
  cancel(): void {
    if (this.clientIsOver) return;
    this.clientIsOver = true;
    if (this.machines.client.touchesWorld()) this.serverHears();
  }

  /** The server ends it, after what it has sent. */
  finish(end: EndStatus): void {
    if (this.serverIsOver) return;
    this.serverIsOver = true;
    if (this.machines.server.touchesWorld()) this.clientHears(end);
  }

  /** The connection is gone: both sides hear of it, each in its time. */
  break(): void {
    this.clientHears(RESET);
    this.serverHears();
  }

  private clientHears(end: EndStatus): void {
    if (this.clientIsOver) return;
    this.ways.down.send(() => {
      if (this.clientIsOver) return;
      this.over();
      if (end.code !== 0) this.client.emit('error', Object.assign(new Error(end.details), end));
      this.client.emit('end');
      this.client.emit('status', end);
    });
  }

  private serverHears(): void {
    if (this.serverIsOver) return;
    this.ways.up.send(() => {
      if (this.serverIsOver) return;
      this.serverIsOver = true;
      this.server.emit('cancelled');
    });
  }

  private over(): void {
    this.clientIsOver = true;
    for (const leave of this.leave) leave();
    this.serverHears();
  }

  private isBreaking(sender: Machine): boolean {
    const { faults, scheduler, chance } = this.deps;
    if (faults.strikes('stream: breaks', sender.name, 0.5)) {
      scheduler.after(chance.between(0, 20), scheduler.nature, () => this.break());
    }
    return faults.strikes('stream: breaks in a frame', sender.name, 0.5);
  }

  private takesMore(sender: Machine, drained: () => void): boolean {
    const { faults, scheduler } = this.deps;
    if (!faults.strikes('stream: full', sender.name)) return true;
    scheduler.after(faults.draw('stream: full', 1, 500), sender, drained);
    return false;
  }
}

const REFUSED: EndStatus = { code: status.UNAVAILABLE, details: 'connection refused', metadata: new Metadata() };
const RESET: EndStatus = { code: status.UNAVAILABLE, details: 'the connection was lost', metadata: new Metadata() };
