import { type DatabaseFault, type FaultKind, type Sql } from '../../../src/journal/database';
import type { MysqlAddress } from '../../../src/journal/database-url';
import { parseDatabaseUrl } from '../../../src/journal/database-url';
import { MysqlDatabase } from '../../../src/journal/mysql';
import { type Deed, ScriptedMysql } from './scripted-mysql';

/** A statement that is not answered is given up after so long. */
const QUERY_TIMEOUT_MS = 300;

let server: ScriptedMysql;
let database: MysqlDatabase;
beforeEach(async () => {
  server = new ScriptedMysql();
  const address = parseDatabaseUrl(`mysql://tcc@127.0.0.1:${await server.listen()}/tcc`) as MysqlAddress;
  database = new MysqlDatabase(address, {
    connections: 1,
    connectTimeoutMs: 5_000,
    queryTimeoutMs: QUERY_TIMEOUT_MS,
  });
});
afterEach(async () => {
  await database.close();
  await server.stop();
});

const statement = (text: string): Sql => ({ text, values: [] });
const run = (...texts: readonly string[]) => database.script(texts.map(statement));
const faultOf = (promise: Promise<unknown>): Promise<FaultKind | 'none'> =>
  promise.then(
    () => 'none',
    (error: unknown) => (error as DatabaseFault).kind,
  );

/** The statement meets this once, and every other one goes well. */
function once(which: string, deed: Deed): void {
  let armed = true;
  server.deed = (sql) => {
    if (!armed || sql !== which) return 1;
    armed = false;
    return deed;
  };
}

test('a script goes in one packet, and says what each statement wrote', async () => {
  server.deed = (sql) => ({ W1: 3, W2: 0, W3: 7 })[sql] ?? 0;
  expect((await run('W1', 'W2', 'W3')).map(({ rows }) => rows)).toEqual([3, 0, 7]);
  expect(server.asked).toEqual([['BEGIN;W1;W2;W3;COMMIT']]);
});

test('a single statement goes by itself, and none goes nowhere', async () => {
  expect(await run()).toEqual([]);
  expect((await run('W1')).map(({ rows }) => rows)).toEqual([1]);
  expect(server.asked).toEqual([['W1']]);
});

const SCRIPT = 'BEGIN;W1;W2;W3;COMMIT';

describe('an error of the server', () => {
  test.each<[string, number, FaultKind]>([
    ['W2', 1062, 'duplicate'],
    ['W3', 1213, 'contention'],
    ['W1', 1205, 'contention'],
    ['W2', 1105, 'rejected'],
    ['BEGIN', 1105, 'rejected'],
    ['COMMIT', 1213, 'contention'],
    ['COMMIT', 3101, 'contention'],
  ])('at %s of %i is %s: all is rolled back, and the connection is used again', async (which, errno, kind) => {
    once(which, { errno });
    expect(await faultOf(run('W1', 'W2', 'W3'))).toBe(kind);
    await run('W1', 'W2', 'W3');
    expect(server.asked).toEqual([[SCRIPT, 'ROLLBACK', SCRIPT]]);
  });

  test.each([
    ['BEGIN', 1053],
    ['W1', 1290],
    ['W3', 1290],
    ['W2', 1836],
    ['W2', 3100],
  ])(
    'at %s of %i says that the server cannot be used: no unknown outcome, and the connection is destroyed',
    async (which, errno) => {
      once(which, { errno });
      expect(await faultOf(run('W1', 'W2', 'W3'))).toBe('unreachable');
      await run('W1', 'W2', 'W3');
      expect(server.asked).toEqual([[SCRIPT], [SCRIPT]]);
    },
  );

  test.each([1290, 1053, 1105, 3100])(
    'at COMMIT of %i leaves the outcome unknown, and the connection is destroyed (I9)',
    async (errno) => {
      once('COMMIT', { errno });
      expect(await faultOf(run('W1', 'W2', 'W3'))).toBe('unknown');
      await run('W1', 'W2', 'W3');
      expect(server.asked).toEqual([[SCRIPT], [SCRIPT]]);
    },
  );

  test('at the roll-back destroys the connection, and the first error is the one that counts', async () => {
    server.deed = (sql) => {
      if (sql === 'W2') return { errno: 1062 };
      return sql === 'ROLLBACK' ? { errno: 1105 } : 1;
    };
    expect(await faultOf(run('W1', 'W2', 'W3'))).toBe('duplicate');
    expect(await faultOf(run('W1', 'W3'))).toBe('none');
    expect(server.asked).toEqual([[SCRIPT, 'ROLLBACK'], ['BEGIN;W1;W3;COMMIT']]);
  });
});

