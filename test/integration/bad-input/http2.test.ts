import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { deflateSync, gzipSync } from 'node:zlib';

import { ARRIVAL_MS } from '../../../src/rpc/arrival';
import { eventually } from '../../support/eventually';
import { GROWTH_MB, House, limits } from './house';
import { encode } from './messages';
import { type Answer, frame, RawConnection } from './raw-http2';

let house: House;
let wire: RawConnection;
beforeAll(async () => {
  house = await House.start();
});
afterAll(() => house.stop());
beforeEach(() => {
  wire = new RawConnection(house.port);
  house.mark();
});
afterEach(async () => {
  wire.close();
  await house.stands();
});

const GET = '/tcc.v1.TransactionService/Get';
const EXECUTE = '/tcc.v1.TransactionService/Execute';
const ATTACH = '/tcc.v1.RegistryService/Attach';
const request = encode('GetRequest', { gid: 'not-there' });
const served = { grpc: 'NOT_FOUND', reason: 'TRANSACTION_NOT_FOUND' };

describe('a message', () => {
  const cases: [string, Uint8Array[], Partial<Answer>][] = [
    ['that is cut short', [frame(request).subarray(0, 7)], { grpc: 'UNIMPLEMENTED' }],
    ['without a body', [], { grpc: 'UNIMPLEMENTED' }],
    ['that says it is shorter than it is', [Buffer.from([0, 0, 0, 0, 1]), request], { grpc: 'RESOURCE_EXHAUSTED' }],
    ['of 4 GiB, as it says', [Buffer.from([0, 255, 255, 255, 255, 1])], { grpc: 'RESOURCE_EXHAUSTED' }],
    ['one byte too large', [frame(Buffer.alloc(limits.messageBytes + 1))], { grpc: 'RESOURCE_EXHAUSTED' }],
    ['followed by another in a unary call', [frame(request), frame(request)], { grpc: 'UNIMPLEMENTED' }],
    ['followed by one without end', [frame(request), Buffer.from([0, 0])], served],
  ];
  test.each(cases)('%s ends its call with a status', async (_, body, expected) => {
    expect(await wire.post(GET, body)).toMatchObject(expected);
  });

  test('in pieces of one byte is served', async () => {
    const call = wire.open(GET);
    for (const byte of frame(request)) {
      call.stream.write(Buffer.from([byte]));
      await pause(1);
    }
    call.stream.end();
    expect(await call.answer).toMatchObject(served);
  });

  test('of the largest size is read', async () => {
    const payload = Buffer.alloc(limits.messageBytes - 100);
    const branches = [{ branch_id: 'b', participant: 'p', action: 'a', payload: { data: payload } }];
    const answer = await wire.post(EXECUTE, [frame(encode('ExecuteRequest', { gid: 'x', branches }))]);
    expect(answer).toMatchObject({ grpc: 'INVALID_ARGUMENT', fields: ['branches[0].payload.data'] });
  });
});

describe('compression', () => {
  const BOMB_BYTES = 300_000_000;
  test.each([
    ['gzip', gzipSync(Buffer.alloc(BOMB_BYTES))],
    ['deflate', deflateSync(Buffer.alloc(BOMB_BYTES))],
  ])('a bomb of %s is refused before it goes off', async (encoding, bomb) => {
    // 300 MB are 290 kB packed: the bound is on what comes out, and a message of the packed size must pass for the test's sake.
    const pieces = bomb.subarray(0, limits.messageBytes);
    const answer = await wire.post(GET, [frame(pieces, 1)], { 'grpc-encoding': encoding });
    expect(answer.grpc).toBe('RESOURCE_EXHAUSTED');
  });

  test('fifty bombs on one stream do not add up', async () => {
    const bomb = gzipSync(Buffer.alloc(limits.messageBytes + 1));
    const answer = await wire.post(ATTACH, Array<Buffer>(50).fill(frame(bomb, 1)), { 'grpc-encoding': 'gzip' });
    expect(answer.grpc).toBe('RESOURCE_EXHAUSTED');
  });

  test.each([
    ['that is none', 'gzip', Buffer.from('not gzip at all')],
    ['that is empty', 'gzip', Buffer.alloc(0)],
    ['that is cut short', 'gzip', gzipSync(request).subarray(0, -6)],
    ['of a kind that is not known', 'br', request],
    ['of a kind that is no word', '__proto__', request],
  ])('%s ends its call with a status', async (_, encoding, body) => {
    const { grpc } = await wire.post(GET, [frame(body, 1)], { 'grpc-encoding': encoding });
    expect(['INTERNAL', 'UNIMPLEMENTED']).toContain(grpc);
  });

  test('that is good is served', async () => {
    expect(await wire.post(GET, [frame(gzipSync(request), 1)], { 'grpc-encoding': 'gzip' })).toMatchObject(served);
  });
});

