import { Metadata, Server, ServerCredentials } from '@grpc/grpc-js';

import { grpcLineInto } from '../../../src/daemon/grpc-log';
import { thisProcess } from '../../../src/daemon/surroundings';
import { type Logger, silentLogger } from '../../../src/lib/logger';

let lines: unknown[];
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
});

const message = 'a word from gRPC';

test('each level has its own, and an error of gRPC is a warning here', () => {
  const tell = grpcLineInto(logger);
  tell('error', 'e');
  tell('info', 'i');
  tell('debug', 'd');
  expect(lines).toEqual([
    { level: 'warn', message, text: 'e' },
    { level: 'info', message, text: 'i' },
    { level: 'debug', message, text: 'd' },
  ]);
});

test('a long text is cut', () => {
  grpcLineInto(logger)('error', 'x'.repeat(5_000));
  expect(lines).toEqual([{ level: 'warn', message, text: 'x'.repeat(512) }]);
});

describe('in this process', () => {
  let complained: string[];
  let stop: () => void;
  beforeEach(() => {
    complained = [];
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => complained.push(String(text)) > 0);
    stop = thisProcess().onGrpcLine(grpcLineInto(logger));
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
