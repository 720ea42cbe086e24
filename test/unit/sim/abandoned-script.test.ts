import { SimulatedDatabase } from '../../../sim/database/connection';
import { DatabaseServer, type Session } from '../../../sim/database/server';
import { Chance } from '../../../sim/kernel/chance';
import { Coverage } from '../../../sim/kernel/coverage';
import { Faults, nothingOmitted } from '../../../sim/kernel/faults';
import { Scheduler } from '../../../sim/kernel/scheduler';
import { Trace } from '../../../sim/kernel/trace';
import type { BeginStep } from '../../../src/engine/step';
import { planOf } from '../../../src/journal/plan';
import { scriptOf } from '../../../src/journal/script';

const payload = { data: Buffer.from('x'), contentType: '' };
const branch = (branchId: string) =>
  ({ branchId, participant: 'p', action: 'a', payload, triedBy: 'coordinator' }) as const;
const begin: BeginStep = {
  kind: 'begin',
  worker: 'w',
  dueInMs: 1_000,
  transaction: {
    gid: 'g',
    name: '',
    mode: 'execute',
    tryOrder: 'parallel',
    timeoutMs: 1_000,
    branches: [branch('b1'), branch('b2')],
  },
};

it('a script that waits for a lock when its client gives it up is done whole later, in one transaction', async () => {
  const scheduler = new Scheduler();
  const coverage = new Coverage();
  const chance = new Chance(1);
  const faults = new Faults(chance, nothingOmitted, { scheduler, coverage, trace: new Trace(scheduler, false) });
  faults.isHealed = true;
  const server = new DatabaseServer(scheduler, coverage);
  const commits: number[] = [];
  server.watch((changes) => commits.push(changes.length));
  const wire = { server, machine: scheduler.nature, scheduler, faults, chance, queryTimeoutMs: 100 };
  const database = new SimulatedDatabase(1, wire);
  const statements = scriptOf(planOf([begin]), database.dialect, 60_000).map(({ statement }) => statement);

  const holder: Session = { transaction: undefined, stampedMs: 0, who: 'holder' };
  const [insert] = statements;
  if (insert === undefined) throw new Error('there is no statement');
  server.begin(holder);
  server.execute(holder, insert.text, insert.values, () => undefined);

  const script = database.script(statements);
  const given = expect(script).rejects.toMatchObject({ kind: 'unknown' });
  await new Promise((resolve) => setImmediate(resolve));
  scheduler.run(200, () => false);
  await given;
  server.rollback(holder.transaction);
  scheduler.run(400, () => false);
  expect(commits).toEqual([3]);
  expect(server.transactions).toBe(0);
});
