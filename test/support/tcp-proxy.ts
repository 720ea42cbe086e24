import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { ReplyReader } from './mysql-replies';
import { StatementReader } from './mysql-statements';

/** Where the real server is. */
export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
  /** How a cut connection ends: with a reset (the default), or in good order as a server that shuts down does it. */
  readonly ending?: 'reset' | 'end';
}

/** Which way a fault works: what clients say to the server, what it says to them, or both. */
export type Direction = 'requests' | 'replies' | 'both';

/** Which statements meet a fault: the next so many COMMITs (alone, or sent together with what they commit), or every statement for which the function says so. */
export type StatementMatch = number | ((sql: string) => boolean);

/** Starts a proxy on a free port of 127.0.0.1 that passes everything on until it is told otherwise. */
export async function startTcpProxy(target: ProxyTarget): Promise<TcpProxy> {
  const server = createServer({ noDelay: true });
  const proxy = new TcpProxy(target, server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return proxy;
}

/**
 * A network that fails on command, for tests. Statements are read from MySQL's COM_QUERY packets, so the connection
 * must use neither TLS nor compression; every other fault works for any protocol.
 * P1. While it is paused no byte moves in either direction and no connection closes.
 * P2. A lost reply is cut only when the server has answered to its end: the server has done what the statements say.
 * P3. After `stop` no socket and no promise is left.
 */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private readonly running = new Set<Promise<unknown>>();
  private readonly gates = { requests: new Gate(), replies: new Gate() };
  private refusing = false;
  private delayMs = 0;
  private drop = Infinity;
  private dropEveryMs = 0;
  private loseReplyOf: (sql: string) => boolean = () => false;
  private loseRequestOf: (sql: string) => boolean = () => false;
  private replyWasLost: () => void = () => undefined;
  private losses = 0;
  private holds = 0;
  private readonly target: ProxyTarget;
  private readonly server: Server;

  constructor(target: ProxyTarget, server: Server) {
    this.target = target;
    this.server = server;
    server.on('connection', (client: Socket) => {
      const run = this.serve(client).finally(() => this.running.delete(run));
      this.running.add(run);
    });
  }

  /** The port on 127.0.0.1 to connect to. */
  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** How many connections are open through the proxy. */
  get connections(): number {
    return this.links.size;
  }

  /** How many requests and replies were lost so far through the armed faults. */
  get lost(): number {
    return this.losses;
  }

  /** How many chunks were held back so far, by `pause`, `delay` or `drip`. */
  get held(): number {
    return this.holds;
  }

  /** Cuts all connections that are open; new ones are served. */
  cut(): void {
    for (const link of this.links) this.end(link);
  }

  /** Cuts all connections and every new one until `resume`: the server is down. */
  refuse(): void {
    this.refusing = true;
    this.cut();
  }

  /**
   * Becomes a black hole until `resume`: connections stay open, new ones are accepted, and nothing passes; or nothing passes in
   * one direction.
   */
  pause(direction: Direction = 'both'): void {
    if (direction !== 'replies') this.gates.requests.close();
    if (direction !== 'requests') this.gates.replies.close();
  }

  /** Ends `pause`, `refuse`, `delay` and `drip`; what was held back is passed on. Armed losses stay armed. */
  resume(): void {
    this.refusing = false;
    this.delayMs = 0;
    this.drop = Infinity;
    this.gates.requests.open();
    this.gates.replies.open();
  }

  /** Holds every chunk back for so many milliseconds, in both directions. */
  delay(delayMs: number): void {
    this.delayMs = delayMs;
  }

  /** Lets no more than `bytes` pass in `everyMs` milliseconds, on each connection and in each direction. */
  drip(bytes: number, everyMs: number): void {
    this.drop = bytes;
    this.dropEveryMs = everyMs;
  }

  /**
   * The server gets the statement and does it; its reply is swallowed and the connection cut. 0 disarms. `then` is called in the moment
   * of each cut, before anybody can hear of it.
   */
  dropRepliesAfter(match: StatementMatch, then: () => void = () => undefined): void {
    this.loseReplyOf = matcher(match);
    this.replyWasLost = then;
  }

  /** The connection is cut before the statement reaches the server. 0 disarms. */
  dropRequests(match: StatementMatch): void {
    this.loseRequestOf = matcher(match);
  }

  /** Cuts everything and closes the port. */
  async stop(): Promise<void> {
    this.refuse();
    this.drop = Infinity;
    this.gates.requests.open();
    this.gates.replies.open();
    const closed = once(this.server, 'close');
    this.server.close();
    await Promise.all([closed, ...this.running]);
  }

  private async serve(client: Socket): Promise<void> {
    const link: Link = { client, server: undefined, lostReply: undefined };
    this.links.add(link);
    client.on('error', () => undefined);
    try {
      await this.gates.requests.passage();
      if (this.refusing || client.destroyed) return;
      const server = connect({ host: this.target.host, port: this.target.port, noDelay: true });
      link.server = server;
      server.on('error', () => undefined);
      await once(server, 'connect');
      const halves = [this.passRequests(link, server), this.passReplies(link, server)];
      // A socket that broke is a cut for the other side.
      await Promise.all(halves.map((half) => half.catch(() => this.end(link))));
    } catch {
      // The real server is not there: the client sees the connection cut, as below.
    } finally {
      this.end(link);
      this.links.delete(link);
    }
  }

  private async passRequests(link: Link, server: Socket): Promise<void> {
    const reader = new StatementReader();
    for await (const chunk of link.client as AsyncIterable<Buffer>) {
      await this.hold(this.gates.requests);
      for (const { bytes, statement } of reader.read(chunk)) {
        if (statement !== undefined && this.loseRequestOf(statement)) {
          this.lose(link);
          return;
        }
        if (statement !== undefined && this.loseReplyOf(statement)) link.lostReply = new ReplyReader();
        await this.pass(server, bytes);
      }
    }
    server.end();
  }

  private async passReplies(link: Link, server: Socket): Promise<void> {
    for await (const chunk of server as AsyncIterable<Buffer>) {
      await this.hold(this.gates.replies);
      // The client sends one command at a time, so what comes after the statement is its reply.
      if (link.lostReply !== undefined) {
        if (!link.lostReply.isOver(chunk)) continue;
        this.lose(link);
        this.replyWasLost();
        return;
      }
      await this.pass(link.client, chunk);
    }
    link.client.end();
  }

  private async hold(gate: Gate): Promise<void> {
    if (this.delayMs > 0 || gate.isClosed) this.holds += 1;
    if (this.delayMs > 0) await pause(this.delayMs);
    await gate.passage();
  }

  private async pass(socket: Socket, bytes: Buffer): Promise<void> {
    let left = bytes;
    while (this.drop < Infinity && left.length > 0 && !socket.destroyed) {
      const { drop } = this;
      this.holds += 1;
      await write(socket, left.subarray(0, drop));
      left = left.subarray(drop);
      await pause(this.dropEveryMs);
    }
    if (left.length > 0) await write(socket, left);
  }

  private lose(link: Link): void {
    this.losses += 1;
    this.end(link);
  }

  private end(link: Link): void {
    for (const socket of [link.client, link.server]) {
      if (socket === undefined || socket.destroyed) continue;
      const inGoodOrder = this.target.ending === 'end' || socket.readableEnded;
      if (inGoodOrder) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}

/** A client's connection and the one that stands for it at the server. */
interface Link {
  readonly client: Socket;
  server: Socket | undefined;
  /** The reply that is swallowed. */
  lostReply: ReplyReader | undefined;
}

/** Open or closed; whoever wants to pass waits until it is open. */
class Gate {
  private opened: Promise<void> | undefined;
  private letThrough: () => void = () => undefined;

  get isClosed(): boolean {
    return this.opened !== undefined;
  }

  close(): void {
    this.opened ??= new Promise((resolve) => {
      this.letThrough = resolve;
    });
  }

  open(): void {
    this.opened = undefined;
    this.letThrough();
  }

  async passage(): Promise<void> {
    while (this.opened !== undefined) await this.opened;
  }
}

function matcher(match: StatementMatch): (sql: string) => boolean {
  if (typeof match === 'function') return match;
  let left = match;
  return (sql) => {
    if (left === 0 || !/(^|;)commit$/i.test(sql)) return false;
    left -= 1;
    return true;
  };
}

async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.write(bytes) || socket.destroyed) return;
  const cut = new AbortController();
  const closed = () => cut.abort();
  socket.once('close', closed);
  try {
    await once(socket, 'drain', { signal: cut.signal });
  } finally {
    socket.off('close', closed);
  }
}
