import type { OpenJournal } from '../../../src/journal/open';
import { sqlDatabases, type TestDatabase } from '../../support/databases';
import { beginConformance } from './begin-conformance';
import { openTestJournal } from './open-test-journal';
import { readingConformance } from './reading-conformance';
import { stepConformance } from './step-conformance';

describe.each(sqlDatabases())('the journal on $name', ({ create }) => {
  const databases: TestDatabase[] = [];
  const journals: OpenJournal[] = [];

  const open = async (retentionMs: number) => {
    const database = await create();
    databases.push(database);
    const opened = await openTestJournal(database.url, { retentionMs });
    journals.push(opened);
    return opened.journal;
  };

  afterAll(async () => {
    for (const journal of journals) await journal.stop();
    for (const database of databases) await database.drop();
  });

  describe('steps', () => {
    let journal: OpenJournal['journal'];
    beforeAll(async () => {
      journal = await open(60_000);
    });
    beginConformance(() => journal);
    stepConformance(() => journal);
  });

  describe('reading, claiming and purging', () => {
    readingConformance(open);
  });
});
