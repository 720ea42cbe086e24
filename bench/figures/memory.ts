import { twoBranches } from '../lab/cluster';
import { atMost, type Figure, type Lab, stage } from '../lab/lab';
import { beside, look } from '../lab/measure';

const IN_FLIGHT = 20_000;
const WATCH_MS = 6_000;
const LOOK_EVERY_MS = 50;

/** The most that a coordinator holds while as many transactions are open as it admits. */
export async function memory(lab: Lab): Promise<Figure[]> {
  const { coordinator, load } = await stage(lab);
  const before = coordinator.child.residentMb();
  let most = 0;
  const observed = await beside({ load, inFlight: IN_FLIGHT, target: twoBranches([coordinator]) }, async (flow) => {
    const watcher = setInterval(() => {
      most = Math.max(most, coordinator.child.residentMb());
    }, LOOK_EVERY_MS);
    try {
      return await look(load, flow, WATCH_MS);
    } finally {
      clearInterval(watcher);
    }
  });
  return [
    {
      name: 'resident memory with 20,000 transactions in flight',
      ...atMost(350, most),
      unit: 'MiB',
      note: `${before.toFixed(0)} before; ${observed.perSecond.toFixed(0)} tx/s meanwhile; ${endsOf(observed.ends)}`,
    },
  ];
}

function endsOf(ends: Readonly<Record<string, number>>): string {
  return Object.entries(ends)
    .map(([end, count]) => `${count} ${end}`)
    .join(', ');
}
