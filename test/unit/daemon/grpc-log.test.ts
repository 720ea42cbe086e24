import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

import { GrpcLog, LINES_PER_MINUTE } from '../../../src/daemon/grpc-log';
import { thisProcess } from '../../../src/daemon/surroundings';
import { type Logger, silentLogger } from '../../../src/lib/logger';
import { VirtualClock } from '../../support/virtual-clock';

let lines: unknown[];
let clock: VirtualClock;
let log: GrpcLog;
const line = (level: string) => (fields: object, message: string) => void lines.push({ level, message, ...fields });
const logger: Logger = {
  ...silentLogger,
  debug: line('debug'),
  info: line('info'),
  warn: line('warn'),
  error: line('error'),
};
beforeEach(() => {
  lines = [];
  clock = new VirtualClock();
  log = new GrpcLog({ logger, clock });
});

const message = 'a word from gRPC';

test('each level has its own, and an error of gRPC is a warning here', () => {
  log.line('error', 'e');
  log.line('info', 'i');
  log.line('debug', 'd');
  expect(lines).toEqual([
    { level: 'warn', message, text: 'e' },
    { level: 'info', message, text: 'i' },
    { level: 'debug', message, text: 'd' },
  ]);
});

test('a long text is cut', () => {
  log.line('error', 'x'.repeat(5_000));
  expect(lines).toEqual([{ level: 'warn', message, text: 'x'.repeat(512) }]);
});

describe('a flood of lines', () => {
  const flood = (more: number) => {
    for (let said = 0; said < LINES_PER_MINUTE + more; said += 1) log.line(said % 2 === 0 ? 'error' : 'info', 'again');
  };
  const leftOut = (count: number) => ({
    level: 'warn',
    message: 'words from gRPC were left out of the log',
    leftOut: count,
  });

  test('that keeps to the bound is told whole, and leaves no timer', () => {
    flood(0);
    expect(lines).toHaveLength(LINES_PER_MINUTE);
    expect(clock.pending).toBe(0);
  });

  test('is cut at the bound, and at the end of the minute the log says how many lines there were beyond it', async () => {
    await clock.advance(5_000);
    flood(1_000);
    expect(lines).toHaveLength(LINES_PER_MINUTE);
    await clock.advance(59_999);
    expect(lines).toHaveLength(LINES_PER_MINUTE);
    await clock.advance(1);
    expect(lines.slice(LINES_PER_MINUTE)).toEqual([leftOut(1_000)]);
    expect(clock.pending).toBe(0);
  });

  test('that goes on is told anew in each minute', async () => {
    flood(1);
    await clock.advance(60_000);
    flood(2);
    await clock.advance(60_000);
    expect(lines).toHaveLength(2 * (LINES_PER_MINUTE + 1));
    expect(lines.at(-1)).toEqual(leftOut(2));
  });

  test('of traces is what was asked for, and is told whole', () => {
    for (let said = 0; said < 10 * LINES_PER_MINUTE; said += 1) log.line('debug', 'trace');
    expect(lines).toHaveLength(10 * LINES_PER_MINUTE);
  });

  test('that is still there at the end is counted in the last line', () => {
    flood(7);
    log.stop();
    expect(lines.at(-1)).toEqual(leftOut(7));
    expect(clock.pending).toBe(0);
    log.stop();
    expect(lines).toHaveLength(LINES_PER_MINUTE + 1);
  });
});

describe('in this process', () => {
  let complained: string[];
  let stop: () => void;
  beforeEach(() => {
    complained = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => complained.push(String(text)) > 0);
    stop = thisProcess().onGrpcLine(log.line);
  });
  afterEach(() => {
    stop();
    jest.restoreAllMocks();
  });

  test('metadata that cannot be taken is told by its key, without what it holds', () => {
    Metadata.fromHttp2Headers({ 'x-token': 'secret\u0007', 'good-key': 'v' });
    expect(lines).toEqual([{ level: 'warn', message, text: 'Failed to add metadata entry x-token' }]);
    expect(complained).toEqual([]);
  });

  test('an address that cannot be had is told in the log', async () => {
    const bind = (server: Server, address: string) =>
      new Promise<number>((resolve, reject) => {
        server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
          error === null ? resolve(port) : reject(error),
        );
      });
    const [first, second] = [new Server(), new Server()];
    const port = await bind(first, '127.0.0.1:0');
    await expect(bind(second, `127.0.0.1:${port}`)).rejects.toThrow();
    first.forceShutdown();
    second.forceShutdown();
    expect(lines).toMatchObject([
      { level: 'warn', message, text: expect.stringMatching(/^No address added/) as string },
    ]);
    expect(complained).toEqual([]);
  });

  test('what is said after the end goes to standard error', () => {
    stop();
    Metadata.fromHttp2Headers({ 'x-token': 'odd\u0007' });
    expect(lines).toEqual([]);
    expect(complained.join('')).toMatch(/^Failed to add metadata entry x-token/);
  });
});
