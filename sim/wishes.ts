import type { Chance } from './kernel/chance';
import type { Wish } from './machines/application';
import { actionNames } from './machines/participant';
import { LONGEST_TIMEOUT_MS } from './settings';
import type { World } from './world';

/** Draws a transaction of one to four branches, at these participants. */
export function drawWish(gid: string, chance: Chance, world: World, among = world.participants): Wish {
  const kind = chance.pick(['execute', 'execute', 'execute', 'interactive', 'interactive', 'register'] as const);
  const branches = Array.from({ length: chance.whole(1, 4) }, (_, index) => ({
    participant: chance.pick(among).setUp.name,
    action: chance.pick(actionNames),
    payload: chance.happens(0.06) ? { refuses: true } : {},
    branchId: `b${index + 1}`,
  }));
  return {
    gid,
    kind,
    branches,
    tryOrder: chance.pick(['parallel', 'sequential']),
    wait: chance.pick(['accepted', 'decided', 'finished', 'finished']),
    timeoutMs: chance.whole(800, LONGEST_TIMEOUT_MS),
    rollsBack: chance.happens(0.15),
    atOnce: chance.happens(0.4),
    dawdles: chance.happens(0.2) ? chance.between(-4, 2) : undefined,
  };
}
