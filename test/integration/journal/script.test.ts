import { createConnection, type Connection as Driver } from 'mysql2/promise';

import type { DatabaseFault, FaultKind, Sql } from '../../../src/journal/database';
import { type MysqlAddress, parseDatabaseUrl } from '../../../src/journal/database-url';
import { MysqlDatabase } from '../../../src/journal/mysql';
import type { OpenJournal } from '../../../src/journal/open';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { openTestJournal } from './open-test-journal';
import { begin, confirm, finish, read } from './steps';

const mysql = sqlDatabases().filter(({ name }) => name === 'mysql');

async function proxied(database: TestDatabase): Promise<{ proxy: TcpProxy; url: string }> {
  const url = new URL(database.url);
  const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
  url.host = `127.0.0.1:${proxy.port}`;
  return { proxy, url: url.href };
}

describe.each(mysql)('a script on $name', ({ create }) => {
  let test_: TestDatabase;
  let proxy: TcpProxy;
  let database: MysqlDatabase;
  let other: Driver;

  beforeAll(async () => {
    test_ = await create();
    other = await createConnection(test_.url);
    await other.query('CREATE TABLE notes (id INT PRIMARY KEY)');
    const way = await proxied(test_);
    proxy = way.proxy;
    const address = parseDatabaseUrl(way.url) as MysqlAddress;
    database = new MysqlDatabase(address, { connections: 1, connectTimeoutMs: 10_000, queryTimeoutMs: 10_000 });
  });
  beforeEach(async () => {
    await other.query('DELETE FROM notes');
  });
  afterEach(() => {
    proxy.dropRepliesAfter(0);
    proxy.dropRequests(0);
  });
  afterAll(async () => {
    await database.close();
    await proxy.stop();
    await other.end();
    await test_.drop();
  });

  const note = (id: number): Sql => ({ text: 'INSERT INTO notes (id) VALUES (?)', values: [id] });
  /** A statement that fails with this error of the server. */
  const failing = (errno: number): Sql => ({
    text: `SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${errno}, MESSAGE_TEXT = 'as the test wants it'`,
    values: [],
  });
  const fault = (...statements: readonly Sql[]): Promise<FaultKind | 'none'> =>
    database.script(statements).then(
      () => 'none',
      (error: unknown) => (error as DatabaseFault).kind,
    );
  /** As others see them. */
  const notes = async () => {
    const [rows] = await other.query('SELECT id FROM notes ORDER BY id');
    return (rows as { id: number }[]).map(({ id }) => id);
  };
  const connectionId = () =>
    database.session(async (connection) => (await connection.read('SELECT CONNECTION_ID() AS id'))[0]?.['id']);

  test('is one transaction', async () => {
    expect((await database.script([note(1), note(2), note(3)])).map(({ rows }) => rows)).toEqual([1, 1, 1]);
    expect(await notes()).toEqual([1, 2, 3]);
  });

  test('with a duplicate in the middle is rolled back whole, and its connection is used again', async () => {
    await database.script([note(2)]);
    const id = await connectionId();
    expect(await fault(note(1), note(2), note(3))).toBe('duplicate');
    expect(await notes()).toEqual([2]);
    expect(await connectionId()).toBe(id);
    expect(await fault(note(1), note(3))).toBe('none');
    expect(await notes()).toEqual([1, 2, 3]);
  });

  test('that meets error 1290 is not done, is no unknown outcome, and its connection is destroyed', async () => {
    const id = await connectionId();
    expect(await fault(note(1), failing(1290), note(2))).toBe('unreachable');
    expect(await notes()).toEqual([]);
    expect(await connectionId()).not.toBe(id);
  });

  test('that meets a deadlock is contention, and its connection is used again', async () => {
    const id = await connectionId();
    expect(await fault(note(1), failing(1213), note(2))).toBe('contention');
    expect(await notes()).toEqual([]);
    expect(await connectionId()).toBe(id);
  });

  test('whose reply is lost is of unknown outcome, and done', async () => {
    const id = await connectionId();
    proxy.dropRepliesAfter(1);
    expect(await fault(note(1), note(2))).toBe('unknown');
    expect(await notes()).toEqual([1, 2]);
    expect(await connectionId()).not.toBe(id);
  });

  test('that is lost on its way is of unknown outcome, and not done', async () => {
    proxy.dropRequests(1);
    expect(await fault(note(1), note(2))).toBe('unknown');
    expect(await notes()).toEqual([]);
    expect(await fault(note(1), note(2))).toBe('none');
  });
});

