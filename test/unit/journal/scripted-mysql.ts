import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** What the server does about a statement: answers that it changed so many rows, answers with an error, cuts the connection, or nothing. */
export type Deed = number | { readonly errno: number } | 'cut' | 'silence';

/** PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PLUGIN_AUTH, CONNECT_WITH_DB, FOUND_ROWS. */
const CAPABILITIES = 0x200 | 0x2000 | 0x8000 | 0x10000 | 0x20000 | 0x80000 | 0x8 | 0x2;
const COM_QUIT = 1;
const COM_QUERY = 3;
const IN_TRANSACTION = 1;
const MORE_RESULTS = 8;
const LONGLONG = 8;

/** A server that speaks MySQL's protocol as far as the journal's driver needs it, and meets each statement with what a test says. */
export class ScriptedMysql {
  /** What each connection was asked, in its packets' words, after it was set up. */
  readonly asked: string[][] = [];
  maxAllowedPacket = 1_000_000;
  deed: (statement: string) => Deed = () => 1;
  private readonly server: Server = createServer((socket) => this.serve(socket));
  private readonly sockets = new Set<Socket>();

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    const asked: string[] = [];
    this.asked.push(asked);
    socket.on('error', () => undefined);
    socket.write(packet(0, handshake(this.asked.length)));
    let isLoggedIn = false;
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUIntLE(0, 3)) {
        const body = rest.subarray(4, 4 + rest.readUIntLE(0, 3));
        rest = rest.subarray(4 + body.length);
        if (!isLoggedIn) socket.write(packet(2, ok(0, 0)));
        else if (body[0] === COM_QUIT) socket.end();
        else if (body[0] === COM_QUERY) this.query(socket, asked, body.toString('utf8', 1));
        isLoggedIn = true;
      }
    });
  }

  private query(socket: Socket, asked: string[], sql: string): void {
    if (sql.startsWith('SET ')) {
      socket.write(packet(1, ok(0, 0)));
      return;
    }
    if (sql.startsWith('SELECT @@max_allowed_packet')) {
      socket.write(oneNumber('bytes', this.maxAllowedPacket));
      return;
    }
    asked.push(sql);
    const statements = sql.split(';');
    for (const [index, statement] of statements.entries()) {
      const deed = this.deed(statement);
      if (deed === 'silence') return;
      if (deed === 'cut') {
        socket.end();
        return;
      }
      if (typeof deed === 'object') {
        socket.write(packet(index + 1, failure(deed.errno)));
        return;
      }
      const more = index < statements.length - 1 ? MORE_RESULTS : 0;
      socket.write(packet(index + 1, ok(deed, IN_TRANSACTION | more)));
    }
  }
}

function packet(sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(body.length, 0, 3);
  header[3] = sequence;
  return Buffer.concat([header, body]);
}

function handshake(connectionId: number): Buffer {
  const fixed = Buffer.alloc(31);
  fixed.writeUInt32LE(connectionId, 0);
  fixed.fill(0x61, 4, 12);
  fixed.writeUInt16LE(CAPABILITIES & 0xffff, 13);
  fixed[15] = 45;
  fixed.writeUInt16LE(2, 16);
  fixed.writeUInt16LE(CAPABILITIES >>> 16, 18);
  fixed[20] = 21;
  return Buffer.concat([
    Buffer.from('\u000a8.0.0\0', 'latin1'),
    fixed,
    Buffer.from('aaaaaaaaaaaa\0mysql_native_password\0', 'latin1'),
  ]);
}

function ok(rows: number, status: number): Buffer {
  const body = Buffer.alloc(7);
  body[1] = rows;
  body.writeUInt16LE(status, 3);
  return body;
}

function failure(errno: number): Buffer {
  const body = Buffer.from(`\u00ff\0\0#HY000error ${errno}`, 'latin1');
  body.writeUInt16LE(errno, 1);
  return body;
}

/** A result of one row with one column. */
function oneNumber(column: string, value: number): Buffer {
  const name = text(column);
  const definition = Buffer.concat([
    ...['def', '', '', ''].map(text),
    name,
    name,
    Buffer.from([12, 63, 0, 20, 0, 0, 0, LONGLONG, 0, 0, 0, 0, 0]),
  ]);
  const end = Buffer.from([0xfe, 0, 0, 2, 0]);
  const parts = [Buffer.from([1]), definition, end, text(String(value)), end];
  return Buffer.concat(parts.map((body, index) => packet(index + 1, body)));
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
}
