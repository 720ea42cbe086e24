import { cpus } from 'node:os';

import { type Coordinator, twoBranches } from '../lab/cluster';
import { type Figure, informs, type Lab } from '../lab/lab';
import { beside, inTurn, look, throughput } from '../lab/measure';

const IN_FLIGHT = 1_024;

/** What a second tccd on the same database adds. On a machine without spare cores it adds nothing, and the curve says so. */
export async function scale({ processes, server, options }: Lab): Promise<Figure[]> {
  const databaseUrl = server.urlOf(await server.create('scale'));
  const coordinators = [await processes.tccd(databaseUrl), await processes.tccd(databaseUrl)];
  await processes.participants(coordinators);
  const loads = [await processes.load(), await processes.load()];
  const side = (some: readonly Coordinator[]) => () => together(some);
  const results = await inTurn(options.rounds, { one: side(coordinators.slice(0, 1)), two: side(coordinators) });
  const [two, one] = [throughput(results.two), throughput(results.one)];
  return [
    {
      name: 'throughput of two tccd / of one',
      ...informs(two / one),
      unit: '',
      note: `${IN_FLIGHT} in flight; ${two.toFixed(0)} / ${one.toFixed(0)} tx/s on ${cpus().length} cores`,
    },
  ];

  /** Always two applications, so that only the number of coordinators differs. */
  async function together(some: readonly Coordinator[]) {
    const plans = loads.map((load, index) => {
      const own = some[index % some.length];
      return { load, inFlight: IN_FLIGHT / loads.length, target: twoBranches(own === undefined ? [] : [own]) };
    });
    const observed = await Promise.all(
      plans.map((plan) =>
        beside(plan, async (flow) => {
          await look(plan.load, flow, options.warmMs);
          return look(plan.load, flow, options.windowMs);
        }),
      ),
    );
    const [first] = observed;
    if (first === undefined) throw new Error('there is no load');
    return { ...first, perSecond: observed.reduce((sum, { perSecond }) => sum + perSecond, 0) };
  }
}
