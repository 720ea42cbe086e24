import { atLeast, type Figure, type Lab } from '../lab/lab';
import { inTurn, sample, throughput } from '../lab/measure';
import { openShop } from '../lab/shop';

/** Each side gets the load that serves it best: more at a time only lets single handlers run into their time limits. */
const IN_FLIGHT = { batch: 1_024, single: 64 } as const;
const PIECES = 1_000_000_000;
const GOAL = { mariadb: 10, mysql: 20 } as const;

/** Everybody wants the same thing: the sample inventory with its fence, serving calls together and one by one. */
export async function hotStock(lab: Lab): Promise<Figure[]> {
  const { processes, server, options } = lab;
  const load = await processes.load();
  const sides = {} as Record<keyof typeof IN_FLIGHT, () => ReturnType<typeof sample>>;
  for (const side of ['batch', 'single'] as const) {
    const shop = await openShop(lab, { stock: PIECES, batch: side === 'batch' });
    sides[side] = () => sample({ load, inFlight: IN_FLIGHT[side], target: shop.target }, options);
  }
  const results = await inTurn(options.rounds, sides);
  const [batch, single] = [throughput(results.batch), throughput(results.single)];
  return [
    {
      name: 'hot stock: sales with batch handlers / with single handlers',
      ...atLeast(GOAL[server.name], batch / single),
      unit: '',
      note: `${batch.toFixed(0)} / ${single.toFixed(0)} tx/s, ${IN_FLIGHT.batch} / ${IN_FLIGHT.single} in flight`,
    },
  ];
}
