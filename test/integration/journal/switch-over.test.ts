import { createConnection, type Connection } from 'mysql2/promise';

import type { OpenJournal } from '../../../src/journal/open';
import { PrivateServer } from '../../e2e/support/private-server';
import { eventually } from '../../support/eventually';
import { openTestJournal } from './open-test-journal';
import { begin, confirm } from './steps';

/** A journal moves in a second; the rest is for a busy machine. */
const MOVED_MS = 30_000;

/** An ordinary user: one with more rights writes to read-only servers as well. */
const SETUP = [
  'CREATE DATABASE tcc',
  "CREATE USER tccd@localhost IDENTIFIED BY 'secret'",
  'GRANT ALL ON tcc.* TO tccd@localhost',
  'SET GLOBAL read_only = 1',
];

/**
 * Two servers that do not replicate, so that what is read tells which of them was believed. `read_only` is the whole server's:
 * both are the suite's own.
 */
(PrivateServer.isWanted() ? describe : describe.skip)('a switch-over between two database servers', () => {
  let servers: readonly PrivateServer[] = [];
  let admins: readonly Connection[] = [];
  let opened: OpenJournal | undefined;

  const host = (index: number) => new URL(servers[index]?.url ?? '').host;
  const url = (...hosts: readonly string[]) => `mysql://tccd:secret@${hosts.join(',')}/tcc`;
  const setReadOnly = (index: number, value: 0 | 1) => admins[index]?.query(`SET GLOBAL read_only = ${value}`);

  beforeAll(async () => {
    servers = await Promise.all([PrivateServer.prepare(), PrivateServer.prepare()]);
    admins = await Promise.all(servers.map((server) => createConnection(server.url)));
    for (const admin of admins) for (const statement of SETUP) await admin.query(statement);
    // Both get the schema, as replication would have brought it.
    for (const index of [1, 0]) {
      await setReadOnly(index, 0);
      await (await openTestJournal(url(host(index)))).stop();
      if (index === 1) await setReadOnly(index, 1);
    }
    opened = await openTestJournal(url(host(0), host(1)));
  }, 60_000);

  afterAll(async () => {
    await opened?.stop();
    for (const admin of admins) await admin.end();
    await Promise.all(servers.map((server) => server.remove()));
  }, 60_000);

  const journal = () => {
    if (opened === undefined) throw new Error('the journal was not opened');
    return opened.journal;
  };

  test('nothing that is read from the old one is believed, from the moment at which it takes no writes', async () => {
    await Promise.all(['old-1', 'old-2'].map((gid) => journal().append(begin(gid))));
    expect(await journal().load(['old-1'])).toHaveProperty('size', 1);
    await setReadOnly(0, 1);
    // Before the new one takes writes, and after: neither a read nor a lost compare-and-set tells the old one's rows.
    // Without an answer either is tried again for two seconds only, and on a busy machine the move may take longer: it is the first answer
    // that counts.
    const loaded = eventually(() => journal().load(['old-1']), { timeoutMs: MOVED_MS });
    const stands = eventually(() => journal().append(confirm('old-2', { epoch: 99 })), { timeoutMs: MOVED_MS });
    await setReadOnly(1, 0);
    expect((await loaded).size).toBe(0);
    expect(await stands).toMatchObject({ kind: 'stands', current: undefined });
    expect(opened?.host).toBe(host(1));
    expect((await journal().append(begin('new'))).kind).toBe('applied');
  });

  test('and back', async () => {
    await setReadOnly(1, 1);
    await setReadOnly(0, 0);
    const back = await eventually(() => journal().append(confirm('old-1')), { timeoutMs: MOVED_MS });
    expect(back.kind).toBe('applied');
    expect((await journal().load(['new'])).size).toBe(0);
    expect(opened?.host).toBe(host(0));
  });
});
