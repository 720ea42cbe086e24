import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from '../../support/eventually';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';

/** A COM_QUERY packet of the MySQL protocol. */
function query(sql: string): Buffer {
  const body = Buffer.from(sql);
  return Buffer.concat([Buffer.from([body.length + 1, 0, 0, 0, 3]), body]);
}

/** The other end of the proxy: answers every chunk with `done` and keeps what it got. */
class AnsweringServer {
  received = '';
  readonly sockets = new Set<Socket>();
  readonly server: Server = createServer((socket) => {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (chunk) => {
      this.received += chunk.toString();
      socket.write('done');
    });
  });

  async start(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** A client that keeps what it got and how its connection ended. */
class Caller {
  received = '';
  ended: string | undefined;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.received += chunk.toString()));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.ended = error.code));
    this.socket.on('close', () => (this.ended ??= 'closed'));
  }
}

describe('the TCP proxy', () => {
  let server: AnsweringServer;
  let proxy: TcpProxy;
  const callers: Caller[] = [];

  function call(): Caller {
    const caller = new Caller(proxy.port);
    callers.push(caller);
    return caller;
  }

  beforeEach(async () => {
    server = new AnsweringServer();
    proxy = await startTcpProxy({ host: '127.0.0.1', port: await server.start() });
  });

  afterEach(async () => {
    for (const caller of callers.splice(0)) caller.socket.destroy();
    await proxy.stop();
    await server.stop();
  });

  it('cuts one direction: the server hears the client, and its answer comes when the cut is over', async () => {
    const caller = call();
    proxy.pause('replies');
    caller.socket.write('hello');
    await eventually(() => server.received === 'hello' && proxy.held === 1);
    expect(caller.received).toBe('');
    proxy.resume();
    await eventually(() => caller.received === 'done');
  });

  it('lets no more than a drop pass at a time', async () => {
    const caller = call();
    proxy.drip(2, 20);
    const startedMs = performance.now();
    caller.socket.write('0123456789');
    await eventually(() => server.received === '0123456789');
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(4 * 20 - 5);
    expect(proxy.held).toBeGreaterThanOrEqual(5);
  });

  it('passes both directions on', async () => {
    const caller = call();
    caller.socket.write('hello');
    await eventually(() => expect(caller.received).toBe('done'));
    expect(server.received).toBe('hello');
  });

  it('cuts every open connection with a reset and serves new ones', async () => {
    const callers = [call(), call()];
    for (const caller of callers) caller.socket.write('hello');
    await eventually(() => callers.every((caller) => caller.received === 'done'));
    proxy.cut();
    await eventually(() => expect(callers.map((caller) => caller.ended)).toEqual(['ECONNRESET', 'ECONNRESET']));
    await eventually(() => proxy.connections === 0 && server.sockets.size === 0);
    const next = call();
    next.socket.write('again');
    await eventually(() => next.received === 'done');
  });

  it('lets nothing pass while it is a black hole, and all of it afterwards', async () => {
    const open = call();
    open.socket.write('before');
    await eventually(() => open.received === 'done');
    proxy.pause();
    open.socket.write('held');
    const late = call();
    late.socket.write('late');
    await eventually(() => proxy.connections === 2);
    await expect(eventually(() => server.received !== 'before', { timeoutMs: 100 })).rejects.toThrow('not met');
    expect([open.ended, late.ended]).toEqual([undefined, undefined]);
    proxy.resume();
    await eventually(() => server.received.includes('held') && server.received.includes('late'));
    await eventually(() => late.received === 'done');
  });

  it('cuts a black-holed connection', async () => {
    const caller = call();
    caller.socket.write('before');
    await eventually(() => caller.received === 'done');
    proxy.pause();
    proxy.cut();
    await eventually(() => expect(caller.ended).toBe('ECONNRESET'));
  });

  it('refuses new connections until it resumes', async () => {
    proxy.refuse();
    const refused = call();
    await eventually(() => expect(refused.ended).toBe('ECONNRESET'));
    proxy.resume();
    const served = call();
    served.socket.write('hello');
    await eventually(() => served.received === 'done');
  });

  it('delays what passes', async () => {
    proxy.delay(60);
    const startMs = performance.now();
    const caller = call();
    caller.socket.write('hello');
    await eventually(() => caller.received === 'done', { everyMs: 1 });
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(115);
  });

  it('lets a COMMIT through, swallows its reply and cuts the connection, as often as it is armed', async () => {
    proxy.dropRepliesAfter(1);
    const caller = call();
    caller.socket.write(query('BEGIN'));
    await eventually(() => caller.received === 'done');
    caller.socket.write(query('COMMIT'));
    await eventually(() => expect(caller.ended).toBe('ECONNRESET'));
    expect(server.received).toContain('COMMIT');
    expect(caller.received).toBe('done');
    expect(proxy.lost).toBe(1);
    const next = call();
    next.socket.write(query('COMMIT'));
    await eventually(() => next.received === 'done');
  });

  it('loses the reply of the statements that a function picks', async () => {
    proxy.dropRepliesAfter((sql) => sql.startsWith('UPDATE'));
    const caller = call();
    caller.socket.write(query('COMMIT'));
    await eventually(() => caller.received === 'done');
    caller.socket.write(query('UPDATE stock'));
    await eventually(() => expect(caller.ended).toBe('ECONNRESET'));
    expect(server.received).toContain('UPDATE stock');
  });

  it('can go down in the moment in which it loses a reply: nobody gets through in between', async () => {
    proxy.dropRepliesAfter(1, () => proxy.refuse());
    const caller = call();
    caller.socket.write(query('COMMIT'));
    const next = new Promise<Caller>((resolve) => caller.socket.once('close', () => resolve(call())));
    (await next).socket.write('hello');
    await eventually(async () => expect((await next).ended).toBe('ECONNRESET'));
    expect(server.received).toContain('COMMIT');
    expect(server.received).not.toContain('hello');
  });

  it('loses a request before the server has all of it', async () => {
    proxy.dropRequests(1);
    const caller = call();
    caller.socket.write(query('COMMIT'));
    await eventually(() => expect(caller.ended).toBe('ECONNRESET'));
    expect(server.received).not.toContain('COMMIT');
    expect(proxy.lost).toBe(1);
  });

  it('leaves nothing behind when it stops, also while paused', async () => {
    const caller = call();
    caller.socket.write('hello');
    await eventually(() => caller.received === 'done');
    proxy.pause();
    await proxy.stop();
    await eventually(() => caller.ended !== undefined);
    expect(proxy.connections).toBe(0);
    await eventually(() => server.sockets.size === 0);
    proxy = await startTcpProxy({ host: '127.0.0.1', port: 1 });
  });
});
