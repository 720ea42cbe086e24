/** A server at a participant's address that answers what a test tells it to, by bytes, headers and worse. */
import { once } from 'node:events';
import { createServer as createHttp1 } from 'node:http';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';

import { encode } from './messages';
import { frame } from './raw-http2';

/** Answers one call; `phase` is Try, Confirm or Cancel. */
export type Deed = (stream: ServerHttp2Stream, phase: string) => void;

/** A response of gRPC. */
export function respond(body: Uint8Array, trailers: Readonly<Record<string, string>>, headers = {}): Deed {
  return (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...headers }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
  };
}

export const ok: Deed = respond(frame(encode('TryResponse', {})), { 'grpc-status': '0' });

/** A page of HTTP and no gRPC. */
export function page(status: number, headers = {}): Deed {
  return (stream) => {
    stream.respond({ ':status': status, 'content-type': 'text/html', ...headers });
    stream.end('<html>it works!</html>');
  };
}

export class OddParticipant {
  deed: Deed = ok;
  private readonly server: Http2Server = createServer();
  private readonly sockets = new Set<Socket>();

  constructor() {
    this.server.on('connection', (socket: Socket) => this.sockets.add(socket));
    this.server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      stream.resume();
      this.deed(stream, (headers[':path'] ?? '').split('/').at(-1) ?? '');
    });
    this.server.on('sessionError', () => undefined);
  }

  async listen(): Promise<string> {
    return listenOn(this.server);
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }
}

/** A server that speaks no HTTP/2; it is stopped by the returned function. */
export async function stranger(
  kind: 'HTTP/1.1' | 'noise' | 'silence' | 'a closed door',
): Promise<[string, () => void]> {
  const sockets = new Set<Socket>();
  const server =
    kind === 'HTTP/1.1'
      ? createHttp1((_, response) => response.writeHead(200).end('hello'))
      : createTcp((socket) => {
          socket.on('error', () => undefined);
          if (kind === 'noise') socket.write(Buffer.alloc(1_000, 0xa5));
          if (kind === 'a closed door') socket.destroy();
        });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  const address = await listenOn(server);
  return [
    address,
    () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  ];
}

async function listenOn(server: Server | Http2Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
