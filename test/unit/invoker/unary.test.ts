import { randomBytes } from 'node:crypto';

import { status } from '@grpc/grpc-js';

import type { Phase } from '../../../src/engine/model';
import { outcomeOf } from '../../../src/invoker/invoker';
import { call, type Answer } from './real-participant';
import { CLOCKS_APART_MS, PAYLOAD_BYTES, UnaryHouse } from './unary-house';

const methods = {
  try: '/stock.v1.StockService/Reserve',
  confirm: '/stock.v1.StockService/Missing',
  cancel: '/stock.v1.StockService/Reserve',
};

let house: UnaryHouse;

beforeEach(() => {
  house = new UnaryHouse();
});

afterEach(() => house.stop());

describe('what a unary call carries and what its answer means', () => {
  it.each(['try', 'confirm', 'cancel'] satisfies Phase[])('%s arrives with all that belongs to it', async (phase) => {
    const stock = await house.participant();
    const sentAtMs = Date.now();
    await expect(outcomeOf(house.invoker, call({ phase, attempt: 3, timeoutMs: 60_000 }))).resolves.toMatchObject({
      kind: 'done',
    });
    const tookMs = Date.now() - sentAtMs;
    const [seen] = stock.seen;
    expect(seen).toMatchObject({
      phase,
      call: {
        gid: 'order-1',
        branchId: 'stock-deduct',
        action: 'deduct',
        attempt: 3,
        payload: { data: Buffer.from('{"sku":"A"}'), contentType: 'application/json' },
      },
    });
    expect(seen?.call.remainingMs).toBeGreaterThanOrEqual(60_000 - tookMs - CLOCKS_APART_MS);
    expect(seen?.call.remainingMs).toBeLessThanOrEqual(60_000);
    expect((seen?.deadlineMs ?? 0) - sentAtMs).toBeLessThanOrEqual(60_000 + tookMs + CLOCKS_APART_MS);
  });

  it.each([
    ['ABORTED', 'refused'],
    ['FAILED_PRECONDITION', 'refused'],
    ['NOT_FOUND', 'refused'],
    ['ALREADY_EXISTS', 'refused'],
    ['INVALID_ARGUMENT', 'refused'],
    ['OUT_OF_RANGE', 'refused'],
    ['RESOURCE_EXHAUSTED', 'refused'],
    ['UNAVAILABLE', 'unknown'],
    ['DEADLINE_EXCEEDED', 'unknown'],
    ['UNKNOWN', 'unknown'],
    ['INTERNAL', 'unknown'],
    ['CANCELLED', 'unknown'],
    ['DATA_LOSS', 'unknown'],
    ['UNIMPLEMENTED', 'never'],
    ['UNAUTHENTICATED', 'never'],
    ['PERMISSION_DENIED', 'never'],
  ] satisfies [keyof typeof status, string][])('%s means %s', async (code, kind) => {
    await house.participant(() => ({ code: status[code], details: 'no stöck' }));
    for (const phase of ['try', 'confirm', 'cancel'] as const) {
      await expect(outcomeOf(house.invoker, call({ phase }))).resolves.toEqual({ kind, code, message: 'no stöck' });
    }
  });

  it('a long message is cut', async () => {
    await house.participant(() => ({ code: status.ABORTED, details: 'x'.repeat(5_000) }));
    const outcome = await outcomeOf(house.invoker, call());
    expect(outcome.kind === 'refused' && outcome.message.length).toBe(512);
  });

  it("a Try's reply and what the fence found come back", async () => {
    const answers: Answer[] = [
      { payload: { data: Buffer.from('42'), contentType: 'application/json' }, fence: 'FENCE_OUTCOME_FRESH' },
      { payload: null, fence: 'FENCE_OUTCOME_REPEAT' },
      { fence: 'FENCE_OUTCOME_UNSPECIFIED' },
      { fence: 99 as never },
    ];
    await house.participant(() => answers.shift() ?? {});
    await expect(outcomeOf(house.invoker, call())).resolves.toEqual({
      kind: 'done',
      reply: { data: Buffer.from('42'), contentType: 'application/json' },
      fence: 'FRESH',
    });
    await expect(outcomeOf(house.invoker, call())).resolves.toEqual({
      kind: 'done',
      reply: undefined,
      fence: 'REPEAT',
    });
    await expect(outcomeOf(house.invoker, call())).resolves.toEqual({
      kind: 'done',
      reply: undefined,
      fence: undefined,
    });
    await expect(outcomeOf(house.invoker, call())).resolves.toEqual({
      kind: 'done',
      reply: undefined,
      fence: undefined,
    });
  });

  it('only a Try is at fault for its reply: Confirm and Cancel are done whatever they carry', async () => {
    const data = Buffer.alloc(PAYLOAD_BYTES + 1);
    await house.participant(() => ({ payload: { data }, fence: 'FENCE_OUTCOME_EMPTY_ROLLBACK' }));
    await expect(outcomeOf(house.invoker, call())).resolves.toEqual({
      kind: 'never',
      code: 'REPLY_TOO_LARGE',
      message: 'the Try is done, but its reply has 1001 bytes and at most 1000 may be stored',
    });
    await expect(outcomeOf(house.invoker, call({ phase: 'cancel' }))).resolves.toEqual({
      kind: 'done',
      reply: undefined,
      fence: 'EMPTY_ROLLBACK',
    });
  });

  it('a Try whose reply cannot be stored or read is never going to work', async () => {
    await house.participant(() => ({ payload: { contentType: 'x'.repeat(65) } }));
    await expect(outcomeOf(house.invoker, call())).resolves.toMatchObject({ kind: 'never', code: 'MALFORMED_REPLY' });
  });

  it("native methods get the payload's bytes and give theirs, byte for byte", async () => {
    const stock = await house.participant(undefined, { methods });
    stock.nativeReply = randomBytes(500);
    const data = randomBytes(700).subarray(100);
    const outcome = await outcomeOf(
      house.invoker,
      call({ payload: { data, contentType: '' }, attempt: 2, timeoutMs: 30_000 }),
    );
    expect(outcome).toEqual({
      kind: 'done',
      reply: { data: stock.nativeReply, contentType: 'application/grpc+proto' },
      fence: undefined,
    });
    expect(stock.native[0]?.request.equals(data)).toBe(true);
    const { 'tcc-remaining-ms': remaining, ...metadata } = stock.native[0]?.metadata.getMap() ?? {};
    expect(metadata).toMatchObject({
      'tcc-gid': 'order-1',
      'tcc-branch-id': 'stock-deduct',
      'tcc-action': 'deduct',
      'tcc-phase': 'try',
      'tcc-attempt': '2',
    });
    expect(Number(remaining)).toBeGreaterThan(0);
    expect(Number(remaining)).toBeLessThanOrEqual(30_000);
    expect(stock.seen).toEqual([]);
  });

  it('an empty native request and reply are messages too', async () => {
    const stock = await house.participant(undefined, { methods });
    const outcome = await outcomeOf(house.invoker, call({ payload: { data: new Uint8Array(), contentType: '' } }));
    expect(outcome).toMatchObject({ kind: 'done', reply: { data: Buffer.alloc(0) } });
    expect(stock.native[0]?.request.length).toBe(0);
  });

  it('a native method that is not there is never going to work', async () => {
    await house.participant(undefined, { methods });
    await expect(outcomeOf(house.invoker, call({ phase: 'confirm' }))).resolves.toMatchObject({
      kind: 'never',
      code: 'UNIMPLEMENTED',
    });
  });

  it('a call that is not answered in time is unknown', async () => {
    await house.participant(() => new Promise(() => undefined));
    const outcome = await outcomeOf(house.invoker, call({ timeoutMs: 100 }));
    expect(outcome).toMatchObject({ kind: 'unknown', code: 'DEADLINE_EXCEEDED' });
  });
});
