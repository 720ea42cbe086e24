import { DatabaseSync } from '@photostructure/sqlite';
import knex, { type Knex } from 'knex';

/* eslint-disable @typescript-eslint/no-require-imports -- knex has no types for its clients */
const BetterSqlite3Client = require('knex/lib/dialects/better-sqlite3') as typeof Knex.Client;

/** What knex's better-sqlite3 client uses of a database, over one with node:sqlite's API. */
class BetterSqliteShim {
  private readonly database: InstanceType<typeof DatabaseSync>;

  constructor(path: string) {
    this.database = new DatabaseSync(path, { timeout: 5_000 });
  }

  prepare(sql: string): object {
    const statement = this.database.prepare(sql);
    return {
      reader: statement.columns().length > 0,
      all: (bindings: unknown[]) => statement.all(...bindings) as unknown,
      run: (bindings: unknown[]) => statement.run(...bindings),
    };
  }

  close(): void {
    this.database.close();
  }
}

class SqliteClient extends BetterSqlite3Client {
  _driver(): unknown {
    return BetterSqliteShim;
  }
}

/** knex on an SQLite file, as a participant would have it. */
export function knexOnSqlite(filename: string): Knex {
  return knex({ client: SqliteClient, connection: { filename }, useNullAsDefault: true });
}
