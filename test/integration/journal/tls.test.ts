import { createConnection } from 'mysql2/promise';

import type { OpenJournal } from '../../../src/journal/open';
import { PrivateServer } from '../../e2e/support/private-server';
import { Authority } from '../../support/certificates';
import { eventually } from '../../support/eventually';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy';
import { openTestJournal } from './open-test-journal';
import { begin, confirm, read } from './steps';

/** Longer than making a key pair, a data folder and a start of a server take on a busy machine. */
const SETUP_MS = 120_000;

/**
 * One server whose certificate names 127.0.0.1 and nothing else, behind addresses that fail on command: as one name or another of
 * it is right or wrong, so is the host in the eyes of whoever checks identities.
 */
(PrivateServer.isWanted() && Authority.isPossible() ? describe : describe.skip)('a journal over TLS', () => {
  let ours: Authority;
  let others: Authority;
  let server: PrivateServer;
  let first: TcpProxy;
  let second: TcpProxy;
  const opened: OpenJournal[] = [];

  beforeAll(async () => {
    ours = new Authority();
    others = new Authority();
    const { cert, key } = ours.sign('IP:127.0.0.1');
    server = await PrivateServer.prepare([`--ssl-ca=${ours.ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`]);
    const plain = await createConnection({ uri: server.url });
    await plain.query('CREATE DATABASE tcc');
    // Whoever comes without TLS is turned away: no test is good because nothing was encrypted.
    await plain.query("CREATE USER 'only_tls'@'localhost' REQUIRE SSL");
    await plain.query("GRANT ALL ON *.* TO 'only_tls'@'localhost'");
    await plain.end();
    const target = { host: '127.0.0.1', port: Number(new URL(server.url).port) };
    [first, second] = await Promise.all([startTcpProxy(target), startTcpProxy(target)]);
  }, SETUP_MS);

  afterEach(async () => {
    for (const journal of opened.splice(0)) await journal.stop();
    first.resume();
    second.resume();
  });

  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()]);
    await server.remove();
    ours.remove();
    others.remove();
  });

  const url = (hosts: string, mode: string, { ca }: Authority) =>
    `mysql://only_tls@${hosts}/tcc?ssl-mode=${mode}&ssl-ca=${encodeURIComponent(ca)}`;
  const open = async (...where: Parameters<typeof url>) => {
    const journal = await openTestJournal(url(...where));
    opened.push(journal);
    return journal;
  };
  const right = (proxy: TcpProxy) => `127.0.0.1:${proxy.port}`;
  const wrong = (proxy: TcpProxy) => `localhost:${proxy.port}`;
  const refusal = (why: RegExp) => ({ code: 'JOURNAL_UNAVAILABLE', message: expect.stringMatching(why) as string });

  describe('with one host', () => {
    test('works where the certificate names it', async () => {
      const { journal } = await open(right(first), 'VERIFY_IDENTITY', ours);
      expect((await journal.append(begin('one-host'))).kind).toBe('applied');
    });

    test('is refused where it does not, unless the authority alone is asked for', async () => {
      await expect(open(wrong(first), 'VERIFY_IDENTITY', ours)).rejects.toMatchObject(refusal(/altnames/));
      const { journal } = await open(wrong(first), 'VERIFY_CA', ours);
      expect(await journal.now()).toBeGreaterThan(0);
    });

    test.each(['VERIFY_CA', 'VERIFY_IDENTITY'])('is refused with another authority under %s', async (mode) => {
      await expect(open(right(first), mode, others)).rejects.toMatchObject(refusal(/certificate/));
    });
  });

  describe('with several hosts', () => {
    test('every connection is checked against its own host, and the journal moves between those that pass', async () => {
      second.refuse();
      const journal = await open(`${right(first)},${right(second)}`, 'VERIFY_IDENTITY', ours);
      await journal.journal.append(begin('moved-over-tls'));
      second.resume();
      first.refuse();
      await eventually(async () => (await journal.journal.append(confirm('moved-over-tls'))).kind);
      expect(journal.host).toBe(right(second));
      expect(await read(journal.journal, 'moved-over-tls')).toMatchObject({ state: { status: 'CONFIRMING' } });
    });

    test('one whose certificate does not name it is not moved to, though another one of them is named', async () => {
      second.refuse();
      const journal = await open(`${right(first)},${wrong(second)}`, 'VERIFY_IDENTITY', ours);
      second.resume();
      first.refuse();
      // It is tried for two seconds, in which every host is asked several times.
      await expect(journal.journal.now()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
      expect(journal.host).toBe(right(first));
      first.resume();
      await eventually(() => journal.journal.now());
      expect(journal.host).toBe(right(first));
    });

    test('one that is not named takes writes where the authority alone is asked for', async () => {
      first.refuse();
      const journal = await open(`${right(first)},${wrong(second)}`, 'VERIFY_CA', ours);
      expect(journal.host).toBe(wrong(second));
      expect((await journal.journal.append(begin('authority-only'))).kind).toBe('applied');
    });

    test('it does not start with another authority, and says why of each host', async () => {
      const opening = open(`${right(first)},${right(second)}`, 'VERIFY_CA', others);
      await expect(opening).rejects.toMatchObject(
        refusal(new RegExp(`${right(first)}: .*certificate.*${right(second)}: .*certificate`)),
      );
    });
  });
});
