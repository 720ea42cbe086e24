import type { Rules } from '../src/engine/driven';
import type { Chance } from './kernel/chance';
import type { ParticipantSetUp } from './machines/participant';

/** How a world is set up, but for what goes wrong in it. */
export interface WorldSettings {
  readonly coordinators: number;
  readonly participants: readonly ParticipantSetUp[];
  readonly lanes: number;
  readonly batchSize: number;
  readonly queryTimeoutMs: number;
  readonly scanMs: number;
  readonly scanSize: number;
  readonly retentionMs: number;
  readonly openTransactions: number;
  readonly transactions: number;
  /** How long the faults last, and new transactions come. */
  readonly spanMs: number;
  /** How long a coordinator that stops waits for what is under way. */
  readonly drainMs: number;
  /** Whether the run goes on until everything is purged. */
  readonly seesPurge: boolean;
}

/** The longest time that a transaction may be undecided. */
export const LONGEST_TIMEOUT_MS = 8_000;
const DAY_MS = 86_400_000;
/** Longer than a client goes on asking and a message may be under way, as a real one must be. */
const SHORT_RETENTION_MS = 40_000;

export function drawRules(chance: Chance): Rules {
  const firstMs = chance.whole(20, 300);
  const capMs = chance.whole(1_000, 6_000);
  return {
    leaseMs: chance.whole(800, 4_000),
    fastRetries: chance.whole(0, 2),
    fastBackoff: { firstMs, factor: 2, capMs: 1_000, jitter: 0.2 },
    backoff: { firstMs, factor: 2, capMs, jitter: 0.2 },
    parkAfterRefusals: chance.whole(1, 4),
  };
}

export function drawSettings(chance: Chance): WorldSettings {
  const seesPurge = chance.happens(0.1);
  return {
    coordinators: chance.pick([1, 2, 2, 3, 3, 4, 5]),
    participants: ['stock', 'orders', 'points', 'pay'].slice(0, chance.whole(2, 4)).map((name) => setUp(name, chance)),
    lanes: chance.whole(1, 3),
    batchSize: chance.pick([2, 8, 512]),
    queryTimeoutMs: chance.whole(1_000, 4_000),
    scanMs: chance.whole(500, 1_500),
    scanSize: chance.pick([2, 10, 100]),
    retentionMs: seesPurge ? SHORT_RETENTION_MS : 7 * DAY_MS,
    openTransactions: chance.happens(0.05) ? 5 : 1_000,
    transactions: 20,
    spanMs: chance.whole(2_000, 9_000),
    drainMs: chance.whole(100, 5_000),
    seesPurge,
  };
}

function setUp(name: string, chance: Chance): ParticipantSetUp {
  const carrier = chance.pick(['attached', 'attached', 'unary', 'both']);
  return {
    name,
    address: carrier === 'attached' ? '' : `${name}:7000`,
    attaches: carrier !== 'unary',
    tryAttempts: chance.whole(1, 4),
    callTimeoutMs: chance.whole(300, 2_000),
  };
}
