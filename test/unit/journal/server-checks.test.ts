import { silentLogger, type LogLine } from '../../../src/lib/logger';
import type { Connection, Database } from '../../../src/journal/database';
import { mysqlDialect, sqliteDialect } from '../../../src/journal/dialect';
import { checkServer } from '../../../src/journal/server-checks';

function server(variables: Readonly<Record<string, string>>): Database {
  const connection: Connection = {
    read: (_sql, [name] = []) => {
      const value = variables[String(name)];
      return Promise.resolve(value === undefined ? [] : [{ Variable_name: String(name), Value: value }]);
    },
    write: () => Promise.reject(new Error('nothing is written')),
  };
  return {
    dialect: mysqlDialect,
    label: 'db:3306/tcc',
    session: (work) => work(connection),
    transaction: (work) => work(connection),
    script: () => Promise.reject(new Error('nothing is written')),
    close: () => Promise.resolve(),
  };
}

const sound = { version: '8.4.2', innodb_flush_log_at_trx_commit: '1', max_allowed_packet: '67108864' };

describe('the check of the database server', () => {
  const warnings: string[] = [];
  const warn: LogLine = (_fields, message) => warnings.push(message);
  const logger = { ...silentLogger, warn };

  beforeEach(() => {
    warnings.length = 0;
  });

  test.each([
    '8.0.36',
    '9.7.4-2',
    '10.6.0-MariaDB',
    '10.11.19-MariaDB-0+deb12u1',
    '5.5.5-10.6.1-MariaDB',
    '8.0.11-TiDB-v7.5',
  ])('%s is new enough', async (version) => {
    await checkServer(server({ ...sound, version }), 'refuse', logger);
    expect(warnings).toEqual([]);
  });

  test.each(['5.7.44', '10.5.9-MariaDB', '5.5.5-10.4.1-MariaDB'])('%s is refused', async (version) => {
    await expect(checkServer(server({ ...sound, version }), 'warn', logger)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining('the oldest that works') as string,
    });
  });

  test('a server that may lose commits is warned about, or refused where that is asked for', async () => {
    const lax = server({ ...sound, innodb_flush_log_at_trx_commit: '2' });
    await checkServer(lax, 'warn', logger);
    expect(warnings).toEqual(['the database may lose commits']);
    await expect(checkServer(lax, 'refuse', logger)).rejects.toMatchObject({ code: 'WRONG_STATE' });
  });

  test.each([
    ['a binary log that is not flushed at each commit', { log_bin: 'ON', sync_binlog: '0' }, 'sync_binlog is 0'],
    [
      'a group in which a new primary answers before it has caught up',
      { group_replication_group_name: 'g', group_replication_consistency: 'EVENTUAL' },
      'group_replication_consistency is EVENTUAL',
    ],
  ])('so is %s', async (_what, variables, why) => {
    const lax = server({ ...sound, ...variables });
    await checkServer(lax, 'warn', logger);
    expect(warnings).toEqual(['the database may lose commits']);
    await expect(checkServer(lax, 'refuse', logger)).rejects.toMatchObject({
      code: 'WRONG_STATE',
      message: expect.stringContaining(why) as string,
    });
  });

  test('a binary log that is off, or flushed at each commit, is sound', async () => {
    await checkServer(server({ ...sound, log_bin: 'OFF', sync_binlog: '0' }), 'refuse', logger);
    await checkServer(server({ ...sound, log_bin: 'ON', sync_binlog: '1' }), 'refuse', logger);
    expect(warnings).toEqual([]);
  });

  test('a server without that setting is not warned about', async () => {
    const { version, max_allowed_packet } = sound;
    await checkServer(server({ version, max_allowed_packet }), 'refuse', logger);
    expect(warnings).toEqual([]);
  });

  test('a small packet limit is warned about', async () => {
    await checkServer(server({ ...sound, max_allowed_packet: '1048576' }), 'refuse', logger);
    expect(warnings).toEqual(['large payloads will be refused by the database']);
  });

  test('SQLite needs no check', async () => {
    await checkServer({ ...server({}), dialect: sqliteDialect }, 'refuse', logger);
    expect(warnings).toEqual([]);
  });
});
