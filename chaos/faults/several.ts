import { sleep, systemClock } from '../../src/lib/clock';
import { serviceNames } from '../lab/stage';
import type { Blow, Fault, Struck } from './fault';

/** Between two blows, in milliseconds: none is over when the next one comes. */
const BETWEEN_MS = 400;

/** All at once: replies lost, a coordinator frozen, a participant killed, links cut, the database killed, the other coordinator killed. */
const severalAtOnce: Fault = {
  name: 'several at once',
  isShort: true,
  isLast: true,
  async strike(blow: Blow): Promise<Struck> {
    const { stage, turn, random } = blow;
    const [one, other] = [stage.coordinator(turn), stage.coordinator(turn + 1)];
    const name = serviceNames[turn % serviceNames.length] ?? 'inventory';
    const links = [...stage.links.of('coordinator to database'), ...stage.links.of('participant to database')];
    const before = links.reduce((sum, { proxy }) => sum + proxy.lost, 0);
    for (const { proxy } of links) proxy.dropRepliesAfter((sql) => /^commit\b/i.test(sql) && random() < 0.1);
    await sleep(systemClock, 2 * BETWEEN_MS);
    one.tccd.freeze();
    await stage.service(name).kill();
    await sleep(systemClock, random() * BETWEEN_MS);
    for (const { proxy } of stage.links.of('participant to coordinator')) proxy.cut();
    await stage.database.kill();
    await other.tccd.kill();
    await sleep(systemClock, random() * BETWEEN_MS);
    await stage.database.start();
    await Promise.all([stage.startCoordinator(other), stage.startService(name)]);
    one.tccd.thaw();
    await sleep(systemClock, BETWEEN_MS);
    const lost = links.reduce((sum, { proxy }) => sum + proxy.lost, 0) - before;
    stage.links.heal();
    return {
      times: 4 + lost,
      whom: `${one.name} frozen; ${other.name}, ${name} and the database killed; ${lost} replies lost`,
    };
  },
};

export const severalFaults: readonly Fault[] = [severalAtOnce];
