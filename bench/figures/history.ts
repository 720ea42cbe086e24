import { fillWithFinished } from '../lab/finished-rows';
import { twoBranches } from '../lab/cluster';
import { atLeast, type Figure, type Lab } from '../lab/lab';
import { inTurn, sample, throughput } from '../lab/measure';

const TRANSACTIONS = 5_000_000;

/** So many times as many rounds as elsewhere: the two sides are to be equal within 5 %, and single windows differ by more. */
const TIMES_ROUNDS = 3;

/** Whether a step costs more where there are many old transactions. */
export async function history({ processes, server, options }: Lab): Promise<Figure[]> {
  const databases = { empty: await server.create('empty'), full: await server.create('full') };
  const load = await processes.load();
  const sides = {} as Record<keyof typeof databases, () => ReturnType<typeof sample>>;
  for (const side of ['empty', 'full'] as const) {
    const coordinator = await processes.tccd(server.urlOf(databases[side]));
    await processes.participants([coordinator]);
    sides[side] = () => sample({ load, inFlight: 256, target: twoBranches([coordinator]) }, options);
  }
  const took = await fillWithFinished(server, databases.full, TRANSACTIONS);
  await server.settle();
  const results = await inTurn(TIMES_ROUNDS * options.rounds, sides);
  const [full, empty] = [throughput(results.full), throughput(results.empty)];
  return [
    {
      name: 'throughput with 5 million finished transactions / with none',
      ...atLeast(0.95, full / empty),
      unit: '',
      note: `256 in flight; ${full.toFixed(0)} / ${empty.toFixed(0)} tx/s; rows made in ${took.toFixed(0)} s`,
    },
  ];
}
