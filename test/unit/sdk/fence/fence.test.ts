import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '../../../../src/lib/clock';
import { systemClock } from '../../../../src/lib/clock';
import {
  createFence,
  dollarPlaceholders,
  Refused,
  type FenceCall,
  type FenceExecutor,
} from '../../../../src/sdk/fence';
import { dialects, type FenceDialect } from '../../../../src/sdk/fence/dialects';
import { knexExecutor } from '../../../../src/sdk/fence/knex';
import { inSqliteTransaction } from '../../../../src/sdk/fence/sqlite';
import { rerunOnDeadlock } from '../../../../src/sdk/fence/rerun';

const call: FenceCall = { gid: 'g', branchId: 'b', phase: 'try' };
const names: readonly FenceDialect[] = ['mysql', 'sqlite', 'postgres'];

/** Says that every insert is fresh, and keeps the statements. */
class FreshExecutor implements FenceExecutor {
  readonly statements: string[] = [];

  execute(sql: string) {
    this.statements.push(sql.split(' ')[0] ?? '');
    return Promise.resolve({ affectedRows: 1, rows: [{ status: 'TRIED', calls: 1, reply: null, reply_type: null }] });
  }
}

describe('statements', () => {
  test.each(names)('migrations/fence/%s.sql and createTable are the same', async (dialect) => {
    const file = await readFile(join(__dirname, `../../../../migrations/fence/${dialect}.sql`), 'utf8');
    const statement = file.replace(/^--.*\n/gm, '').replace(/;\s*$/, '');
    expect(statement).toBe(dialects[dialect]('tcc_fence').createTable);
  });

  test.each(names)('%s: a question mark is a placeholder and nothing else', (dialect) => {
    const statements = dialects[dialect]('tcc_fence');
    expect(statements.insertTried.match(/\?/g)).toHaveLength(2);
    expect(statements.storeReply.match(/\?/g)).toHaveLength(4);
    expect(statements.scan(5).match(/\?/g)).toHaveLength(4);
  });

  test.each(names)('%s: a fresh Try without a reply is one statement before the business code', async (dialect) => {
    const executor = new FreshExecutor();
    await createFence({ dialect }).run(executor, call, () => Promise.resolve());
    expect(executor.statements).toEqual(dialect === 'postgres' ? ['INSERT', 'SELECT'] : ['INSERT']);
  });

  test('placeholders become $1, $2, …', () => {
    expect(dollarPlaceholders('VALUES (?, ?) WHERE a = ?')).toBe('VALUES ($1, $2) WHERE a = $3');
  });
});

describe('options', () => {
  test.each(['', '1a', 'a;b', 'a b', 'a.b.c', 'a`', 'x'.repeat(64)])('refuses %j as a table', (table) => {
    expect(() => createFence({ dialect: 'mysql', table })).toThrow(TypeError);
  });

  test.each([0, 1.5, 1_048_577])('refuses maxReplyBytes %d', (maxReplyBytes) => {
    expect(() => createFence({ dialect: 'mysql', maxReplyBytes })).toThrow(RangeError);
  });
});

describe('time', () => {
  let nowMs = 100;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const fence = createFence({ dialect: 'sqlite', clock });

  test('a Try whose time passed while it waited for the row does not start its business code', async () => {
    const executor = new FreshExecutor();
    const execute = executor.execute.bind(executor);
    executor.execute = (sql: string) => {
      nowMs += 50;
      return execute(sql);
    };
    const work = jest.fn(() => Promise.resolve());
    await expect(fence.run(executor, { ...call, remainingMs: 50 }, work)).rejects.toMatchObject({
      name: 'CallExpired',
    });
    expect(work).not.toHaveBeenCalled();
  });

  test('a Try without a limit never expires', async () => {
    const late = fence.run(new FreshExecutor(), call, () => Promise.resolve((nowMs += 1e12)));
    await expect(late).resolves.toMatchObject({ fence: 'FRESH' });
  });
});

test('an executor that counts wrongly is named', async () => {
  const executor: FenceExecutor = { execute: () => Promise.resolve({ affectedRows: 0, rows: [] }) };
  await expect(createFence({ dialect: 'mysql' }).run(executor, call, () => Promise.resolve())).rejects.toThrow(
    'must affect 1 or 2 rows',
  );
});

test('a reply that JSON cannot hold fails before the commit', async () => {
  const run = createFence({ dialect: 'sqlite' }).run(new FreshExecutor(), call, () => Promise.resolve(10n));
  await expect(run).rejects.toThrow(TypeError);
});

describe('knex results', () => {
  test.each([
    ['a mysql2 header', [{ affectedRows: 2 }, undefined], { affectedRows: 2, rows: [] }],
    ['mysql2 rows', [[{ a: 1 }], []], { affectedRows: 0, rows: [{ a: 1 }] }],
    ['a pg result', { rowCount: 3, rows: [{ a: 1 }] }, { affectedRows: 3, rows: [{ a: 1 }] }],
    ['a pg result of DDL', { rowCount: null, rows: [] }, { affectedRows: 0, rows: [] }],
    ['SQLite rows', [{ a: 1 }, { a: 2 }], { affectedRows: 2, rows: [{ a: 1 }, { a: 2 }] }],
    ['no SQLite rows', [], { affectedRows: 0, rows: [] }],
    ['an SQLite run', { changes: 4, lastInsertRowid: 1 }, { affectedRows: 4, rows: [] }],
  ])('%s', async (_, raw, expected) => {
    const executor = knexExecutor({ raw: () => Promise.resolve(raw) });
    await expect(executor.execute('', [])).resolves.toEqual(expected);
  });
});

describe('reruns', () => {
  const failing = (error: Error, times: number) => {
    let left = times;
    return jest.fn(() => (left-- > 0 ? Promise.reject(error) : Promise.resolve('done')));
  };
  const deadlock = Object.assign(new Error('deadlock'), { errno: 1213 });
  const serialization = Object.assign(new Error('serialization'), { code: '40001' });

  test.each([deadlock, serialization])('$message: the transaction runs again', async (error) => {
    await expect(rerunOnDeadlock(failing(error, 3))).resolves.toBe('done');
  });

  test('at most three times', async () => {
    const transaction = failing(deadlock, 9);
    await expect(rerunOnDeadlock(transaction)).rejects.toBe(deadlock);
    expect(transaction).toHaveBeenCalledTimes(4);
  });

  test.each([
    new Refused('no stock'),
    Object.assign(new Error('lock wait timeout'), { errno: 1205 }),
    Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
  ])('$message: not again', async (error) => {
    const transaction = failing(error, 9);
    await expect(rerunOnDeadlock(transaction)).rejects.toBe(error);
    expect(transaction).toHaveBeenCalledTimes(1);
  });
});

test('a failed SQLite transaction rolls back and lets the next one begin, even when ROLLBACK itself fails', async () => {
  const statements: string[] = [];
  const database = {
    exec: (sql: string) => {
      statements.push(sql);
      if (sql === 'ROLLBACK') throw new Error('no transaction is active');
    },
    prepare: () => {
      throw new Error('not used');
    },
  };
  const begin = inSqliteTransaction(database);
  await expect(begin(() => Promise.reject(new Error('disk full')))).rejects.toThrow('disk full');
  await expect(begin(() => Promise.resolve(1))).resolves.toBe(1);
  expect(statements).toEqual(['BEGIN IMMEDIATE', 'ROLLBACK', 'BEGIN IMMEDIATE', 'COMMIT']);
});
