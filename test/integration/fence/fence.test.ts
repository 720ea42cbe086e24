import { createFence, Refused, type Fence, type FenceCall, type Phase } from '../../../src/sdk/fence';
import type { FenceExecutor } from '../../../src/sdk/fence';
import type { Clock } from '../../../src/lib/clock';
import { systemClock } from '../../../src/lib/clock';
import type { TestDatabase } from '../../support/databases';
import { prepare, targets, type OpenTarget } from './targets';

/** The business code of each phase: freezes one piece, sells it, gives it back. */
const statements: Record<Phase, string> = {
  try: "UPDATE stock SET available = available - 1, frozen = frozen + 1 WHERE sku = 'A'",
  confirm: "UPDATE stock SET frozen = frozen - 1 WHERE sku = 'A'",
  cancel: "UPDATE stock SET available = available + 1, frozen = frozen - 1 WHERE sku = 'A'",
};

describe.each(targets)('the fence on $name', (target) => {
  let database: TestDatabase;
  let open: OpenTarget;
  let fence: Fence;
  let gids = 0;

  beforeAll(async () => {
    database = await target.create();
    open = target.open(database.url);
    fence = await prepare(target, open.direct);
  });

  beforeEach(async () => {
    gids += 1;
    await open.direct.execute("UPDATE stock SET available = 10, frozen = 0 WHERE sku = 'A'", []);
  });

  afterAll(async () => {
    await open.close();
    await database.drop();
  });

  const call = (phase: Phase, extra: Partial<FenceCall> = {}): FenceCall => ({
    gid: `order-${gids}`,
    branchId: 'stock',
    phase,
    ...extra,
  });

  const business = (executor: FenceExecutor, phase: Phase) => executor.execute(statements[phase], []);

  const run = (phase: Phase, reply?: unknown, by: Fence = fence, extra: Partial<FenceCall> = {}) =>
    open.begin((executor) =>
      by.run(executor, call(phase, extra), async () => {
        await business(executor, phase);
        return reply;
      }),
    );

  const stock = async () => {
    const { rows } = await open.direct.execute('SELECT available, frozen FROM stock', []);
    return rows.map(({ available, frozen }) => [available, frozen])[0];
  };

  const row = async () => {
    const { rows } = await open.direct.execute('SELECT status, calls FROM tcc_fence WHERE gid = ?', [`order-${gids}`]);
    return rows[0];
  };

  test('createTable can be called again', async () => {
    await expect(fence.createTable(open.direct)).resolves.toBeUndefined();
  });

  test('Try, Confirm: each takes effect once, and their repeats answer REPEAT', async () => {
    expect(await run('try')).toMatchObject({ fence: 'FRESH' });
    expect(await run('try')).toMatchObject({ fence: 'REPEAT', reply: undefined });
    expect(await stock()).toEqual([9, 1]);
    expect(await run('confirm')).toMatchObject({ fence: 'FRESH' });
    expect(await run('confirm')).toMatchObject({ fence: 'REPEAT' });
    expect(await run('confirm')).toMatchObject({ fence: 'REPEAT' });
    expect(await run('try')).toMatchObject({ fence: 'REPEAT' });
    expect(await stock()).toEqual([9, 0]);
    expect(await row()).toMatchObject({ status: 'CONFIRMED' });
  });

  test('Try, Cancel: each takes effect once, and a repeated Cancel answers REPEAT', async () => {
    await run('try');
    expect(await run('cancel')).toMatchObject({ fence: 'FRESH' });
    expect(await run('cancel')).toMatchObject({ fence: 'REPEAT' });
    expect(await stock()).toEqual([10, 0]);
    expect(await row()).toMatchObject({ status: 'CANCELLED' });
  });

  test('a repeated Try answers the very bytes that the first one answered', async () => {
    const first = await run('try', { price: 42, note: '库存 🎉' });
    const second = await run('try', { price: 1 });
    expect(second).toMatchObject({ fence: 'REPEAT', reply: { price: 42, note: '库存 🎉' } });
    expect(Buffer.from(second.payload?.bytes ?? [])).toEqual(Buffer.from(first.payload?.bytes ?? []));
    await run('confirm', { other: true });
    expect(await run('try')).toMatchObject({ fence: 'REPEAT', reply: { price: 42 } });
  });

  test('a raw reply is stored with its content type', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await run('try', { bytes, contentType: "application/x-o'clock" });
    const { payload } = await run('try');
    expect(payload?.contentType).toBe("application/x-o'clock");
    expect([...(payload?.bytes ?? [])]).toEqual([...bytes]);
  });

  test('an empty raw reply is a reply', async () => {
    await run('try', { bytes: new Uint8Array(), contentType: 'text/plain' });
    expect((await run('try')).payload).toMatchObject({ contentType: 'text/plain' });
  });

  test('a reply larger than the bound rolls the Try back and refuses it', async () => {
    const small = createFence({ dialect: target.dialect, maxReplyBytes: 16 });
    await expect(run('try', 'x'.repeat(15), small)).rejects.toMatchObject({
      name: 'Refused',
      status: 'RESOURCE_EXHAUSTED',
      message: 'the reply has 17 bytes, and the fence keeps 16',
    });
    expect(await row()).toBeUndefined();
    expect(await stock()).toEqual([10, 0]);
  });

  test('a reply of the default bound is stored', async () => {
    const bytes = new Uint8Array(65_536).fill(7);
    await run('try', { bytes, contentType: 'a/b' });
    expect((await run('try')).payload?.bytes).toHaveLength(65_536);
  });

  test('what a Confirm or a Cancel returns may be anything, and goes nowhere', async () => {
    await run('try');
    expect(await run('confirm', 1n)).toMatchObject({ fence: 'FRESH', payload: undefined });
    expect(await stock()).toEqual([9, 0]);
  });

  test('a Cancel without a Try is an empty rollback without business effect', async () => {
    expect(await run('cancel')).toMatchObject({ fence: 'EMPTY_ROLLBACK', reply: undefined });
    expect(await stock()).toEqual([10, 0]);
    expect(await run('cancel')).toMatchObject({ fence: 'REPEAT' });
    expect(await row()).toMatchObject({ status: 'CANCELLED' });
  });

  test('with cancelWithoutTry the business Cancel runs, once', async () => {
    const outcomes: string[] = [];
    const cancel = () =>
      open.begin((executor) =>
        fence.run(executor, call('cancel'), (outcome) => Promise.resolve(void outcomes.push(outcome)), {
          cancelWithoutTry: true,
        }),
      );
    expect(await cancel()).toMatchObject({ fence: 'EMPTY_ROLLBACK' });
    expect(await cancel()).toMatchObject({ fence: 'REPEAT' });
    expect(outcomes).toEqual(['EMPTY_ROLLBACK']);
  });

  test('a Try after its Cancel is refused with ABORTED', async () => {
    await run('cancel');
    const refusal = await run('try').catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refused);
    expect(refusal).toMatchObject({ status: 'ABORTED', fence: 'HANGING_REFUSED' });
    expect(await stock()).toEqual([10, 0]);
  });

  test('a Confirm without a Try is refused and leaves no row', async () => {
    await expect(run('confirm')).rejects.toMatchObject({ name: 'Refused', status: 'FAILED_PRECONDITION' });
    expect(await row()).toBeUndefined();
    expect(await stock()).toEqual([10, 0]);
  });

  test('a Confirm after the Cancel is refused', async () => {
    await run('cancel');
    await expect(run('confirm')).rejects.toMatchObject({ name: 'Refused', status: 'FAILED_PRECONDITION' });
  });

  test('a Cancel after the Confirm is refused', async () => {
    await run('try');
    await run('confirm');
    await expect(run('cancel')).rejects.toMatchObject({ name: 'Refused', status: 'FAILED_PRECONDITION' });
    expect(await stock()).toEqual([9, 0]);
    expect(await row()).toMatchObject({ status: 'CONFIRMED' });
  });

  test.each<Phase>(['try', 'confirm', 'cancel'])(
    'a failed business %s leaves the row and the stock as they were',
    async (phase) => {
      if (phase !== 'try') await run('try');
      const before = [await row(), await stock()];
      const failing = open.begin((executor) =>
        fence.run(executor, call(phase), async () => {
          await business(executor, phase);
          throw new Refused('no stock');
        }),
      );
      await expect(failing).rejects.toThrow('no stock');
      expect([await row(), await stock()]).toEqual(before);
      expect(await run(phase)).toMatchObject({ fence: 'FRESH' });
    },
  );

  test('a Try whose time is over before its commit rolls back', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const timed = createFence({ dialect: target.dialect, clock });
    const late = open.begin((executor) =>
      timed.run(executor, call('try', { remainingMs: 1_000 }), async () => {
        await business(executor, 'try');
        nowMs = 1_000;
        return { price: 1 };
      }),
    );
    await expect(late).rejects.toMatchObject({ name: 'CallExpired' });
    expect(await row()).toBeUndefined();
    expect(await stock()).toEqual([10, 0]);
  });

  test('Confirm and Cancel commit however late they are', async () => {
    await run('try');
    expect(await run('confirm', undefined, fence, { remainingMs: 0 })).toMatchObject({ fence: 'FRESH' });
    expect(await run('try', undefined, fence, { remainingMs: 0 })).toMatchObject({ fence: 'REPEAT' });
  });

  test('keys differ in case, and by branch', async () => {
    await run('try');
    expect(await run('try', undefined, fence, { gid: `ORDER-${gids}` })).toMatchObject({ fence: 'FRESH' });
    expect(await run('try', undefined, fence, { branchId: 'Stock' })).toMatchObject({ fence: 'FRESH' });
  });

  test.each(['', 'x'.repeat(65), 'a b', 'é'])('the gid %j is refused before any statement', async (gid) => {
    await expect(run('try', undefined, fence, { gid })).rejects.toMatchObject({ status: 'INVALID_ARGUMENT' });
  });

  test('many branches at once keep their books', async () => {
    await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        await run('try', index, fence, { branchId: `b${index}` });
        await run(index % 2 === 0 ? 'confirm' : 'cancel', undefined, fence, { branchId: `b${index}` });
      }),
    );
    expect(await stock()).toEqual([6, 0]);
  });
});