describe('headers', () => {
  test.each(['1n', '-1S', '1.5S', '', 'S', 'abc', '1X', '5 S', '100000000S', '99999999H', '0S'])(
    'a grpc-timeout of "%s" is kept or refused',
    async (timeout) => {
      const { grpc } = await wire.post(GET, [frame(request)], { 'grpc-timeout': timeout });
      // INTERNAL is grpc-js' own word for a timeout that it cannot read.
      expect(['NOT_FOUND', 'DEADLINE_EXCEEDED', 'INTERNAL']).toContain(grpc);
    },
  );

  test.each(['text/html', 'application/json', '', 'application/grp'])('content-type "%s" is HTTP 415', async (type) => {
    expect(await wire.post(GET, [frame(request)], { 'content-type': type })).toMatchObject({ http: 415 });
  });

  test.each([
    '/',
    '//',
    '/__proto__',
    '/constructor/toString',
    `${GET}?x=1`,
    '/tcc.v1.TransactionService/get',
    '/tcc.v1.TransactionService/__proto__',
    '/tcc.v1.ParticipantService/Try',
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    '/%00',
    `/${'x'.repeat(8_000)}`,
  ])('the path %p is UNIMPLEMENTED', async (path) => {
    expect(await wire.post(path, [frame(request)])).toMatchObject({ grpc: 'UNIMPLEMENTED' });
  });

  test.each([
    ['1,000 of them', 1_000, 50],
    ['one of 200 kB', 1, 200_000],
  ])('%s are more than a call may have, and end it alone', async (_, count, length) => {
    const many = Object.fromEntries(
      Array.from({ length: count }, (_each, index) => [`x-${index}`, 'v'.repeat(length)]),
    );
    expect(await wire.post(GET, [frame(request)], many)).toMatchObject({ broken: true });
  });

  test('of metadata that is no base64 do no harm', async () => {
    expect(await wire.post(GET, [frame(request)], { 'x-bin': '!!!', 'grpc-status-details-bin': '@' })).toMatchObject(
      served,
    );
  });
});

describe('another protocol', () => {
  /** Sends bytes on a bare connection; resolves when the server hangs up. */
  function hangsUp(bytes: Uint8Array): Promise<unknown> {
    const socket = connectTcp(house.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    socket.write(bytes);
    return new Promise((resolve) => socket.once('close', resolve));
  }

  test.each([
    ['HTTP/1.1', Buffer.from('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello')],
    [
      'an upgrade to h2c',
      Buffer.from('GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n'),
    ],
    ['noise', Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167 + 13) % 256))],
    [
      'a preface and noise',
      Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(4_096, 0xff)]),
    ],
  ])('%s is hung up on', async (_, bytes) => {
    await hangsUp(bytes);
  });

  test('TLS on a plaintext port fails at once', async () => {
    const socket = connectTls({ port: house.port, host: '127.0.0.1', rejectUnauthorized: false });
    await expect(once(socket, 'secureConnect')).rejects.toThrow();
  });

  test('500 connections that say nothing keep nobody out', async () => {
    const sockets = Array.from({ length: 500 }, () => connectTcp(house.port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await house.stands();
    for (const socket of sockets) socket.destroy();
  });
});

describe('a flood', () => {
  test('of calls that are reset at once ends its own connection at the most', async () => {
    for (let sent = 0; sent < 20_000 && !wire.session.destroyed; sent += 1) {
      wire.open(GET).stream.close(8);
      if (sent % 200 === 0) await new Promise(setImmediate);
    }
    const other = new RawConnection(house.port);
    expect(await other.post(GET, [frame(request)])).toMatchObject(served);
    other.close();
  });

  test('of pings ends its own connection', async () => {
    const socket = connectTcp(house.port, '127.0.0.1').on('error', () => undefined);
    const ping = Buffer.concat([Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0]), Buffer.alloc(8)]);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
    // It does not read the answers: those are what gathers.
    socket.pause();
    for (let sent = 0; sent < 200 && !socket.destroyed; sent += 1) {
      socket.write(Buffer.concat(Array<Buffer>(2_000).fill(ping)));
      await new Promise(setImmediate);
    }
    socket.resume();
    await closed;
  });

  test('of 5,000 calls whose requests do not come keeps nobody out', async () => {
    // They would be let go after ARRIVAL_MS; unit tests turn that clock.
    expect(ARRIVAL_MS).toBeLessThanOrEqual(60_000);
    const calls = Array.from({ length: 5_000 }, () => wire.open(EXECUTE));
    for (const { stream } of calls) stream.write(Buffer.from([0, 0, 0, 16, 0, 1]));
    await house.stands({ growthMb: 2 * GROWTH_MB });
    wire.close();
  });

  test('of watches is cut at their limit, with its name', async () => {
    const calls = Array.from({ length: 50 }, (_, index) => {
      const call = wire.open('/tcc.v1.TransactionService/Watch');
      call.stream.end(frame(encode('WatchRequest', { gid: `healthy-${index}` })));
      return call;
    });
    await eventually(() => calls.every(({ isOver }) => isOver));
    for (const { answer } of calls) expect(['OK', 'NOT_FOUND', 'RESOURCE_EXHAUSTED']).toContain((await answer).grpc);
  });

  test('of unary calls beyond those that may be in flight is refused one by one', async () => {
    const calls = Array.from({ length: 2_000 }, () => wire.post(GET, [frame(request)]));
    const statuses = new Set((await Promise.all(calls)).map(({ grpc }) => grpc));
    expect([...statuses].sort()).toEqual(expect.arrayContaining(['NOT_FOUND']));
    for (const each of statuses) expect(['NOT_FOUND', 'RESOURCE_EXHAUSTED']).toContain(each);
  });
});

test('what nobody reads does not gather: large pages asked for on a connection that stands still', async () => {
  const calls = Array.from({ length: 500 }, () => {
    const call = wire.open('/tcc.v1.AdminService/ListTransactions');
    call.stream.pause();
    call.stream.end(frame(encode('ListTransactionsRequest', { page_size: 1_000 })));
    return call;
  });
  await house.stands({ growthMb: 2 * GROWTH_MB });
  for (const { stream } of calls) stream.close();
});
