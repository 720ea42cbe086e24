import type { Database } from './database';
import { parseDatabaseUrl } from './database-url';
import { MysqlDatabase, type MysqlOptions } from './mysql';
import { SqliteDatabase } from './sqlite';

/** Makes a Database for the URL; SQLite needs no options. Nothing is connected yet. Throws INVALID_REQUEST when the URL is not usable. */
export function connectDatabase(databaseUrl: string, options: MysqlOptions): Database {
  const address = parseDatabaseUrl(databaseUrl);
  return address.kind === 'sqlite' ? new SqliteDatabase(address.path) : new MysqlDatabase(address, options);
}
