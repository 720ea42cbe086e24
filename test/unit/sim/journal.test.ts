import { SimulatedDatabase } from '../../../sim/database/connection';
import { DatabaseServer } from '../../../sim/database/server';
import { Chance } from '../../../sim/kernel/chance';
import { Coverage } from '../../../sim/kernel/coverage';
import { Faults, nothingOmitted } from '../../../sim/kernel/faults';
import { Scheduler } from '../../../sim/kernel/scheduler';
import { Trace } from '../../../sim/kernel/trace';
import { Batcher } from '../../../src/journal/batcher';
import type { Journal } from '../../../src/journal/journal';
import { Retrier } from '../../../src/journal/retry';
import { SqlJournal } from '../../../src/journal/sql-journal';
import { SqlStore } from '../../../src/journal/store';
import { systemClock } from '../../../src/lib/clock';
import { systemRandom } from '../../../src/lib/random';
import { beginConformance } from '../../integration/journal/begin-conformance';
import { readingConformance } from '../../integration/journal/reading-conformance';
import { stepConformance } from '../../integration/journal/step-conformance';

/** The simulated world's time goes on with the real one. */
const scheduler = new Scheduler();
const startedMs = systemClock.monotonicMs();
let isOver = false;

function pump(): void {
  scheduler.run(systemClock.monotonicMs() - startedMs, () => false);
  if (!isOver) setImmediate(pump);
}

function open(retentionMs: number): Journal {
  const coverage = new Coverage();
  const chance = new Chance(1);
  const faults = new Faults(chance, nothingOmitted, { scheduler, coverage, trace: new Trace(scheduler, false) });
  faults.isHealed = true;
  const server = new DatabaseServer(scheduler, coverage);
  const wire = { server, machine: scheduler.nature, scheduler, faults, chance, queryTimeoutMs: 5_000 };
  const [steps, others] = [new SimulatedDatabase(2, wire), new SimulatedDatabase(4, wire)];
  const retrier = new Retrier({ queryTimeoutMs: 5_000 }, { clock: systemClock, random: systemRandom });
  const batcher = new Batcher(new SqlStore(steps, retrier, retentionMs), {
    lanes: 2,
    batchSize: 512,
    queueSize: 100_000,
  });
  return new SqlJournal(others, batcher, retrier);
}

describe('the SQL of the journal on the simulated database is a journal', () => {
  beforeAll(() => {
    setImmediate(pump);
  });
  afterAll(() => {
    isOver = true;
  });
  const journal = open(60_000);
  describe('steps', () => {
    beginConformance(() => journal);
    stepConformance(() => journal);
  });
  describe('reading, claiming and purging', () =>
    readingConformance((retentionMs) => Promise.resolve(open(retentionMs))));
});
