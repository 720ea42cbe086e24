import { connectDatabase } from '../../../src/journal/connect';
import type { CoordinatorStore } from '../../../src/journal/coordinators';
import type { OpenJournal } from '../../../src/journal/open';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { eventually } from '../../support/eventually';
import { openTestJournal } from './open-test-journal';

describe.each(sqlDatabases())('the coordinators on $name', ({ create }) => {
  let database: TestDatabase;
  let opened: OpenJournal;
  let store: CoordinatorStore;

  beforeAll(async () => {
    database = await create();
    opened = await openTestJournal(database.url);
    store = opened.coordinators;
  });

  afterAll(async () => {
    await opened.stop();
    await database.drop();
  });

  afterEach(async () => {
    for (const id of ['a', 'b', 'c', longest]) await store.remove(id);
    expect(await store.addresses()).toEqual([]);
  });

  /** As long as a coordinator's id and an address may be. */
  const longest = `${'c'.repeat(57)}-zzzzzz`;

  test('are listed by address, sorted, until they are removed', async () => {
    expect(await store.addresses()).toEqual([]);
    await store.save('b', '10.0.0.2:8480', 60_000);
    await store.save('a', '10.0.0.3:8480', 60_000);
    await store.save('c', '10.0.0.1:8480', 60_000);
    expect(await store.addresses()).toEqual(['10.0.0.1:8480', '10.0.0.2:8480', '10.0.0.3:8480']);
    await store.remove('b');
    await store.remove('b');
    await store.remove('never-there');
    expect(await store.addresses()).toEqual(['10.0.0.1:8480', '10.0.0.3:8480']);
  });

  test('two at one address, as after a restart, are one address', async () => {
    await store.save('a', '10.0.0.1:8480', 60_000);
    await store.save('b', '10.0.0.1:8480', 60_000);
    expect(await store.addresses()).toEqual(['10.0.0.1:8480']);
    await store.remove('a');
    expect(await store.addresses()).toEqual(['10.0.0.1:8480']);
  });

  test('one that is saved again has its new address and lifetime', async () => {
    await store.save('a', '10.0.0.1:8480', 200);
    await store.save('a', '10.0.0.9:8480', 60_000);
    expect(await store.addresses()).toEqual(['10.0.0.9:8480']);
  });

  test('one that is not renewed expires by the clock of the database, and may come back', async () => {
    await store.save('a', '10.0.0.1:8480', 60_000);
    await store.save('b', '10.0.0.2:8480', 150);
    await eventually(async () => expect(await store.addresses()).toEqual(['10.0.0.1:8480']));
    await store.save('b', '10.0.0.2:8480', 60_000);
    expect(await store.addresses()).toHaveLength(2);
  });

  test('one that expired long ago is forgotten, and one that expired just now is not yet', async () => {
    const ids = async () => {
      const plain = connectDatabase(database.url, { connections: 1, connectTimeoutMs: 2_000, queryTimeoutMs: 5_000 });
      try {
        const sql = 'SELECT coordinator_id FROM tcc_coordinators ORDER BY coordinator_id';
        return (await plain.session((connection) => connection.read(sql))).map((row) => row['coordinator_id']);
      } finally {
        await plain.close();
      }
    };
    await store.save('c', '10.0.0.3:8480', -3_600_000 + 30_000);
    await store.save('b', '10.0.0.2:8480', -3_600_000 - 5_000);
    await store.save('a', '10.0.0.1:8480', 60_000);
    expect(await ids()).toEqual(['a', 'c']);
    expect(await store.addresses()).toEqual(['10.0.0.1:8480']);
  });

  test('ids and addresses of the greatest length are kept whole', async () => {
    expect(longest).toHaveLength(64);
    const address = `${'h'.repeat(249)}:65535`;
    await store.save(longest, address, 60_000);
    expect(await store.addresses()).toEqual([address]);
  });

  test('ids are told apart by case', async () => {
    await store.save('a', '10.0.0.1:8480', 60_000);
    await store.save('A', '10.0.0.2:8480', 60_000);
    expect(await store.addresses()).toHaveLength(2);
    await store.remove('A');
    expect(await store.addresses()).toEqual(['10.0.0.1:8480']);
  });

  test('many coordinators that start, renew and leave at once do not hurt each other', async () => {
    const others = await Promise.all([1, 2, 3].map(() => openTestJournal(database.url, { migrate: false })));
    const stores = [opened, ...others].map(({ coordinators }) => coordinators);
    const names = Array.from({ length: 24 }, (_, index) => `many-${String(index).padStart(2, '0')}`);
    const at = (index: number) => stores[index % stores.length] ?? store;
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(names.map((name, index) => at(index + round).save(name, `${name}:1`, 60_000)));
    }
    expect(await store.addresses()).toEqual(names.map((name) => `${name}:1`));
    await Promise.all(names.map((name, index) => at(index).remove(name)));
    for (const other of others) await other.stop();
  });
});
