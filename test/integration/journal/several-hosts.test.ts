import type { OpenJournal } from '../../../src/journal/open';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { openTestJournal } from './open-test-journal';
import { begin, confirm, read } from './steps';

/** Longer than anything here takes on a busy machine. */
const QUERY_MS = 20_000;

const mysql = sqlDatabases().filter(({ name }) => name === 'mysql');

/**
 * One server behind two addresses, of which one is shut: two hosts that replicate without any delay. What a host says of
 * itself is the server's word, and everything that is lost on the way to it can be lost here.
 */
describe.each(mysql)('a journal with two hosts on $name', ({ create }) => {
  let database: TestDatabase;
  let first: TcpProxy;
  let second: TcpProxy;
  let url: string;
  let opened: OpenJournal;

  const name = (proxy: TcpProxy) => `127.0.0.1:${proxy.port}`;

  beforeAll(async () => {
    database = await create();
    const straight = new URL(database.url);
    const target = { host: straight.hostname, port: Number(straight.port || 3306) };
    [first, second] = await Promise.all([startTcpProxy(target), startTcpProxy(target)]);
    url = database.url.replace(straight.host, `${name(first)},${name(second)}`);
    second.refuse();
    opened = await openTestJournal(url, { lanes: 1, queryTimeoutMs: QUERY_MS });
  });

  /** Every test begins with the first host in use and the second one shut. */
  beforeEach(async () => {
    first.resume();
    if (opened.host !== name(first)) second.refuse();
    await eventually(() => opened.host === name(first));
    second.refuse();
    await eventually(() => opened.journal.now());
  });

  afterEach(() => {
    first.dropRepliesAfter(0);
    first.resume();
  });

  afterAll(async () => {
    await opened.stop();
    await Promise.all([first.stop(), second.stop()]);
    await database.drop();
  });

  test('says where it is, and which host it is on', () => {
    expect(opened.label).toMatch(new RegExp(`^${name(first)},${name(second)}/tcc_test_`));
    expect(opened.host).toBe(name(first));
    expect(first.connections).toBeGreaterThan(0);
  });

  test('moves when its host is down and another one takes writes, and what was promised is there', async () => {
    await opened.journal.append(begin('moved'));
    second.resume();
    first.refuse();
    // Work is tried again for two seconds; on a busy machine the move may take longer.
    const moved = await eventually(() => opened.journal.append(confirm('moved')));
    expect(moved.kind).toBe('applied');
    expect(opened.host).toBe(name(second));
    expect(await read(opened.journal, 'moved')).toMatchObject({ state: { status: 'CONFIRMING' } });
  });

  test('a commit whose reply was lost with the host stands on the next one (I9)', async () => {
    await opened.journal.append(begin('lost-with-host'));
    second.resume();
    // The host goes when it has done the statement, and not while that is under way: then the next one might do it first.
    first.dropRepliesAfter(
      (sql) => sql.includes('UPDATE tcc_transactions SET status'),
      () => first.refuse(),
    );
    const result = await opened.journal.append(confirm('lost-with-host'));
    expect(result).toMatchObject({ kind: 'stands', current: { state: { status: 'CONFIRMING' } } });
    expect(opened.host).toBe(name(second));
  });

  test('does not wait for a host that stands still: what was on its way there is run again on the next one', async () => {
    await opened.journal.append(begin('frozen'));
    first.pause();
    const startedMs = performance.now();
    const results = Promise.all([opened.journal.append(confirm('frozen')), opened.journal.load(['frozen'])]);
    second.resume();
    expect((await results)[0].kind).toBe('applied');
    expect(performance.now() - startedMs).toBeLessThan(QUERY_MS / 2);
    expect(opened.host).toBe(name(second));
    // No connection to the old host is left, so that none can be lent again.
    await eventually(() => opened.journal.now());
  });

  test('goes on with its host after a short silence when no other one takes writes', async () => {
    await opened.journal.append(begin('hiccup'));
    first.pause();
    const result = opened.journal.append(confirm('hiccup'));
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    first.resume();
    expect((await result).kind).toBe('applied');
    expect(opened.host).toBe(name(first));
  });

  test('does not start while both take writes: nobody can know which one has the truth', async () => {
    second.resume();
    await expect(openTestJournal(url)).rejects.toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
      message: expect.stringMatching(/no host takes writes .*all but one must be read-only/) as string,
    });
  });

  test('does not start while none answers, and says why of each, without the password', async () => {
    first.refuse();
    const opening = openTestJournal(url.replace('mysql://', 'mysql://nobody:secret@').replace(/@[^@]*@/, '@'));
    await expect(opening).rejects.toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
      message: expect.stringContaining(`${name(second)}: `) as string,
    });
    await expect(opening).rejects.not.toMatchObject({ message: expect.stringContaining('secret') as string });
  });
});
