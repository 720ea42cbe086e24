import { systemClock, type Clock } from '../../../../src/lib/clock';
import {
  createFence,
  fencedBatch,
  FenceResult,
  Refused,
  type FenceCall,
  type FencedAnswer,
  type FenceExecutor,
  type SqlParameter,
} from '../../../../src/sdk/fence';
import { dialects, type FenceDialect } from '../../../../src/sdk/fence/dialects';

const names: readonly FenceDialect[] = ['mysql', 'sqlite', 'postgres'];

const calls: readonly FenceCall[] = ['c', 'a', 'b'].map((gid) => ({ gid, branchId: 'x', phase: 'try' }));

/** Says that every insert is fresh, and keeps the statements by their first word. */
class FreshExecutor implements FenceExecutor {
  readonly statements: string[] = [];
  readonly parameters: (readonly SqlParameter[])[] = [];

  execute(sql: string, parameters: readonly SqlParameter[]) {
    this.statements.push(sql.split(' ')[0] ?? '');
    this.parameters.push(parameters);
    const keys = JSON.parse(String(parameters[0] ?? '[]')) as [string, string][];
    const rows = keys.map(([gid, branchId]) => ({ gid, branch_id: branchId, status: 'TRIED', calls: 1 }));
    return Promise.resolve({ affectedRows: keys.length, rows });
  }
}

const words = (answers: readonly FencedAnswer[]) =>
  answers.map((answer) => (answer instanceof FenceResult ? answer.fence : answer.name));

const served = () => Promise.resolve(undefined);

test.each(names)('%s: each statement has one placeholder, whatever the number of keys', (dialect) => {
  for (const statement of Object.values(dialects[dialect]('tcc_fence').batch) as (string | undefined)[]) {
    if (statement !== undefined) expect(statement.match(/\?/g)).toHaveLength(1);
  }
});

test.each(names)('%s: fresh Trys without replies are one statement, and the refused ones one more', async (dialect) => {
  const executor = new FreshExecutor();
  const fence = createFence({ dialect });
  await fence.runBatch(executor, calls, served);
  expect(executor.statements).toEqual(dialect === 'postgres' ? ['INSERT', 'SELECT'] : ['INSERT']);
  expect(executor.parameters[0]).toEqual(['[["a","x"],["b","x"],["c","x"]]']);

  const refusing = new FreshExecutor();
  await fence.runBatch(refusing, calls, (fresh) => Promise.resolve(fresh.map(() => new Refused('no stock'))));
  expect(refusing.statements).toEqual(['INSERT', 'DELETE']);
});

test('an executor that counts wrongly is named', async () => {
  const executor: FenceExecutor = { execute: () => Promise.resolve({ affectedRows: 7, rows: [] }) };
  await expect(createFence({ dialect: 'mysql' }).runBatch(executor, calls, served)).rejects.toThrow(
    'insert of 3 rows cannot affect 7',
  );
});

test('no fresh call: the business code is not asked', async () => {
  const work = jest.fn(served);
  const executor: FenceExecutor = {
    execute: (_, parameters) => {
      const keys = JSON.parse(String(parameters[0] ?? '[]')) as [string, string][];
      const rows = keys.map(([gid, branchId]) => ({ gid, branch_id: branchId, status: 'CANCELLED', calls: 2 }));
      return Promise.resolve({ affectedRows: 2 * keys.length, rows });
    },
  };
  expect(words(await createFence({ dialect: 'mysql' }).runBatch(executor, calls, work))).toEqual([
    'Refused',
    'Refused',
    'Refused',
  ]);
  expect(work).not.toHaveBeenCalled();
});

describe('fencedBatch', () => {
  let nowMs = 0;
  let transactions = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const begin = async <Result>(work: (transaction: number, executor: FenceExecutor) => Promise<Result>) => {
    transactions += 1;
    return work(transactions, new FreshExecutor());
  };
  /** As a participant's call: what is left shrinks by itself. */
  const call = (gid: string, limitMs: number): FenceCall => ({
    gid,
    branchId: 'x',
    phase: 'try',
    get remainingMs() {
      return Math.max(0, limitMs - nowMs);
    },
  });

  beforeEach(() => {
    nowMs = 0;
    transactions = 0;
  });

  const action = (tookMs: number, seen: string[]) =>
    fencedBatch(createFence({ dialect: 'sqlite', clock }), begin, {
      try: (fresh: readonly FenceCall[]) => {
        seen.push(fresh.map(({ gid }) => gid).join(''));
        nowMs += tookMs;
        return Promise.resolve(fresh.map(() => undefined));
      },
      confirm: served,
      cancel: served,
    });

  test('a Try that runs out of time while the batch is served is left out of the rerun', async () => {
    const seen: string[] = [];
    const answers = await action(100, seen).tryBatch([call('a', 1_000), call('b', 100), call('c', 1_000)]);
    expect(words(answers)).toEqual(['FRESH', 'CallExpired', 'FRESH']);
    expect([seen, transactions]).toEqual([['abc', 'ac'], 2]);
  });

  test('when one runs out in every rerun, the batch fails in the end', async () => {
    const seen: string[] = [];
    const limits = [100, 200, 300, 400, 500, 600].map((limitMs, index) => call(`g${index}`, limitMs));
    await expect(action(100, seen).tryBatch(limits)).rejects.toMatchObject({ name: 'CallExpired' });
    expect(transactions).toBe(4);
  });
});
