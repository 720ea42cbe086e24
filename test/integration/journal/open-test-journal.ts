import { systemClock } from '../../../src/lib/clock';
import { silentLogger } from '../../../src/lib/logger';
import { systemRandom } from '../../../src/lib/random';
import { openJournal, type JournalOptions, type OpenJournal } from '../../../src/journal/open';

/** Opens a journal as the daemon does, with what the test says differently. */
export function openTestJournal(databaseUrl: string, changes: Partial<JournalOptions> = {}): Promise<OpenJournal> {
  const options: JournalOptions = {
    databaseUrl,
    lanes: 2,
    batchSize: 512,
    retentionMs: 60_000,
    connectTimeoutMs: 2_000,
    queryTimeoutMs: 5_000,
    migrate: true,
    durability: 'warn',
    ...changes,
  };
  return openJournal(options, { logger: silentLogger, clock: systemClock, random: systemRandom });
}
