import { DatabaseSync } from '@photostructure/sqlite';
import BetterSqlite3Client from 'knex/lib/dialects/better-sqlite3/index.js';

type Bindings = (string | number | null | Uint8Array)[];

/** How long a write waits for another process that is writing the same file, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000;

/** The few methods of better-sqlite3 that knex calls, over a driver that needs no compiler to install. */
class SqliteFile {
  private readonly file: InstanceType<typeof DatabaseSync>;

  constructor(path: string) {
    this.file = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    // A write-ahead log lets others read while one writes; FULL means that a commit survives a power cut.
    this.file.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  }

  prepare(sql: string) {
    const statement = this.file.prepare(sql);
    return {
      reader: statement.columns().length > 0,
      all: (bindings: Bindings) => statement.all(...bindings) as unknown[],
      run: (bindings: Bindings) => statement.run(...bindings),
    };
  }

  close(): void {
    this.file.close();
  }
}

/** Knex's own SQLite dialect on that driver. */
export class SqliteClient extends BetterSqlite3Client {
  protected override _driver(): typeof SqliteFile {
    return SqliteFile;
  }
}
