import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { postgresDatabases, sqlDatabases, type TestDatabases } from '../../support/databases';

describe('the test databases', () => {
  const given = { ...process.env };

  afterEach(() => {
    process.env = { ...given };
  });

  function named(name: 'sqlite' | 'mysql'): TestDatabases<'sqlite' | 'mysql'> {
    const found = sqlDatabases().find((database) => database.name === name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  it('give each caller a SQLite folder of its own and remove it', async () => {
    const [one, other] = [await named('sqlite').create(), await named('sqlite').create()];
    expect(one.url).not.toBe(other.url);
    const folders = [one, other].map(({ url }) => dirname(url.replace(/^sqlite:/, '')));
    expect(folders.map((folder) => existsSync(folder))).toEqual([true, true]);
    await Promise.all([one.drop(), other.drop()]);
    expect(folders.map((folder) => existsSync(folder))).toEqual([false, false]);
  });

  it('say what to do when no MySQL server is named', async () => {
    delete process.env['TCC_TEST_MYSQL_URL'];
    await expect(named('mysql').create()).rejects.toThrow('run the suites through `npm test`');
  });

  it('leave PostgreSQL out when no server is named', () => {
    delete process.env['TCC_TEST_POSTGRES_URL'];
    expect(postgresDatabases()).toEqual([]);
    process.env['TCC_TEST_POSTGRES_URL'] = 'postgres://postgres@127.0.0.1:1/postgres';
    expect(postgresDatabases().map(({ name }) => name)).toEqual(['postgres']);
  });
});