describe.each(['cut', 'silence'] as const)('a connection that ends in %s', (deed) => {
  test.each(['BEGIN', 'W1', 'W3', 'COMMIT'])(
    'at %s leaves the outcome unknown, and is destroyed (I9)',
    async (which) => {
      once(which, deed);
      expect(await faultOf(run('W1', 'W2', 'W3'))).toBe('unknown');
      await run('W1', 'W2', 'W3');
      expect(server.asked).toEqual([[SCRIPT], [SCRIPT]]);
    },
  );

  test('at a single statement leaves its outcome unknown too', async () => {
    once('W1', deed);
    expect(await faultOf(run('W1'))).toBe('unknown');
    await run('W1');
    expect(server.asked).toEqual([['W1'], ['W1']]);
  });
});

describe('a script above max_allowed_packet', () => {
  const long = 'W'.repeat(500);
  /** What is kept of a packet for its header. */
  const OVERHEAD = 64;
  const fits = `BEGIN;${long};${long};COMMIT`.length + OVERHEAD;

  test('goes statement by statement, and one that just fits goes whole', async () => {
    server.maxAllowedPacket = fits;
    await run(long, long);
    expect(server.asked).toEqual([[`BEGIN;${long};${long};COMMIT`]]);
    expect((await run(long, `${long}W`)).map(({ rows }) => rows)).toEqual([1, 1]);
    expect(server.asked[0]?.slice(1)).toEqual(['BEGIN', long, `${long}W`, 'COMMIT']);
  });

  test.each<[string, Deed, FaultKind, readonly string[]]>([
    ['W2', { errno: 1062 }, 'duplicate', ['BEGIN', long, 'W2', 'ROLLBACK']],
    ['W2', { errno: 1290 }, 'unreachable', ['BEGIN', long, 'W2']],
    ['W2', 'cut', 'unreachable', ['BEGIN', long, 'W2']],
    ['COMMIT', { errno: 1213 }, 'contention', ['BEGIN', long, 'W2', 'COMMIT', 'ROLLBACK']],
    ['COMMIT', { errno: 1290 }, 'unknown', ['BEGIN', long, 'W2', 'COMMIT']],
    ['COMMIT', 'cut', 'unknown', ['BEGIN', long, 'W2', 'COMMIT']],
  ])('that fails at %s with %j is %s', async (which, deed, kind, asked) => {
    server.maxAllowedPacket = long.length + OVERHEAD;
    once(which, deed);
    expect(await faultOf(run(long, 'W2'))).toBe(kind);
    expect(server.asked).toEqual([asked]);
  });

  test('with a statement that is too long by itself is rejected, and none of the others is done', async () => {
    server.maxAllowedPacket = long.length + OVERHEAD;
    expect(await faultOf(run('W1', long.repeat(2)))).toBe('rejected');
    expect(server.asked).toEqual([['BEGIN', 'W1', 'ROLLBACK']]);
  });
});

test('a connection that breaks leaves no timer (I13)', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  await run('W1');
  const before = timers();
  for (const which of ['W1', 'COMMIT']) {
    once(which, 'cut');
    expect(await faultOf(run('W1', 'W2'))).toBe('unknown');
    expect(timers()).toBeLessThanOrEqual(before);
  }
});

test('an error holds nothing of the statement', async () => {
  once('W2', { errno: 1105 });
  const error = await run('W1', 'W2', 'W3').catch((reason: unknown) => reason);
  expect(JSON.stringify((error as DatabaseFault).cause)).not.toMatch(/W1|BEGIN/);
});
