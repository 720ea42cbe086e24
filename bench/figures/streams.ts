import { twoBranches } from '../lab/cluster';
import { atLeast, atMost, type Figure, informs, type Lab, stage } from '../lab/lab';
import { cpuOf, inTurn, medianOf, sample, throughput, warmUp } from '../lab/measure';

/**
 * So long until what runs once per batch is compiled as well: in its first five seconds a coordinator's compiler takes a tenth of its
 * time, and one that serves a shop has run for days.
 */
const WARM_UP_MS = 6_000;

/** What the whole adds to the SQL that it needs, and how much SQL that is. */
export async function streams(lab: Lab): Promise<Figure[]> {
  const { processes, server, options } = lab;
  const { coordinator, participants, load } = await stage(lab);
  const alone = await processes.sqlAlone();
  const sides = {
    whole: { load, target: twoBranches([coordinator]) },
    alone: { load: alone, target: { databaseUrl: server.urlOf(await server.create('alone')) } },
  };
  await warmUp(Object.values(sides), WARM_UP_MS);
  const figures: Figure[] = [];
  for (const inFlight of [256, 1024]) {
    const results = await inTurn(options.rounds, {
      whole: () =>
        sample({ ...sides.whole, inFlight }, options, { coordinator: coordinator.child, participants, server }),
      alone: () => sample({ ...sides.alone, inFlight }, options, { server }),
    });
    const [whole, bare] = [throughput(results.whole), throughput(results.alone)];
    const commits = medianOf(results.whole, (result) => result.commits);
    const roundTrips = medianOf(results.whole, (result) => result.roundTrips);
    const cpuUs = medianOf(results.whole, (result) => result.cpuUs.coordinator);
    const p99 = medianOf(results.whole, (result) => result.p99Ms);
    figures.push(
      {
        name: `throughput on streams, ${inFlight} in flight`,
        ...informs(whole),
        unit: 'tx/s',
        note: `p99 ${p99.toFixed(0)} ms; ${cpuOf(results.whole)}`,
      },
      {
        name: `throughput on streams / its SQL alone, ${inFlight} in flight`,
        ...atLeast(0.6, whole / bare),
        unit: '',
        note: `${whole.toFixed(0)} / ${bare.toFixed(0)} tx/s; alone ${cpuOf(results.alone)}`,
      },
    );
    if (inFlight !== 256) continue;
    figures.push(
      {
        name: 'SQL commits per transaction',
        ...atMost(0.05, commits),
        unit: '',
        note: `256 in flight; alone ${medianOf(results.alone, (result) => result.commits).toFixed(3)}`,
      },
      {
        name: 'SQL round trips per transaction',
        ...atMost(0.2, roundTrips),
        unit: '',
        note: `256 in flight; alone ${medianOf(results.alone, (result) => result.roundTrips).toFixed(3)}`,
      },
      {
        name: 'coordinator CPU per transaction',
        ...informs(cpuUs),
        unit: 'µs',
        note: '256 in flight',
      },
    );
  }
  return figures;
}
