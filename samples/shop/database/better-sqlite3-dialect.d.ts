declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';

  /** Knex's SQLite dialect. It asks `_driver` for the class that opens a file. */
  export default class BetterSqlite3Client extends Knex.Client {
    protected _driver(): unknown;
  }
}
