import { type Coordinator, twoBranches } from '../lab/cluster';
import { atLeast, type Figure, type Lab } from '../lab/lab';
import { cpuOf, inTurn, sample, throughput } from '../lab/measure';

/** What the engine costs: tccd with a journal that does nothing against a relay that only passes the frames on. */
export async function engine({ processes, options }: Lab): Promise<Figure[]> {
  const coordinator = await processes.nullTccd();
  const relay = await processes.relay();
  const load = await processes.load();
  const inFlight = 256;
  const side = async (of: Coordinator) => {
    const participants = await processes.participants([of]);
    return () =>
      sample({ load, inFlight, target: twoBranches([of]) }, options, { coordinator: of.child, participants });
  };
  const results = await inTurn(options.rounds, {
    whole: await side(coordinator),
    relay: await side(relay),
  });
  const [whole, bare] = [throughput(results.whole), throughput(results.relay)];
  return [
    {
      name: 'throughput with a journal that does nothing / a bare relay',
      ...atLeast(0.5, whole / bare),
      unit: '',
      note: `256 in flight; ${whole.toFixed(0)} / ${bare.toFixed(0)} tx/s; ${cpuOf(results.whole)}; relay ${cpuOf(results.relay)}`,
    },
  ];
}
