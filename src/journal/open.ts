import type { Clock } from '../lib/clock';
import { TccError, isTccError } from '../lib/errors';
import { Lifecycle, type Stoppable } from '../lib/lifecycle';
import { silentLogger, type Logger } from '../lib/logger';
import type { Random } from '../lib/random';

import { ROWS_PER_STATEMENT } from './script';
import { Batcher, type BatcherCounters } from './batcher';
import { connectDatabases, type Databases } from './connect';
import { SqlCoordinatorStore } from './coordinator-store';
import type { CoordinatorStore } from './coordinators';
import { isFault, type Database } from './database';
import { labelOf, parseDatabaseUrl } from './database-url';
import type { Journal } from './journal';
import { migrateDatabase, migrationStatusOf, type MigrationStatus } from './migrations';
import { SqlParticipantStore } from './participant-store';
import type { ParticipantStore } from './participants';
import { Retrier } from './retry';
import { checkServer } from './server-checks';
import { SqlJournal } from './sql-journal';
import { SqlStore } from './store';

export interface JournalOptions {
  /** `sqlite:PATH`, `mysql://…` or `mariadb://…`, the latter two with one host or several; see parseDatabaseUrl. */
  readonly databaseUrl: string;
  /** Connections that commit batches side by side. */
  readonly lanes: number;
  /** Steps in one commit, at most 1,000. */
  readonly batchSize: number;
  /** How long a terminal transaction is kept before the purge may take it (I12). */
  readonly retentionMs: number;
  readonly connectTimeoutMs: number;
  /** For each statement. */
  readonly queryTimeoutMs: number;
  /** Whether to bring the schema up to date; otherwise a schema that is not is refused. */
  readonly migrate: boolean;
  /** What to do when the server may lose commits in a power cut. */
  readonly durability: 'warn' | 'refuse';
}

export interface Timing {
  readonly clock: Clock;
  readonly random: Random;
}

export interface JournalDeps extends Timing {
  readonly logger: Logger;
}

export interface OpenJournal extends Stoppable {
  readonly journal: Journal;
  readonly participants: ParticipantStore;
  readonly coordinators: CoordinatorStore;
  /** Where it is, without user and password. */
  readonly label: string;
  /** The host that takes writes now, as host:port, or the database file; undefined while none of several hosts does. */
  readonly host: string | undefined;
  /** What the batcher has done so far; for metrics. */
  readonly counters: Readonly<BatcherCounters>;
  /** The migrations, applied and to come. */
  migrationStatus(): Promise<readonly MigrationStatus[]>;
}

/**
 * Steps that wait or are being committed at most. A coordinator has fewer open transactions than that and at most a step
 * or two of each: it is only reached when the database stands still.
 */
const QUEUE_SIZE = 100_000;

/** A statement that changes the schema of a large table, or waits for another starter that does, may take so long. */
const MIGRATION_TIMEOUT_MS = 600_000;

/**
 * Connects, checks the server, migrates, and opens the journal. Stop it to answer what it accepted and close every connection.
 * Throws JOURNAL_UNAVAILABLE when the database cannot be reached (the caller may try again), INVALID_REQUEST for the
 * URL, WRONG_STATE for a database that must not be used as it is.
 */
