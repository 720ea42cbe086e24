import { credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';

import { silentLogger, type Logger } from '../../../../src/lib/logger';
import { FenceResult } from '../../../../src/sdk/fence';
import {
  CallExpired,
  createParticipant,
  Refused,
  type BranchCall,
  type Participant,
  type ParticipantOptions,
  type PhaseHandler,
} from '../../../../src/sdk/participant';
import { eventually } from '../../../support/eventually';
import { branchCall, Caller } from './caller';
import { deadAddress } from './fake-registry';

describe('a participant that serves unary calls', () => {
  let handler: PhaseHandler;
  let participant: Participant;
  let caller: Caller;
  const logged: [Record<string, unknown>, string][] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (fields, message) => logged.push([fields, message]),
    child: () => logger,
  };

  const start = async (options: Partial<ParticipantOptions> = {}) => {
    const coordinators = [await deadAddress()];
    participant = createParticipant({ name: 'inventory', coordinators, attach: false, logger, ...options });
    const serve: PhaseHandler = (call) => handler(call);
    participant.action('deduct', { try: serve, confirm: serve, cancel: serve });
    await participant.start();
    caller = new Caller(participant.address);
  };

  beforeEach(() => {
    logged.length = 0;
  });

  afterEach(async () => {
    caller.close();
    await participant.stop();
  });

  test('hands the call to the handler of its phase, and its JSON reply back', async () => {
    await start();
    let seen: BranchCall | undefined;
    let seenMs: number | undefined;
    handler = (call) => {
      seen = call;
      seenMs = call.remainingMs;
      return { frozen: call.payload<{ quantity: number }>().quantity };
    };
    const outcome = await caller.call('try', branchCall({ quantity: 2 }, { attempt: 3 }));
    expect(outcome.status).toBe('OK');
    expect(outcome.reply?.payload).toEqual({ data: Buffer.from('{"frozen":2}'), contentType: 'application/json' });
    expect(outcome.reply?.fence).toBe('FENCE_OUTCOME_UNSPECIFIED');
    expect(seen).toMatchObject({ gid: 'order-1', branchId: 'stock', action: 'deduct', phase: 'try', attempt: 3 });
    expect(seenMs).toBeGreaterThan(0);
    expect(seenMs).toBeLessThanOrEqual(5_000);
    for (const phase of ['confirm', 'cancel'] as const) {
      expect(await caller.call(phase, branchCall({ quantity: 2 }))).toMatchObject({ status: 'OK' });
      expect(seen?.phase).toBe(phase);
    }
  });

  test('no reply, raw bytes, and what the fence found travel as they are; only a Try replies', async () => {
    await start();
    handler = () => undefined;
    expect((await caller.call('try', branchCall(1))).reply?.payload).toBeNull();
    handler = () => ({ bytes: Uint8Array.of(1, 2), contentType: 'x/y' });
    expect((await caller.call('try', branchCall(1))).reply?.payload).toEqual({
      data: Buffer.of(1, 2),
      contentType: 'x/y',
    });
    handler = () => new FenceResult('REPEAT', 5, { bytes: Buffer.from('5'), contentType: 'application/json' });
    expect((await caller.call('try', branchCall(1))).reply).toMatchObject({
      fence: 'FENCE_OUTCOME_REPEAT',
      payload: { data: Buffer.from('5') },
    });
    handler = () => new FenceResult('EMPTY_ROLLBACK', 5, { bytes: Buffer.from('5'), contentType: '' });
    const { reply } = await caller.call('cancel', branchCall(1));
    expect(reply).toEqual({ fence: 'FENCE_OUTCOME_EMPTY_ROLLBACK', payload: null });
  });

  test.each<[string, unknown, object]>([
    ['Refused', new Refused('no stock 库存 🎉'), { status: 'ABORTED', message: 'no stock 库存 🎉' }],
    ['Refused with a status', new Refused('x', { status: 'NOT_FOUND' }), { status: 'NOT_FOUND' }],
    [
      'a refused hanging Try',
      new Refused('late', { fence: 'HANGING_REFUSED' }),
      { status: 'ABORTED', fence: 'HANGING_REFUSED' },
    ],
    ['an expired call', new CallExpired('over'), { status: 'DEADLINE_EXCEEDED' }],
    ['an error', new Error('password=secret'), { status: 'UNKNOWN', message: 'handler failed' }],
    ['no error at all', 'secret', { status: 'UNKNOWN', message: 'handler failed' }],
  ])('a handler that throws %s', async (_, thrown, expected) => {
    await start();
    handler = () => {
      throw thrown;
    };
    expect(await caller.call('try', branchCall(1))).toMatchObject(expected);
  });

  test('a failed handler is logged with its error, and without the payload', async () => {
    await start();
    const error = new Error('disk full');
    handler = () => Promise.reject(error);
    await caller.call('confirm', branchCall('very secret'));
    expect(logged).toEqual([
      [
        { gid: 'order-1', branchId: 'stock', action: 'deduct', phase: 'confirm', attempt: 1, err: error },
        'a handler failed',
      ],
    ]);
  });

  test('a long refusal is cut to 512 characters, never within one', async () => {
    await start();
    handler = () => {
      throw new Refused(`${'x'.repeat(510)}🎉🎉`);
    };
    const { status, message } = await caller.call('try', branchCall(1));
    expect(status).toBe('ABORTED');
    expect(message).toHaveLength(512);
  });

  test('a malformed payload is refused with INVALID_ARGUMENT', async () => {
    await start();
    handler = (call) => call.payload();
    const payload = { data: Buffer.from('{'), contentType: 'application/json' };
    expect(await caller.call('try', branchCall(1, { payload }))).toMatchObject({
      status: 'INVALID_ARGUMENT',
      message: 'the payload is not well-formed JSON',
    });
  });

  test('a reply that JSON cannot hold is a failed handler', async () => {
    await start();
    handler = () => 1n;
    expect(await caller.call('try', branchCall(1))).toMatchObject({ status: 'UNKNOWN' });
  });

  test('an unknown action is UNIMPLEMENTED, and a request without a call INVALID_ARGUMENT', async () => {
    await start();
    handler = () => undefined;
    expect(await caller.call('try', branchCall(1, { action: 'toString' }))).toMatchObject({ status: 'UNIMPLEMENTED' });
    expect(await caller.call('try', null)).toMatchObject({ status: 'INVALID_ARGUMENT' });
  });

  test('the signal aborts when the time of the call is over', async () => {
    await start();
    let aborted = false;
    handler = ({ signal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve();
        });
      });
    expect(await caller.call('try', branchCall(1, { remainingMs: 50 }))).toMatchObject({ status: 'OK' });
    expect(aborted).toBe(true);
    // The handler answers only after its caller has been told, so that no answer races the deadline.
    let told = (): void => undefined;
    const callerTold = new Promise<void>((resolve) => (told = resolve));
    handler = async ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      await callerTold;
    };
    aborted = false;
    // Long enough for the call to arrive on a busy machine.
    const late = await caller.call('try', branchCall(1), { deadlineMs: 1_000 });
    expect(late).toMatchObject({ status: 'DEADLINE_EXCEEDED' });
    told();
    await eventually(() => aborted);
  });

  test('the signal aborts when the caller goes away', async () => {
    await start();
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    handler = (call) =>
      new Promise<void>((resolve) => {
        signal = call.signal;
        signal.addEventListener('abort', () => resolve());
        controller.abort();
      });
    const outcome = caller.call('try', branchCall(1, { remainingMs: 60_000 }), { signal: controller.signal });
    expect(await outcome).toMatchObject({ status: 'CANCELLED' });
    await eventually(() => signal?.aborted === true);
  });

  test('a call above the bound is UNAVAILABLE, never a refusal', async () => {
    await start({ maxInFlight: 1 });
    let finish = (): void => undefined;
    handler = () => new Promise<void>((resolve) => (finish = resolve));
    const first = caller.call('try', branchCall(1));
    const early = finish;
    await eventually(() => finish !== early);
    expect(await caller.call('try', branchCall(1))).toMatchObject({ status: 'UNAVAILABLE' });
    finish();
    expect(await first).toMatchObject({ status: 'OK' });
  });

  test('stop lets running calls end, refuses new ones, and reports itself unhealthy', async () => {
    await start();
    const health = new HealthClient(participant.address);
    expect(await health.check()).toBe('SERVING');
    let finish = (): void => undefined;
    const began = new Promise<void>((resolve) => {
      handler = () =>
        new Promise<string>((done) => {
          finish = () => done('done');
          resolve();
        });
    });
    const running = caller.call('try', branchCall(1));
    await began;
    const stopped = participant.stop();
    await eventually(async () => (await caller.call('try', branchCall(1))).status === 'UNAVAILABLE');
    expect(await health.check()).toBe('NOT_SERVING');
    finish();
    expect(await running).toMatchObject({ status: 'OK', reply: { payload: { data: Buffer.from('"done"') } } });
    await stopped;
    await participant.stop();
    health.close();
  });

  test('stop does not wait longer than drainMs for a handler that never ends', async () => {
    await start({ drainMs: 50 });
    const began = new Promise<void>((resolve) => {
      handler = () => {
        resolve();
        return new Promise(() => undefined);
      };
    });
    const running = caller.call('try', branchCall(1));
    await began;
    await participant.stop();
    expect(await running).not.toMatchObject({ status: 'OK' });
  });
});

class HealthClient {
  private readonly client;

  constructor(address: string) {
    const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String })) as unknown as {
      grpc: { health: { v1: { Health: new (...args: unknown[]) => HealthStub } } };
    };
    this.client = new loaded.grpc.health.v1.Health(address, credentials.createInsecure());
  }

  check(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.client.check({ service: 'tcc.v1.ParticipantService' }, (error, response) =>
        error ? reject(error) : resolve(response.status),
      );
    });
  }

  close(): void {
    this.client.close();
  }
}

interface HealthStub {
  check(request: object, done: (error: Error | null, response: { status: string }) => void): void;
  close(): void;
}
