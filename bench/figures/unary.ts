import { type Coordinator, twoBranches } from '../lab/cluster';
import { atLeast, type Figure, type Lab } from '../lab/lab';
import { cpuOf, inTurn, sample, throughput } from '../lab/measure';

/** What everything but gRPC's unary calls costs, where there are only unary calls. */
export async function unary({ processes, server, options }: Lab): Promise<Figure[]> {
  const coordinator = await processes.tccd(server.urlOf(await server.create('unary')));
  const relay = await processes.relay();
  const load = await processes.load();
  const inFlight = 256;
  const side = async (of: Coordinator) => {
    const participants = await processes.participants([of], { attach: false });
    return () =>
      sample({ load, inFlight, target: twoBranches([of], 'unary') }, options, { coordinator: of.child, participants });
  };
  const results = await inTurn(options.rounds, {
    whole: await side(coordinator),
    relay: await side(relay),
  });
  const [whole, bare] = [throughput(results.whole), throughput(results.relay)];
  return [
    {
      name: 'throughput on unary calls / a unary relay',
      ...atLeast(0.8, whole / bare),
      unit: '',
      note: `256 in flight; ${whole.toFixed(0)} / ${bare.toFixed(0)} tx/s; ${cpuOf(results.whole)}; relay ${cpuOf(results.relay)}`,
    },
  ];
}
