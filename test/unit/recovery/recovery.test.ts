import { TccError } from '../../../src/lib/errors';
import type { Logger } from '../../../src/lib/logger';
import type { Transaction } from '../../../src/engine/model';
import { Recovery, type RecoveryOptions, type Resumer } from '../../../src/recovery/recovery';
import { away, MemoryJournal, type JournalCall } from '../../support/memory-journal';
import { settle, VirtualClock } from '../../support/virtual-clock';
import { newTransaction } from '../engine/builders';

const LEASE_MS = 6_000;
const SCAN_MS = 500;

let clock: VirtualClock;
let journal: MemoryJournal;
let log: string[];
/** The journal's calls, in order. */
let calls: JournalCall['method'][];
/** What was resumed and not let go of yet. */
let carried: { readonly gid: string; readonly letGo: () => void; readonly fail: (error: Error) => void }[];
let held: readonly string[];

const resumer: Resumer = {
  resume: (transactions: readonly Transaction[]) =>
    Promise.all(
      transactions.map(
        ({ gid }) => new Promise<void>((resolve, reject) => carried.push({ gid, letGo: resolve, fail: reject })),
      ),
    ).then(() => undefined),
  heldFor: () => held,
};

function recovery(change: Partial<RecoveryOptions> = {}): Recovery {
  const line = (level: string) => (fields: { job?: string; gid?: string }, message: string) => {
    log.push(`${level} ${fields.job ?? fields.gid ?? ''} ${message}`);
  };
  const quiet = () => undefined;
  const logger: Logger = {
    debug: quiet,
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: () => logger,
  };
  const options = { worker: 'me', leaseMs: LEASE_MS, scanMs: SCAN_MS, scanSize: 100, ...change };
  return new Recovery(options, { journal, coordinator: resumer, clock, random: () => 0, logger });
}

async function begin(gid: string, dueInMs: number, worker = 'dead'): Promise<void> {
  await journal.append({ kind: 'begin', transaction: newTransaction({ gid, timeoutMs: 3_600_000 }), worker, dueInMs });
}

beforeEach(() => {
  clock = new VirtualClock();
  journal = new MemoryJournal({ clock, retentionMs: 1_000 });
  log = [];
  calls = [];
  carried = [];
  held = [];
  journal.hooks.before = ({ method }) => void calls.push(method);
});

const count = (method: JournalCall['method']) => calls.filter((each) => each === method).length;

describe('the scanner', () => {
  test('takes what is due at once when it starts, and claims it for a lease', async () => {
    await begin('g', 0);
    const scanner = recovery();
    scanner.start();
    await clock.advance(0);
    expect(carried.map(({ gid }) => gid)).toEqual(['g']);
    expect(journal.peek('g')).toMatchObject({ worker: 'me', epoch: 1, dueAt: clock.wallMs() + LEASE_MS });
    await scanner.stop();
  });

  test('takes nothing before it is due, and what is due within a scan period on time', async () => {
    await begin('soon', 123);
    await begin('later', 10_000);
    const scanner = recovery();
    scanner.start();
    await clock.advance(122);
    expect(carried).toEqual([]);
    await clock.advance(1);
    expect(carried.map(({ gid }) => gid)).toEqual(['soon']);
    await scanner.stop();
  });

  test('looks again after a scan period at the latest: others may have made something due', async () => {
    const scanner = recovery();
    scanner.start();
    await clock.advance(10);
    await begin('g', 0);
    await clock.advance(SCAN_MS);
    expect(carried).toHaveLength(1);
    await scanner.stop();
  });

  test('takes at most a scan’s size at a time, and goes on at once while there is more', async () => {
    for (let i = 0; i < 25; i += 1) await begin(`g${i}`, 0);
    const scanner = recovery({ scanSize: 10 });
    scanner.start();
    await clock.advance(0);
    expect(carried).toHaveLength(25);
    expect(count('claim')).toBe(3);
    await scanner.stop();
  });

  test('carries on 2,000 at once and no more; each that is let go of makes room', async () => {
    for (let i = 0; i < 2_100; i += 1) await begin(`g${i}`, 0);
    const scanner = recovery({ scanSize: 500 });
    scanner.start();
    await clock.advance(2_000);
    expect(carried).toHaveLength(2_000);
    for (const { letGo } of carried.slice(0, 30)) letGo();
    await clock.advance(20);
    expect(carried).toHaveLength(2_030);
    await scanner.stop();
  });

  test('begins with 128, and one more for each that is let go of; after a second with as many as may be', async () => {
    for (let i = 0; i < 2_300; i += 1) await begin(`g${i}`, 0);
    const scanner = recovery({ scanSize: 500 });
    scanner.start();
    await clock.advance(100);
    expect(carried).toHaveLength(128);
    for (const { letGo } of carried.splice(0)) letGo();
    await clock.advance(20);
    expect(carried).toHaveLength(256);
    await clock.advance(870);
    expect(carried).toHaveLength(256);
    await clock.advance(20);
    expect(carried).toHaveLength(2_000);
    await scanner.stop();
  });

  test('leaves half of what the coordinator may hold to new transactions', async () => {
    for (let i = 0; i < 10; i += 1) await begin(`g${i}`, 0);
    const scanner = recovery({ openTransactions: 5 });
    scanner.start();
    await clock.advance(1_000);
    expect(carried).toHaveLength(3);
    await scanner.stop();
  });

  test('costs the database nothing while it is full', async () => {
    for (let i = 0; i < 2_001; i += 1) await begin(`g${i}`, 0);
    const scanner = recovery({ scanSize: 500 });
    scanner.start();
    await clock.advance(2_000);
    expect(carried).toHaveLength(2_000);
    const before = count('due');
    await clock.advance(1_000);
    expect(count('due')).toBe(before);
    await scanner.stop();
  });

  test('does not spin when others take what it has found', async () => {
    for (let i = 0; i < 10; i += 1) await begin(`g${i}`, 0);
    journal.claim = () => Promise.resolve([]);
    const scanner = recovery({ scanSize: 100 });
    scanner.start();
    await clock.advance(5_000);
    expect(count('due')).toBeLessThan(15);
    await scanner.stop();
  });

  test('of two, each due transaction goes to one', async () => {
    for (let i = 0; i < 20; i += 1) await begin(`g${i}`, 0);
    const scanners = [recovery({ worker: 'one' }), recovery({ worker: 'two' })];
    for (const each of scanners) each.start();
    await clock.advance(1_000);
    expect(carried).toHaveLength(20);
    expect(new Set(carried.map(({ gid }) => gid)).size).toBe(20);
    for (const each of scanners) await each.stop();
  });
});