export async function openJournal(options: JournalOptions, deps: JournalDeps): Promise<OpenJournal> {
  const lifecycle = new Lifecycle();
  const logger = deps.logger.child({ module: 'journal' });
  const databases = await lifecycle.start(() => connected(options, { ...deps, logger }));
  const { steps, others } = databases;
  try {
    await atStart(options, deps, () => checkServer(others, options.durability, logger));
    if (options.migrate) {
      const applied = await migrate(options.databaseUrl, options, deps);
      if (applied.length > 0) logger.info({ database: others.label, migrations: applied }, 'schema migrated');
    } else {
      await atStart(options, deps, () => refuseOldSchema(others));
    }
  } catch (error) {
    await lifecycle.stop();
    throw startError(error, steps.label);
  }
  const settings = { queryTimeoutMs: options.queryTimeoutMs };
  const followed = { ...deps, onMove: (moved: () => void) => databases.onMove(moved) };
  const retrier = new Retrier(settings, followed);
  // Stopped once the batcher is empty: a read that is tried again by then is nobody's any more.
  await lifecycle.start(() => ({
    name: 'journal reads',
    stop: () => {
      retrier.stop();
      return Promise.resolve();
    },
  }));
  const batcher = await lifecycle.start(() => {
    const store = new SqlStore(steps, new Retrier(settings, followed), options.retentionMs);
    const made = new Batcher(store, {
      lanes: options.lanes,
      batchSize: Math.min(options.batchSize, ROWS_PER_STATEMENT),
      queueSize: QUEUE_SIZE,
    });
    return Object.assign(made, { name: 'journal batcher', stop: () => made.close() });
  });
  return {
    name: 'journal',
    label: steps.label,
    get host() {
      return databases.host();
    },
    journal: new SqlJournal(others, batcher, retrier),
    participants: new SqlParticipantStore(others, retrier),
    coordinators: new SqlCoordinatorStore(others, retrier),
    counters: batcher.counters,
    migrationStatus: () => retrier.run(() => migrationStatusOf(others)),
    stop: () => lifecycle.stop(),
  };
}

/** Others that start at the same moment are waited for; a database that is not there is the caller's affair. */
function atStart<T>(options: { queryTimeoutMs: number }, deps: Timing, work: () => Promise<T>): Promise<T> {
  return new Retrier({ queryTimeoutMs: options.queryTimeoutMs, shortBreakMs: 0 }, deps).run(work);
}

/** Brings the schema of a database up to date; returns the names of the migrations that were applied. Throws like openJournal. */
export function migrate(databaseUrl: string, options: Timeouts, deps: Timing): Promise<readonly string[]> {
  return onDatabase(databaseUrl, options, deps, (database) => migrateDatabase(database));
}

/** Which migrations a database has and which are to come. Throws like openJournal. */
export function migrationStatus(
  databaseUrl: string,
  options: Timeouts,
  deps: Timing,
): Promise<readonly MigrationStatus[]> {
  return onDatabase(databaseUrl, options, deps, (database) => migrationStatusOf(database));
}

type Timeouts = Pick<JournalOptions, 'connectTimeoutMs' | 'queryTimeoutMs'>;

async function onDatabase<T>(
  databaseUrl: string,
  options: Timeouts,
  deps: Timing,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const { connectTimeoutMs } = options;
  const patient = { databaseUrl, connectTimeoutMs, queryTimeoutMs: MIGRATION_TIMEOUT_MS, lanes: 1 };
  const databases = await connected(patient, { ...deps, logger: silentLogger });
  try {
    return await atStart(options, deps, () => work(databases.others));
  } catch (error) {
    throw startError(error, databases.others.label);
  } finally {
    await databases.stop();
  }
}

/** Only the first look for a primary may fail; nothing else is connected yet. */
async function connected(
  options: Timeouts & Pick<JournalOptions, 'databaseUrl' | 'lanes'>,
  deps: JournalDeps,
): Promise<Databases> {
  const address = parseDatabaseUrl(options.databaseUrl);
  try {
    return await connectDatabases(address, options, deps);
  } catch (error) {
    if (!isFault(error) || address.kind === 'sqlite') throw error;
    throw startError(new TccError('JOURNAL_UNAVAILABLE', '', { cause: error }), labelOf(address));
  }
}

async function refuseOldSchema(database: Database): Promise<void> {
  const missing = (await migrationStatusOf(database)).filter((each) => each.appliedAtMs === undefined);
  if (missing.length === 0) return;
  const names = missing.map((each) => each.name).join(', ');
  throw new TccError('WRONG_STATE', `the schema of ${database.label} lacks ${names}: run \`tccd migrate\` first`);
}

/** Whoever starts the program sees in full what is wrong; without user and password. */
function startError(error: unknown, label: string): unknown {
  if (!isTccError(error)) return error;
  const { cause } = error;
  if (!isFault(cause)) return error;
  const { code } = (cause.cause ?? {}) as { code?: unknown };
  const why = cause.message === '' ? String(code) : cause.message;
  return new TccError(
    isFault(cause, 'rejected') ? 'WRONG_STATE' : 'JOURNAL_UNAVAILABLE',
    `the journal's database ${label} cannot be used: ${why}`,
    { cause },
  );
}