describe.each(mysql)('a batch that is a script, on $name', ({ create }) => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let opened: OpenJournal;

  beforeAll(async () => {
    database = await create();
    const way = await proxied(database);
    proxy = way.proxy;
    opened = await openTestJournal(way.url, { lanes: 1, queryTimeoutMs: 10_000 });
  });
  afterEach(() => {
    proxy.dropRepliesAfter(0);
    proxy.dropRequests(0);
  });
  afterAll(async () => {
    await opened.stop();
    await proxy.stop();
    await database.drop();
  });

  /** Puts these steps into one batch: while the lane is busy with another one they gather. */
  async function together(name: string, ...steps: readonly Parameters<typeof opened.journal.append>[0][]) {
    const busy = opened.journal.append(begin(`${name}-busy`));
    const results = steps.map((step) => opened.journal.append(step));
    await busy;
    return Promise.all(results);
  }

  /** The next script of which the statements say this meets it, once. */
  function theScriptWith(gid: string): (sql: string) => boolean {
    let armed = true;
    return (sql) => {
      const matches = armed && sql.includes(gid) && /^BEGIN;.*;COMMIT$/s.test(sql);
      if (matches) armed = false;
      return matches;
    };
  }

  async function prepare(name: string): Promise<void> {
    for (const gid of [`${name}-decide`, `${name}-finish`]) await opened.journal.append(begin(gid));
    await opened.journal.append(confirm(`${name}-finish`));
  }

  const steps = (name: string) => [begin(`${name}-new`), confirm(`${name}-decide`), finish(`${name}-finish`)];
  const statuses = async (name: string) =>
    Promise.all(
      ['new', 'decide', 'finish'].map(async (which) => (await read(opened.journal, `${name}-${which}`)).state.status),
    );
  const DONE = ['TRYING', 'CONFIRMING', 'CONFIRMED'];

  test('and was done but not answered is run again, and what it did stands (I9)', async () => {
    await prepare('lost');
    const before = proxy.lost;
    proxy.dropRepliesAfter(theScriptWith('lost-new'));
    const results = await together('lost', ...steps('lost'));
    expect(proxy.lost).toBe(before + 1);
    expect(results.map(({ kind }) => kind)).toEqual(['stands', 'stands', 'stands']);
    expect(results.map((result) => result.kind === 'stands' && result.current?.state.status)).toEqual(DONE);
    expect(await statuses('lost')).toEqual(DONE);
  });

  test('and never arrived is run again, and is applied', async () => {
    await prepare('unsent');
    const before = proxy.lost;
    proxy.dropRequests(theScriptWith('unsent-new'));
    const results = await together('unsent', ...steps('unsent'));
    expect(proxy.lost).toBe(before + 1);
    expect(results.map(({ kind }) => kind)).toEqual(['applied', 'applied', 'applied']);
    expect(await statuses('unsent')).toEqual(DONE);
  });

  test('with a begin that exists in its middle is applied without it, and that one stands', async () => {
    await prepare('twice');
    await opened.journal.append(begin('twice-there'));
    const results = await together('twice', begin('twice-a'), begin('twice-there'), ...steps('twice'));
    expect(results.map(({ kind }) => kind)).toEqual(['applied', 'stands', 'applied', 'applied', 'applied']);
    expect(await statuses('twice')).toEqual(DONE);
    expect((await read(opened.journal, 'twice-a')).branches).toHaveLength(2);
  });
});
