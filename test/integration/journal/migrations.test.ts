import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { connectDatabase } from '../../../src/journal/connect';
import type { Database } from '../../../src/journal/database';
import { migrateDatabase, migrationStatusOf, readMigrations } from '../../../src/journal/migrations';
import { migrate, migrationStatus } from '../../../src/journal/open';
import { systemClock } from '../../../src/lib/clock';
import { packageRoot } from '../../../src/lib/package-root';
import { systemRandom } from '../../../src/lib/random';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { openTestJournal } from './open-test-journal';
import { dumpSchema } from './schema-dump';

const deps = { clock: systemClock, random: systemRandom };
const timeouts = { connectTimeoutMs: 2_000, queryTimeoutMs: 5_000 };

describe.each(sqlDatabases())('migrations on $name', ({ name, create }) => {
  const migrations = readMigrations(name);
  const names = migrations.map((migration) => migration.name);
  let testDatabase: TestDatabase;
  let database: Database;

  beforeEach(async () => {
    testDatabase = await create();
    database = connectDatabase(testDatabase.url, { ...timeouts, connections: 4 });
  });

  afterEach(async () => {
    await database.close();
    await testDatabase.drop();
  });

  test('they are applied once, in order, and the status tells when', async () => {
    expect(await migrationStatus(testDatabase.url, timeouts, deps)).toEqual(
      migrations.map((migration) => ({ version: migration.version, name: migration.name, appliedAtMs: undefined })),
    );
    expect(await migrate(testDatabase.url, timeouts, deps)).toEqual(names);
    expect(await migrate(testDatabase.url, timeouts, deps)).toEqual([]);
    for (const { appliedAtMs } of await migrationStatus(testDatabase.url, timeouts, deps)) {
      expect(appliedAtMs).toBeGreaterThan(1_700_000_000_000);
    }
  });

  test('of starters at the same time each migration is applied by one', async () => {
    const applied = await Promise.all([1, 2, 3].map(() => migrate(testDatabase.url, timeouts, deps)));
    expect(applied.flat().sort()).toEqual([...names].sort());
  });

  test('a migration that was done but not recorded is recorded', async () => {
    await migrateDatabase(database);
    await database.session((connection) => connection.write('DELETE FROM tcc_migrations WHERE version > 1'));
    expect(await migrateDatabase(database)).toEqual(names.slice(1));
  });

  test('a schema that is newer than the program is refused', async () => {
    await migrateDatabase(database);
    await database.session((connection) =>
      connection.write(
        "INSERT INTO tcc_migrations (version, name, checksum, applied_at) VALUES (9000, 'future', 'x', 1)",
      ),
    );
    const newer = { code: 'WRONG_STATE', message: expect.stringContaining('9000 (future)') as string };
    await expect(migrateDatabase(database)).rejects.toMatchObject(newer);
    await expect(migrationStatusOf(database)).rejects.toMatchObject(newer);
    await expect(openTestJournal(testDatabase.url)).rejects.toMatchObject(newer);
    await expect(openTestJournal(testDatabase.url, { migrate: false })).rejects.toMatchObject(newer);
  });

  test('an edited migration is refused', async () => {
    await migrateDatabase(database);
    const edited = migrations.map((each) => (each.version === 1 ? { ...each, checksum: 'other' } : each));
    await expect(migrateDatabase(database, edited)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('edited') as string,
    });
  });

  test('without leave to migrate, a schema that lacks something is refused', async () => {
    await expect(openTestJournal(testDatabase.url, { migrate: false })).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('tccd migrate') as string,
    });
    await migrate(testDatabase.url, timeouts, deps);
    const opened = await openTestJournal(testDatabase.url, { migrate: false });
    await opened.stop();
  });

  test('they make the schema that is checked in (UPDATE_SCHEMA=1 writes it)', async () => {
    await migrateDatabase(database);
    const file = join(packageRoot(), 'migrations', 'coordinator', `schema.${name}.sql`);
    const schema = await dumpSchema(database);
    if (process.env['UPDATE_SCHEMA'] === '1') writeFileSync(file, schema);
    expect(schema).toBe(readFileSync(file, 'utf8'));
  });
});
