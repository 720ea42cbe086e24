/** What the program does with its command line: a command, then an exit code. */
import { migrate, migrationStatus } from '../journal/open';
import { systemClock } from '../lib/clock';
import { isTccError } from '../lib/errors';
import { systemRandom } from '../lib/random';
import { ConfigFaults, loadConfig, maskUrl, printConfig } from './config';
import { type ExitCode, exitCodes } from './exit-codes';
import { createLogger, type DaemonLogger } from './log';
import { nearest } from './nearest';
import { serve } from './serve';
import type { Config } from './settings';
import { StartError, startJournal } from './start-journal';
import type { Surroundings } from './surroundings';
import { usage } from './usage';

const commands = ['serve', 'migrate', 'config'] as const;
type Command = (typeof commands)[number];

/** Runs one command; resolves with the exit code. Never rejects. */
export async function main(around: Surroundings): Promise<ExitCode> {
  const switches = new Set(['--help', '-h', '--version', '--status'].filter((name) => around.args.includes(name)));
  const args = around.args.filter((arg) => !switches.has(arg));
  if (switches.has('--help') || switches.has('-h')) return printed(around, usage());
  if (switches.has('--version')) return printed(around, `${around.version}\n`);
  try {
    const { config, words } = loadConfig({ ...around, args });
    const command = commandOf(words, switches);
    if (command === 'config') return printed(around, printConfig(config));
    const logger = createLogger(config.log.level, config.coordinatorId);
    const stopWatching = around.onBug((error) => die(around, logger, error));
    try {
      if (command === 'serve') return await serve(config, around, logger);
      return switches.has('--status')
        ? await showMigrations(config, around, logger)
        : await runMigrations(config, logger);
    } catch (error) {
      return failedStart(logger, error);
    } finally {
      stopWatching();
    }
  } catch (error) {
    if (!(error instanceof ConfigFaults)) throw error;
    around.complain(`tccd: ${error.message}\n`);
    return exitCodes.usage;
  }
}

function commandOf(words: readonly string[], switches: ReadonlySet<string>): Command {
  const [word = 'serve', ...more] = words;
  const command = commands.find((each) => each === word);
  const faults: string[] = [];
  if (command === undefined) {
    const meant = nearest(word, commands);
    faults.push(`command ${word} is unknown; write ${meant ?? 'one of serve, migrate, config'}`);
  }
  if (more.length > 0) faults.push(`there is more after the command: ${more.join(' ')}; write one command`);
  if (switches.has('--status') && command !== 'migrate') faults.push('flag --status belongs to tccd migrate');
  if (command === undefined || faults.length > 0) throw new ConfigFaults(faults);
  return command;
}

function printed(around: Surroundings, text: string): ExitCode {
  around.print(text);
  return exitCodes.ok;
}

/** A bug leaves memory in a state that nobody knows; the journal's is known, so the process ends and starts anew from there. */
function die(around: Surroundings, logger: DaemonLogger, error: unknown): void {
  logger.fatal({ err: error }, 'a bug stops this coordinator; the journal carries its transactions on');
  around.exit(exitCodes.bug);
}

/** Reasons that an operator can act on are told as such; anything else keeps its stack. */
function failedStart(logger: DaemonLogger, error: unknown): ExitCode {
  const known = error instanceof StartError || isTccError(error);
  const reason = error instanceof Error ? error.message : String(error);
  logger.fatal(known ? { reason } : { reason, err: error }, 'tccd could not start');
  return exitCodes.failed;
}

async function runMigrations(config: Config, logger: DaemonLogger): Promise<ExitCode> {
  const deps = { clock: systemClock, random: systemRandom, logger };
  const migrated = () => migrate(config.databaseUrl, config.database, deps);
  const applied = await startJournal(migrated, config.database, deps, new AbortController().signal);
  logger.info({ database: maskUrl(config.databaseUrl), migrations: applied }, 'the schema is up to date');
  return exitCodes.ok;
}

async function showMigrations(config: Config, around: Surroundings, logger: DaemonLogger): Promise<ExitCode> {
  const deps = { clock: systemClock, random: systemRandom, logger };
  const migrations = await migrationStatus(config.databaseUrl, config.database, deps);
  for (const { version, name, appliedAtMs } of migrations) {
    const state = appliedAtMs === undefined ? 'to come' : `applied ${new Date(appliedAtMs).toISOString()}`;
    around.print(`${String(version).padStart(4, '0')} ${name.padEnd(24)} ${state}\n`);
  }
  return migrations.some(({ appliedAtMs }) => appliedAtMs === undefined) ? exitCodes.pending : exitCodes.ok;
}
