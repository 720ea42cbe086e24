import { twoBranches } from '../lab/cluster';
import { atLeast, atMost, type Figure, informs, type Lab, stage } from '../lab/lab';
import { cpuOf, inTurn, medianOf, sample, throughput } from '../lab/measure';

/** What the whole adds to the SQL that it needs, and how much SQL that is. */
export async function streams(lab: Lab): Promise<Figure[]> {
  const { processes, server, options } = lab;
  const { coordinator, participants, load } = await stage(lab);
  const alone = await processes.sqlAlone();
  const target = { databaseUrl: server.urlOf(await server.create('alone')) };
  const figures: Figure[] = [];
  for (const inFlight of [256, 1024]) {
    const results = await inTurn(options.rounds, {
      whole: () =>
        sample({ load, inFlight, target: twoBranches([coordinator]) }, options, {
          coordinator: coordinator.child,
          participants,
          server,
        }),
      alone: () => sample({ load: alone, inFlight, target }, options, { server }),
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
