import type { Rules } from '../src/engine/driven';
import type { Chance } from './kernel/chance';
import type { ParticipantSetUp } from './machines/participant';

/** How a world is set up, but for what goes wrong in it. */
export interface WorldSettings {
  readonly coordinators: number;
  /**
   * Every Execute is asked for by all applications at once, while participants refuse or fail much of what is decided, and the first refusal
   * parks: what one coordinator hears and the other does not is seldom met otherwise.
   */
  readonly isCrowded: boolean;
  /** Coordinators find each other through the database, and a participant is told of one of them only; otherwise all are told of all. */
  readonly findPeers: boolean;
  readonly participants: readonly ParticipantSetUp[];
  readonly lanes: number;
  readonly batchSize: number;
  readonly queryTimeoutMs: number;
  readonly scanMs: number;
  readonly scanSize: number;
  readonly retentionMs: number;
  readonly openTransactions: number;
  /** Unary calls of one coordinator to one participant at once. */
  readonly inFlightPerParticipant: number;
  readonly transactions: number;
  /** How long the faults last, and new transactions come. */
  readonly spanMs: number;
  /** How long a coordinator that stops waits for what is under way. */
  readonly drainMs: number;
  /** The first participant stays sick when all faults have ended: others must go on meanwhile (I11). */
  readonly sickness: Sickness | undefined;
  /** Whether the run goes on until everything is purged. */
  readonly seesPurge: boolean;
}

/** How a participant is sick: it fails every call at once, or never answers. */
export type Sickness = 'fails' | 'silent';

/** The longest time that a transaction may be undecided. */
export const LONGEST_TIMEOUT_MS = 8_000;
const DAY_MS = 86_400_000;
/** A coordinator with so few places refuses new work now and then. */
const FEW_PLACES = 5;
/** What is begun keeps its place for a round of calls: as many as wait for a sick participant must not be all. */
const PLACES_BESIDE_SICK = 12;
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
  const seesPurge = chance.happens(0.06);
  const sickness = chance.happens(0.1) ? chance.pick(['fails', 'silent'] as const) : undefined;
  return {
    coordinators: chance.pick([1, 2, 2, 3, 3, 4, 5]),
    isCrowded: chance.happens(0.05),
    findPeers: chance.happens(0.25),
    participants: ['stock', 'orders', 'points', 'pay'].slice(0, chance.whole(2, 4)).map((name) => setUp(name, chance)),
    lanes: chance.whole(1, 3),
    batchSize: chance.pick([2, 8, 512]),
    queryTimeoutMs: chance.whole(1_000, 4_000),
    scanMs: chance.whole(500, 1_500),
    scanSize: chance.pick([2, 10, 100]),
    retentionMs: seesPurge ? SHORT_RETENTION_MS : 7 * DAY_MS,
    openTransactions: chance.happens(0.05) ? (sickness === undefined ? FEW_PLACES : PLACES_BESIDE_SICK) : 1_000,
    inFlightPerParticipant: chance.pick([3, 8, 1_000, 1_000]),
    transactions: 20,
    spanMs: chance.whole(2_000, 9_000),
    drainMs: chance.whole(100, 5_000),
    sickness,
    seesPurge,
  };
}

function setUp(name: string, chance: Chance): ParticipantSetUp {
  const carrier = chance.pick(['attached', 'attached', 'attached', 'unary', 'both']);
  return {
    name,
    address: carrier === 'attached' ? '' : `${name}:7000`,
    attaches: carrier !== 'unary',
    tryAttempts: chance.whole(1, 4),
    callTimeoutMs: chance.whole(300, 2_000),
  };
}
