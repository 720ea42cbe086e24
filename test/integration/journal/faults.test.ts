import { createConnection, type Connection } from 'mysql2/promise';

import type { OpenJournal } from '../../../src/journal/open';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { openTestJournal } from './open-test-journal';
import { begin, beginInteractive, confirm, finish, newBranch, read, register } from './steps';

const mysql = sqlDatabases().filter(({ name }) => name === 'mysql');

describe.each(mysql)('the journal when the way to $name fails', ({ create }) => {
  let database: TestDatabase;
  let proxy: TcpProxy;
  let url: string;
  let opened: OpenJournal;

  beforeAll(async () => {
    database = await create();
    const way = new URL(database.url);
    proxy = await startTcpProxy({ host: way.hostname, port: Number(way.port) });
    way.host = `127.0.0.1:${proxy.port}`;
    url = way.href;
    opened = await openTestJournal(url, { lanes: 1 });
  });

  afterEach(() => {
    proxy.dropRepliesAfter(0);
    proxy.dropRequests(0);
    proxy.resume();
  });

  afterAll(async () => {
    await opened.stop();
    await proxy.stop();
    await database.drop();
  });

  test('a batch whose COMMIT was done but not answered stands (I9)', async () => {
    proxy.dropRepliesAfter(1);
    const lost = proxy.lost;
    const results = await Promise.all(['lost-1', 'lost-2'].map((gid) => opened.journal.append(begin(gid))));
    expect(proxy.lost).toBe(lost + 1);
    expect(results).toMatchObject([
      { kind: 'stands', current: { gid: 'lost-1', state: { status: 'TRYING' } } },
      { kind: 'stands', current: { gid: 'lost-2', branches: [{ branchId: 'b1' }, { branchId: 'b2' }] } },
    ]);
  });

  test('a COMMIT that never arrived is made again', async () => {
    proxy.dropRequests(1);
    const result = await opened.journal.append(begin('unsent'));
    expect(result.kind).toBe('applied');
    expect((await read(opened.journal, 'unsent')).branches).toHaveLength(2);
  });

  test('a registration whose COMMIT was not answered stands, and is there once', async () => {
    await opened.journal.append(beginInteractive('lost-register'));
    proxy.dropRepliesAfter(1);
    expect(await opened.journal.append(register('lost-register', 'b1'))).toMatchObject({
      kind: 'stands',
      current: { branches: [{ branchId: 'b1' }] },
    });
    expect(await opened.journal.append(confirm('lost-register', { branchCount: 1 }))).toMatchObject({
      kind: 'applied',
    });
  });

  test('a decision by a single statement whose reply was lost stands', async () => {
    await opened.journal.append(begin('lost-decision'));
    let armed = true;
    proxy.dropRepliesAfter((sql) => {
      const matches = armed && sql.startsWith('UPDATE tcc_transactions SET status');
      if (matches) armed = false;
      return matches;
    });
    expect(await opened.journal.append(confirm('lost-decision'))).toMatchObject({
      kind: 'stands',
      current: { state: { status: 'CONFIRMING' } },
    });
    expect(await opened.journal.append(finish('lost-decision'))).toMatchObject({ kind: 'applied' });
  });

  test('connections that are cut are only a delay', async () => {
    await opened.journal.append(begin('cut'));
    proxy.cut();
    expect((await read(opened.journal, 'cut')).gid).toBe('cut');
    expect((await opened.journal.append(confirm('cut'))).kind).toBe('applied');
  });

  test('a database that is gone makes everything JOURNAL_UNAVAILABLE, and the journal recovers by itself', async () => {
    await opened.journal.append(begin('gone'));
    proxy.refuse();
    const unavailable = { code: 'JOURNAL_UNAVAILABLE' };
    await Promise.all([
      expect(opened.journal.append(confirm('gone'))).rejects.toMatchObject(unavailable),
      expect(opened.journal.load(['gone'])).rejects.toMatchObject(unavailable),
      expect(opened.journal.now()).rejects.toMatchObject(unavailable),
      expect(opened.journal.claim(['gone'], { worker: 'w', leaseMs: 1 }, 'held')).rejects.toMatchObject(unavailable),
      expect(opened.participants.all()).rejects.toMatchObject(unavailable),
    ]);
    // In a long outage nobody waits: the database was not there a moment ago either. Who waited would do so for two seconds.
    const startMs = performance.now();
    await expect(opened.journal.append(confirm('gone'))).rejects.toMatchObject(unavailable);
    expect(performance.now() - startMs).toBeLessThan(1_900);
    proxy.resume();
    await eventually(() => opened.journal.now());
    expect((await opened.journal.append(confirm('gone'))).kind).toBe('applied');
  });

  test('a payload above what the server takes is rejected, and its neighbours are applied', async () => {
    const payload = { data: new Uint8Array(33 * 1024 * 1024), contentType: '' };
    const results = await Promise.allSettled([
      opened.journal.append(begin('huge', { branches: [newBranch('b1', { payload })] })),
      opened.journal.append(begin('small')),
    ]);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'BROKEN_INVARIANT' } },
      { status: 'fulfilled', value: { kind: 'applied' } },
    ]);
  });

  test('a black hole is left after the timeout, and the connection with it', async () => {
    const short = await openTestJournal(url, { lanes: 1, queryTimeoutMs: 1_000 });
    const { journal } = short;
    await journal.append(begin('hole'));
    proxy.pause();
    await expect(journal.load(['hole'])).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    proxy.resume();
    await eventually(() => journal.now());
    expect((await read(journal, 'hole')).gid).toBe('hole');
    await short.stop();
  });
});

