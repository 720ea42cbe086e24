import { Metadata, Server, ServerCredentials, credentials, status, type ServiceError } from '@grpc/grpc-js';

import { errorKinds, TccError, type ErrorCode } from '../../../src/lib/errors';
import { channelOptions, serverOptions } from '../../../src/wire/channel';
import { DETAILS_TRAILER } from '../../../src/wire/error-details';
import { tccV1 } from '../../../src/wire/proto';
import { readStatus, statusName, toStatus, type StatusReport } from '../../../src/wire/status';

const codes = Object.keys(errorKinds) as ErrorCode[];

describe('status', () => {
  let server: Server;
  let client: InstanceType<typeof tccV1.RegistryService>;
  let thrown: unknown;

  beforeAll(async () => {
    server = new Server(serverOptions());
    const answer = (_: unknown, callback: (error: Partial<ServiceError>) => void) => callback(toStatus(thrown));
    server.addService(tccV1.RegistryService.service, {
      Register: answer,
      Deregister: answer,
      ListParticipants: answer,
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    client = new tccV1.RegistryService(`127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);
  });

  afterAll(() => {
    client.close();
    server.forceShutdown();
  });

  function overTheWire(error: unknown): Promise<StatusReport> {
    thrown = error;
    return new Promise((resolve, reject) => {
      client.Deregister({}, (failure) => {
        if (failure) resolve(readStatus(failure));
        else reject(new Error('the call went well'));
      });
    });
  }

  it.each(codes.filter((code) => errorKinds[code] !== 'invariant'))('%s keeps its reason and text', async (code) => {
    const report = await overTheWire(new TccError(code, `what ${code} means: ünïcode too`));
    expect(report).toMatchObject({ reason: code, message: `what ${code} means: ünïcode too`, violations: [] });
    expect(report.retryAfterMs === undefined).toBe(errorKinds[code] !== 'retryable');
    expect(report.status).not.toBe('UNKNOWN');
  });

  it('keeps violations and metadata', async () => {
    const violations = [
      { field: 'branches[2].payload.data', description: 'At most 1 MiB.' },
      { field: 'gid', description: 'At most 64 characters.' },
    ];
    const metadata = { status: 'CONFIRMED', branchId: 'stock' };
    const report = await overTheWire(
      new TccError('INVALID_REQUEST', 'the request is not valid', { violations, metadata }),
    );
    expect(report).toEqual({
      status: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
      message: 'the request is not valid',
      violations,
      metadata,
      retryAfterMs: undefined,
    });
  });

  it('names the status by the table', () => {
    const named = Object.fromEntries(codes.map((code) => [code, statusName(toStatus(new TccError(code, '')).code)]));
    expect(named).toEqual({
      INVALID_REQUEST: 'INVALID_ARGUMENT',
      UNKNOWN_PARTICIPANT: 'INVALID_ARGUMENT',
      UNKNOWN_ACTION: 'INVALID_ARGUMENT',
      TRANSACTION_NOT_FOUND: 'NOT_FOUND',
      GID_TAKEN: 'ALREADY_EXISTS',
      BRANCH_ID_TAKEN: 'ALREADY_EXISTS',
      WRONG_STATE: 'FAILED_PRECONDITION',
      BRANCH_NOT_TRIED: 'FAILED_PRECONDITION',
      TOO_MANY_BRANCHES: 'FAILED_PRECONDITION',
      TOO_MANY_OPEN_TRANSACTIONS: 'RESOURCE_EXHAUSTED',
      TOO_MANY_INSTANCES: 'RESOURCE_EXHAUSTED',
      JOURNAL_UNAVAILABLE: 'UNAVAILABLE',
      DRAINING: 'UNAVAILABLE',
      WAIT_ABANDONED: 'DEADLINE_EXCEEDED',
      BROKEN_INVARIANT: 'INTERNAL',
    });
  });

  it.each([
    ['an Error', new Error('secret')],
    ['a string', 'secret'],
    ['undefined', undefined],
    ['an error with a gRPC code', Object.assign(new Error('secret'), { code: 5, details: 'secret' })],
    ['a broken invariant', new TccError('BROKEN_INVARIANT', 'secret', { metadata: { row: 'secret' } })],
  ])('%s becomes INTERNAL and leaks no text', async (_, error) => {
    const report = await overTheWire(error);
    expect(report).toMatchObject({ status: 'INTERNAL', message: 'internal error', violations: [], metadata: {} });
    expect(JSON.stringify(report)).not.toContain('secret');
  });

  it('a cause stays at home', async () => {
    const error = new TccError('JOURNAL_UNAVAILABLE', 'the database is away', { cause: new Error('secret') });
    expect(JSON.stringify(await overTheWire(error))).not.toContain('secret');
  });

  it('a thousand violations are cut to what a header holds, and the rest is counted', async () => {
    const violations = Array.from({ length: 1000 }, (_, i) => ({
      field: `branches[${i}]`,
      description: 'x'.repeat(100),
    }));
    const error = new TccError('INVALID_REQUEST', 'the request is not valid', { violations });
    const report = await overTheWire(error);
    expect(report.violations.length).toBeGreaterThan(10);
    expect(report.violations.at(-1)?.description).toBe(
      `${1001 - report.violations.length} more faults are not listed here.`,
    );
    expect((toStatus(error).metadata.get(DETAILS_TRAILER)[0] as Buffer).length).toBeLessThan(6_000);
  });

  it('metadata that is too large is left out, and the reason stays', async () => {
    const report = await overTheWire(new TccError('WRONG_STATE', 'no', { metadata: { big: 'x'.repeat(100_000) } }));
    expect(report).toMatchObject({ reason: 'WRONG_STATE', metadata: {} });
  });

  it('half a character does not break the answer', async () => {
    const report = await overTheWire(new TccError('WRONG_STATE', 'cut \ud83d'));
    expect(report.message).toBe('cut \ufffd');
  });

  it('a malformed or foreign trailer is passed over', () => {
    const metadata = new Metadata();
    metadata.set(DETAILS_TRAILER, Buffer.from([0xff, 0x00, 0x17, 0x99]));
    const error = Object.assign(new Error('x'), { code: status.ABORTED, details: 'no stock', metadata });
    expect(readStatus(error)).toMatchObject({ status: 'ABORTED', message: 'no stock', reason: undefined });
  });

  it('a number that is no status is UNKNOWN', () => {
    expect([0, 14, 17, -1, 1.5].map(statusName)).toEqual(['OK', 'UNAVAILABLE', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN']);
  });
});

test('an error of a call without code and text, as grpc-js has them, is INTERNAL with a sentence', () => {
  const error = new Error('Compression method not supported: br') as never;
  expect(readStatus(error)).toMatchObject({ status: 'INTERNAL', message: 'the reply could not be read' });
});
