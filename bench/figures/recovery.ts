import { performance } from 'node:perf_hooks';

import type { Child } from '../lab/child';
import { twoBranches } from '../lab/cluster';
import type { DatabaseServer } from '../lab/database';
import { atLeast, atMost, type Figure, type Lab, stage } from '../lab/lab';
import { beside, look, pause } from '../lab/measure';

const OPEN = 100_000;
/** New orders that come whatever else is going on. */
const PROBES_PER_SECOND = 100;
const STEADY_MS = 5_000;
const PATIENCE_MS = 120_000;
const POLL_MS = 100;

/**
 * The only coordinator is killed and leaves 100,000 open transactions, half of them undecided, half of them decided. How soon
 * the next one has carried them on, and what new orders notice of it.
 */
export async function recovery(lab: Lab): Promise<Figure[]> {
  const { processes, server } = lab;
  const { coordinator, load, databaseUrl } = await stage(lab);
  const target = twoBranches([coordinator]);
  const probes = { load, perSecond: PROBES_PER_SECOND, target };

  const steady = await beside({ load, inFlight: 256, target }, async (busy) => {
    await look(load, busy, 2_000);
    return beside(probes, async (probe) => {
      const [all, some] = await Promise.all([look(load, busy, STEADY_MS), look(load, probe, STEADY_MS)]);
      return { perSecond: all.perSecond + some.perSecond, p99Ms: some.p99Ms };
    });
  });

  await coordinator.child.kill();
  await leaveOpen(await processes.sqlAlone(), databaseUrl);
  const newest = await newestOf(server, databaseUrl);
  const next = await processes.tccd(databaseUrl, { TCC_LISTEN: coordinator.address });
  const started = performance.now();
  const meanwhile = await beside(probes, (probe) =>
    look(load, probe, async () => {
      while ((await openLeft(server, databaseUrl, newest)) > 0 && performance.now() - started < PATIENCE_MS) {
        await pause(POLL_MS);
      }
    }),
  );
  const { seconds } = meanwhile;
  const left = await openLeft(server, databaseUrl, newest);
  const rate = OPEN / seconds;
  const memory = next.child.residentMb().toFixed(0);
  return [
    {
      name: 'recovery of 100,000 open transactions / steady throughput',
      ...atLeast(0.5, left === 0 ? rate / steady.perSecond : 0),
      unit: '',
      note: `${seconds.toFixed(1)} s, ${rate.toFixed(0)} / ${steady.perSecond.toFixed(0)} tx/s; ${left} left open; ${memory} MiB`,
    },
    {
      name: "new orders' p99 during recovery / steady",
      ...atMost(5, meanwhile.p99Ms / steady.p99Ms),
      unit: '',
      note: `${meanwhile.p99Ms.toFixed(0)} / ${steady.p99Ms.toFixed(0)} ms, longest ${meanwhile.longestMs.toFixed(0)} ms; ${JSON.stringify(meanwhile.ends)}`,
    },
  ];
}

async function leaveOpen(sqlAlone: Child, databaseUrl: string): Promise<void> {
  for (const until of ['begun', 'decided'] as const) {
    const flow = until;
    await sqlAlone.ask('start', { flow, inFlight: 1_024, count: OPEN / 2, target: { databaseUrl, until } });
    await sqlAlone.ask('finish', { flow });
  }
}

/** How many of those up to `newest` are open. */
async function openLeft(server: DatabaseServer, databaseUrl: string, newest: string): Promise<number> {
  const [row] = await server.query(
    `SELECT COUNT(*) AS n FROM ${tableOf(databaseUrl)} WHERE is_open = 1 AND gid <= '${newest}'`,
  );
  return Number(row?.['n']);
}

async function newestOf(server: DatabaseServer, databaseUrl: string): Promise<string> {
  const [row] = await server.query(`SELECT MAX(gid) AS gid FROM ${tableOf(databaseUrl)}`);
  return String(row?.['gid']);
}

function tableOf(databaseUrl: string): string {
  return `${new URL(databaseUrl).pathname.slice(1)}.tcc_transactions`;
}
