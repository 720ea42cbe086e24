import { systemClock } from '../../../src/lib/clock';
import { readingConformance } from '../../integration/journal/reading-conformance';
import { stepConformance } from '../../integration/journal/step-conformance';
import { newTransaction } from '../engine/builders';
import { away, MemoryJournal } from '../../support/memory-journal';
import { VirtualClock } from '../../support/virtual-clock';

describe('the in-memory journal is a journal', () => {
  const journal = new MemoryJournal({ clock: systemClock, retentionMs: 60_000 });
  describe('steps', () => stepConformance(() => journal));
  describe('reading, claiming and purging', () =>
    readingConformance((retentionMs) => Promise.resolve(new MemoryJournal({ clock: systemClock, retentionMs }))));
});

describe('its hooks', () => {
  const begin = { kind: 'begin', transaction: newTransaction(), worker: 'me', dueInMs: 5_000 } as const;

  test('a call that fails before has done nothing', async () => {
    const journal = new MemoryJournal({ clock: new VirtualClock() });
    journal.hooks.before = () => {
      throw away();
    };
    await expect(journal.append(begin)).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(journal.peek('g')).toBeUndefined();
  });

  test('a call that fails after is done', async () => {
    const journal = new MemoryJournal({ clock: new VirtualClock() });
    journal.hooks.after = () => {
      throw away();
    };
    await expect(journal.append(begin)).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' });
    expect(journal.peek('g')).toMatchObject({ state: { status: 'TRYING' } });
  });

  test('a step that is read back stands, and is done', async () => {
    const journal = new MemoryJournal({ clock: new VirtualClock() });
    journal.hooks.after = () => 'read back';
    const result = await journal.append(begin);
    expect(result).toMatchObject({ kind: 'stands', current: { gid: 'g' } });
  });

  test('one gid twice in a commit is refused (J4)', async () => {
    const journal = new MemoryJournal({ clock: new VirtualClock() });
    await expect(journal.commit([begin, begin])).rejects.toMatchObject({ code: 'BROKEN_INVARIANT' });
  });
});