describe('an outage', () => {
  test('ends a round and not the scanner: it says so once, tries later and later, and goes on', async () => {
    const scanner = recovery();
    journal.hooks.before = ({ method }) => {
      calls.push(method);
      throw away();
    };
    scanner.start();
    await clock.advance(60_000);
    expect(log.filter((line) => line.includes(' scan '))).toEqual(['warn scan a round of a job failed; trying again']);
    expect(count('due')).toBeLessThan(20);
    await begin('g', 0).catch(() => undefined);
    journal.hooks.before = undefined;
    await begin('g', 0);
    await clock.advance(5_000);
    expect(carried).toHaveLength(1);
    expect(log).toContain('info scan a job works again');
    await scanner.stop();
    expect(clock.pending).toBe(0);
  });

  test('that is a bug is said each time', async () => {
    const scanner = recovery();
    journal.due = () => Promise.reject(new TccError('BROKEN_INVARIANT', 'no such column'));
    scanner.start();
    await clock.advance(2_000);
    expect(log.length).toBeGreaterThan(1);
    await scanner.stop();
  });

  test('of one transaction is no matter for the others', async () => {
    await begin('bad', 0);
    const scanner = recovery();
    scanner.start();
    await clock.advance(0);
    carried[0]?.fail(new Error('poison'));
    await settle();
    expect(log).toEqual(['error bad a due transaction could not be carried on']);
    await begin('good', 0);
    await clock.advance(SCAN_MS);
    expect(carried.map(({ gid }) => gid)).toEqual(['bad', 'good']);
    await scanner.stop();
  });
});

describe('leases', () => {
  test('of what is in hand are renewed before they are over', async () => {
    await begin('g', LEASE_MS, 'me');
    held = ['g'];
    const scanner = recovery();
    scanner.start();
    for (let passed = 0; passed < 60_000; passed += 100) {
      await clock.advance(100);
      expect(journal.peek('g')?.dueAt).toBeGreaterThan(clock.wallMs());
    }
    expect(carried).toEqual([]);
    await scanner.stop();
  });

  test('are renewed 500 at a time', async () => {
    held = Array.from({ length: 1_200 }, (_, i) => `g${i}`);
    const scanner = recovery();
    scanner.start();
    await clock.advance(0);
    expect(count('renew')).toBe(3);
    await scanner.stop();
  });

  test('of nothing cost nothing', async () => {
    const scanner = recovery();
    scanner.start();
    await clock.advance(60_000);
    expect(count('renew')).toBe(0);
    await scanner.stop();
  });
});

describe('the purge', () => {
  async function finished(gid: string): Promise<void> {
    await begin(gid, LEASE_MS);
    const decide = {
      kind: 'decide',
      gid,
      to: 'CONFIRMING',
      reason: undefined,
      branchCount: 2,
      epoch: undefined,
    } as const;
    await journal.append({ ...decide, deadline: 'any', dueInMs: 1_000, worker: 'me', branches: [], attempts: [] });
    await journal.append({ kind: 'finish', gid, to: 'CONFIRMED', attempts: [] });
  }

  test('clears what is past its retention, and nothing before (I12)', async () => {
    await finished('g');
    await begin('open', 3_600_000);
    const scanner = recovery();
    scanner.start();
    await clock.advance(999);
    expect(journal.peek('g')).toBeDefined();
    await clock.advance(10_000);
    expect(journal.peek('g')).toBeUndefined();
    expect(journal.peek('open')).toBeDefined();
    await scanner.stop();
  });

  test('goes 200 at a time, at once while there is more, and then rests', async () => {
    for (let i = 0; i < 450; i += 1) await finished(`g${i}`);
    await clock.advance(1_000);
    const scanner = recovery();
    scanner.start();
    await clock.advance(0);
    expect(journal.all()).toEqual([]);
    expect(count('purge')).toBe(3);
    await clock.advance(9_999);
    expect(count('purge')).toBe(3);
    await scanner.stop();
  });
});

describe('stop', () => {
  test('leaves no timer and starts nothing more (I13)', async () => {
    const scanner = recovery();
    scanner.start();
    await clock.advance(1_234);
    await scanner.stop();
    expect(clock.pending).toBe(0);
    const before = calls.length;
    await clock.advance(60_000);
    expect(calls).toHaveLength(before);
  });

  test('waits for the round under way, whose claim is still handed on', async () => {
    await begin('g', 0);
    let release: () => void = () => undefined;
    journal.hooks.before = ({ method }) =>
      method === 'claim' ? new Promise<void>((resolve) => (release = resolve)) : undefined;
    const scanner = recovery();
    scanner.start();
    await clock.advance(0);
    let stopped = false;
    const stopping = scanner.stop().then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    release();
    await stopping;
    expect(carried).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  test('of one that never started is no matter', async () => {
    await recovery().stop();
    expect(clock.pending).toBe(0);
  });
});
