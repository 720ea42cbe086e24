import type { OpenJournal } from '../../../src/journal/open';
import type { NewInstance } from '../../../src/journal/participants';
import { freeAddress } from '../../e2e/support/ports';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { openTestJournal } from './open-test-journal';
import { begin, past } from './steps';

describe.each(sqlDatabases())('an open journal on $name', ({ create }) => {
  let database: TestDatabase;
  let opened: OpenJournal;

  beforeAll(async () => {
    database = await create();
    opened = await openTestJournal(database.url);
  });

  afterAll(async () => {
    await opened.stop();
    await database.drop();
  });

  const instance = (participant: string, instanceId: string, address = '127.0.0.1:1'): NewInstance => ({
    participant,
    instanceId,
    address,
    actions: [
      { name: 'deduct', methods: undefined, callTimeoutMs: 0, tryAttempts: 0 },
      {
        name: 'add',
        methods: { try: '/a.B/T', confirm: '/a.B/C', cancel: '/a.B/X' },
        callTimeoutMs: 500,
        tryAttempts: 2,
      },
    ],
  });

  test('participants are saved, renewed, expired and forgotten', async () => {
    const { participants, journal } = opened;
    expect((await participants.all()).instances).toEqual([]);
    await participants.save(instance('points', 'i1'), 60_000);
    await past(journal, await journal.now());
    await participants.save(instance('inventory', 'i2'), 60_000);
    await past(journal, await journal.now());
    await participants.save(instance('inventory', 'i1'), 60_000);
    const { nowMs, instances } = await participants.all();
    expect(instances.map((each) => `${each.participant}/${each.instanceId}`)).toEqual([
      'inventory/i2',
      'inventory/i1',
      'points/i1',
    ]);
    expect(instances[0]).toMatchObject(instance('inventory', 'i2'));
    expect(instances[0]?.expiresAt).toBeGreaterThan(nowMs + 50_000);

    await past(journal, await journal.now());
    await participants.save(instance('inventory', 'i2', '127.0.0.1:2'), 90_000);
    await participants.expire('points', 'i1');
    await participants.expire('points', 'none');
    const later = await participants.all();
    expect(later.instances.map((each) => each.instanceId)).toEqual(['i1', 'i2', 'i1']);
    expect(later.instances[1]).toMatchObject({ address: '127.0.0.1:2' });
    expect(later.instances[2]?.expiresAt).toBeLessThanOrEqual(later.nowMs);

    await participants.forget(60_000);
    expect((await participants.all()).instances).toHaveLength(3);
    await participants.forget(0);
    expect((await participants.all()).instances.map((each) => each.participant)).toEqual(['inventory', 'inventory']);
  });

  test('a journal that is stopped has answered what it accepted, and refuses the rest', async () => {
    const short = await openTestJournal(database.url);
    const accepted = short.journal.append(begin('stopped'));
    await short.stop();
    await expect(accepted).resolves.toMatchObject({ kind: 'applied' });
    await expect(short.journal.append(begin('later'))).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    await expect(short.journal.now()).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
  });
});

describe('opening a journal', () => {
  test('with a database that is down says where, and no password', async () => {
    const address = await freeAddress();
    const opening = openTestJournal(`mysql://me:secret@${address}/tcc`);
    await expect(opening).rejects.toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
      message: expect.stringMatching(new RegExp(`${address}/tcc.*ECONNREFUSED`)) as string,
    });
    await expect(opening).rejects.not.toMatchObject({ message: expect.stringContaining('secret') as string });
  });

  test('with a SQLite folder that does not exist is refused', async () => {
    await expect(openTestJournal('sqlite:/no/such/folder/x.sqlite')).rejects.toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
    });
  });
});