describe.each(mysql)('the journal when others lock rows on $name', ({ create }) => {
  let database: TestDatabase;
  let opened: OpenJournal;
  let other: Connection;

  beforeAll(async () => {
    database = await create();
    opened = await openTestJournal(database.url, { lanes: 1 });
    other = await createConnection(database.url);
  });

  afterEach(async () => {
    await other.query('ROLLBACK');
  });

  afterAll(async () => {
    await other.end();
    await opened.stop();
    await database.drop();
  });

  test('a lock that is waited for too long is waited for again', async () => {
    await Promise.all(['wait', 'free'].map((gid) => opened.journal.append(begin(gid))));
    await other.query('BEGIN');
    await other.query("SELECT gid FROM tcc_transactions WHERE gid = 'wait' FOR UPDATE");
    const results = Promise.all(['wait', 'free'].map((gid) => opened.journal.append(confirm(gid))));
    // One lock wait is over after three seconds: the batch has been rolled back once when it is seen waiting a second time.
    await eventually(async () => (await waitsBegun(other)) >= 2, { timeoutMs: 20_000, ...UNHURRIED });
    await other.query('ROLLBACK');
    expect((await results).map((result) => result.kind)).toEqual(['applied', 'applied']);
  });

  test('a batch that is the victim of a deadlock is run again', async () => {
    const gids = ['dead-1', 'dead-2', 'dead-3'];
    const heavy = Array.from({ length: 200 }, (_unused, index) => `heavy-${index}`);
    await Promise.all([...gids, ...heavy].map((gid) => opened.journal.append(begin(gid))));
    await other.query('BEGIN');
    // The server rolls back whoever has changed less.
    await other.query("UPDATE tcc_transactions SET rounds = 7 WHERE gid = 'dead-3' OR gid LIKE 'heavy-%'");
    const results = Promise.all(gids.map((gid) => opened.journal.append(confirm(gid))));
    await eventually(async () => (await locksWaited(other)) > 0, UNHURRIED);
    // Now each holds what the other wants.
    await other.query("UPDATE tcc_transactions SET rounds = 7 WHERE gid = 'dead-1'");
    await other.query('COMMIT');
    expect((await results).map((result) => result.kind)).toEqual(['applied', 'applied', 'applied']);
    expect((await read(opened.journal, 'dead-1')).rounds).toBe(7);
  });
});

/** InnoDB renews what it shows of its transactions only when nobody has looked for 100 ms. */
const UNHURRIED = { everyMs: 150 };

/** Those of this database: on the same server other suites lock rows at the same time. */
const isWaiting =
  'SELECT COUNT(*) AS waiting, MAX(trx_id) AS id FROM information_schema.innodb_trx ' +
  'JOIN information_schema.processlist ON processlist.id = trx_mysql_thread_id ' +
  "WHERE trx_state = 'LOCK WAIT' AND db = DATABASE()";

async function locksWaited(connection: Connection): Promise<number> {
  const [rows] = await connection.query(isWaiting);
  return Number((rows as { waiting: number }[])[0]?.waiting);
}

/** How many different transactions have been seen waiting for a lock. */
const seen = new Set<string>();
async function waitsBegun(connection: Connection): Promise<number> {
  const [rows] = await connection.query(isWaiting);
  const id = (rows as { id: string | number | null }[])[0]?.id;
  if (id !== null && id !== undefined) seen.add(String(id));
  return seen.size;
}
