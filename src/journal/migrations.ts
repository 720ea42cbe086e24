import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { TccError, isTccError } from '../lib/errors';
import { packageRoot } from '../lib/package-root';

import { isFault, type Connection, type Database } from './database';
import { number, text } from './rows';

/** One step of the schema: one DDL statement, in a file that is never edited once it was released. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

export interface MigrationStatus {
  readonly version: number;
  readonly name: string;
  /** Epoch ms of the database's clock; undefined when it is still to come. */
  readonly appliedAtMs: number | undefined;
}

const FOLDER = join(packageRoot(), 'migrations', 'coordinator');

/** Another starter that migrates is waited for so long: DDL on large tables takes its time. */
const LOCK_SECONDS = 60;

const MIGRATIONS_TABLE = `CREATE TABLE IF NOT EXISTS tcc_migrations (
  version    BIGINT NOT NULL PRIMARY KEY,
  name       VARCHAR(128) NOT NULL,
  checksum   VARCHAR(64) NOT NULL,
  applied_at BIGINT NOT NULL
)`;

const MYSQL_TABLE_OPTIONS = ' ENGINE = InnoDB DEFAULT CHARACTER SET ascii COLLATE ascii_bin';

/** Their DDL was done, and the crash came before the record: table, column or key exists; column or key is gone. */
const ALREADY_DONE = new Set([1050, 1060, 1061, 1091]);

/** The migrations of a dialect, in order, read from `folder`. */
export function readMigrations(dialect: 'mysql' | 'sqlite', folder = FOLDER): readonly Migration[] {
  const pattern = new RegExp(`^(\\d{4})_(\\w+)\\.${dialect}\\.sql$`);
  return readdirSync(folder)
    .sort()
    .flatMap((file) => {
      const [, version, name] = pattern.exec(file) ?? [];
      if (version === undefined || name === undefined) return [];
      const sql = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim();
      return [{ version: Number(version), name, sql, checksum: createHash('sha256').update(sql).digest('hex') }];
    });
}

/**
 * Brings the schema up to date; safe to call from several starters at once. Returns the names of what was applied.
 * Throws WRONG_STATE when the schema is newer than this program, or a migration was edited after it had been applied.
 */
export function migrateDatabase(
  database: Database,
  migrations = readMigrations(database.dialect.name),
): Promise<readonly string[]> {
  return database.dialect.name === 'sqlite'
    ? database.transaction((connection) => applyPending(connection, database, migrations))
    : database.session((connection) => withLock(connection, () => applyPending(connection, database, migrations)));
}

/** Which migrations are applied and which are to come. Throws like `migrateDatabase`. */
export function migrationStatusOf(
  database: Database,
  migrations = readMigrations(database.dialect.name),
): Promise<readonly MigrationStatus[]> {
  return database.session(async (connection) => {
    const applied = (await hasMigrationsTable(connection, database))
      ? await readApplied(connection)
      : new Map<number, Applied>();
    check(applied, migrations);
    return migrations.map(({ version, name }) => ({ version, name, appliedAtMs: applied.get(version)?.atMs }));
  });
}

interface Applied {
  readonly name: string;
  readonly checksum: string;
  readonly atMs: number;
}

async function applyPending(
  connection: Connection,
  database: Database,
  migrations: readonly Migration[],
): Promise<readonly string[]> {
  if (!(await hasMigrationsTable(connection, database))) {
    await connection.write(MIGRATIONS_TABLE + (database.dialect.name === 'mysql' ? MYSQL_TABLE_OPTIONS : ''));
  }
  const applied = await readApplied(connection);
  check(applied, migrations);
  const pending = migrations.filter(({ version }) => !applied.has(version));
  for (const { version, name, sql, checksum } of pending) {
    await applyOne(connection, sql);
    await connection.write(
      `INSERT INTO tcc_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ${database.dialect.now})`,
      [version, name, checksum],
    );
  }
  return pending.map(({ name }) => name);
}

/** On MySQL DDL commits by itself: a crash right after it leaves it done and not recorded. */
async function applyOne(connection: Connection, sql: string): Promise<void> {
  try {
    await connection.write(sql);
  } catch (error) {
    const { errno } = (isFault(error, 'rejected') ? error.cause : undefined) as { errno?: unknown };
    if (typeof errno !== 'number' || !ALREADY_DONE.has(errno)) throw error;
  }
}

async function hasMigrationsTable(connection: Connection, database: Database): Promise<boolean> {
  const catalogue =
    database.dialect.name === 'sqlite'
      ? "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'tcc_migrations'"
      : "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'tcc_migrations'";
  return (await connection.read(catalogue)).length > 0;
}

async function readApplied(connection: Connection): Promise<ReadonlyMap<number, Applied>> {
  const rows = await connection.read('SELECT version, name, checksum, applied_at FROM tcc_migrations');
  return new Map(
    rows.map((row) => [
      number(row, 'version'),
      { name: text(row, 'name'), checksum: text(row, 'checksum'), atMs: number(row, 'applied_at') },
    ]),
  );
}

function check(applied: ReadonlyMap<number, Applied>, migrations: readonly Migration[]): void {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const [version, { name, checksum }] of applied) {
    const migration = known.get(version);
    if (migration === undefined) {
      throw new TccError(
        'WRONG_STATE',
        `the database's schema is newer than this program: it has migration ${version} (${name}), which this program does not know. Run the newer program.`,
      );
    }
    if (migration.checksum !== checksum) {
      throw new TccError(
        'WRONG_STATE',
        `migration ${version} (${migration.name}) was edited after it had been applied: migrations only go forward.`,
      );
    }
  }
}

async function withLock<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  // Lock names are the whole server's, and at most 64 characters long.
  const lock = "CONCAT('tcc_migrations:', LEFT(DATABASE(), 48))";
  const [row] = await connection.read(`SELECT GET_LOCK(${lock}, ${LOCK_SECONDS}) AS taken`);
  if (row?.['taken'] !== 1) {
    throw new TccError('JOURNAL_UNAVAILABLE', 'another program is migrating the database and does not come to an end');
  }
  try {
    return await work();
  } finally {
    // When the connection broke, the server has released the lock already.
    await connection.read(`SELECT RELEASE_LOCK(${lock}) AS released`).catch((error: unknown) => {
      if (!isFault(error) && !isTccError(error)) throw error;
    });
  }
}
