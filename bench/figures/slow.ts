import { twoBranches } from '../lab/cluster';
import { atLeast, type Figure, type Lab, stage } from '../lab/lab';
import { beside, inTurn, sample, throughput } from '../lab/measure';

const SLOW_MS = 1_000;
const IN_FLIGHT = 256;

/** Whether transactions that wait for a slow participant hold up those that do not use it. */
export async function slow(lab: Lab): Promise<Figure[]> {
  const { processes, options } = lab;
  const { coordinator, load } = await stage(lab);
  await processes.participants([coordinator], { names: ['slow'], delayMs: SLOW_MS });
  const slowLoad = await processes.load();
  const quick = () => sample({ load, inFlight: IN_FLIGHT, target: twoBranches([coordinator]) }, options);
  const slowTarget = twoBranches([coordinator], 'stream', ['a', 'slow']);
  const results = await inTurn(options.rounds, {
    without: quick,
    with: () => beside({ load: slowLoad, inFlight: IN_FLIGHT, target: slowTarget }, quick),
  });
  const [withIt, without] = [throughput(results.with), throughput(results.without)];
  return [
    {
      name: 'throughput beside a participant that answers in 1 s / without it',
      ...atLeast(0.9, withIt / without),
      unit: '',
      note: `256 in flight, and as many that wait for it; ${withIt.toFixed(0)} / ${without.toFixed(0)} tx/s`,
    },
  ];
}
