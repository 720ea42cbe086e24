import { systemClock } from '../src/lib/clock';
import type { Random } from '../src/lib/random';
import { RestCheck } from './checks/rest';
import { Watch } from './checks/watch';
import type { Fault } from './faults/fault';
import { shuffled } from './lab/chance';
import type { Stage } from './lab/stage';
import { Told } from './load/told';
import { type Scene, strike, type Strike } from './run';

/** What struck on one stage, and everything that is known about it. */
export interface Findings {
  readonly strikes: readonly Strike[];
  /** Why a fault could not strike here. */
  readonly missing: ReadonlyMap<Fault, string>;
  readonly databases: string;
  readonly orders: number;
  readonly confirmed: number;
  readonly cancelled: number;
  readonly neverBegun: number;
  /** How often the books were looked at while orders ran. */
  readonly looks: number;
}

export interface CampaignOptions {
  readonly faults: readonly Fault[];
  /** Rounds go on until so many milliseconds are over; the first one always comes to its end. */
  readonly runMs: number;
  readonly random: Random;
  readonly interrupted: AbortSignal;
  /** Hears of each strike. */
  readonly tell: (strike: Strike) => void;
}

/** Strikes with all faults on one stage, over and over. */
export async function campaign(stage: Stage, options: CampaignOptions): Promise<Findings> {
  const told = new Told();
  const watch = new Watch(stage.shopUrls);
  const rest = new RestCheck(stage, told);
  const missing = new Map(
    options.faults.flatMap((fault) => {
      const reason = fault.missing?.(stage);
      return reason === undefined ? [] : [[fault, reason] as const];
    }),
  );
  const here = options.faults.filter((fault) => !missing.has(fault));
  try {
    const strikes = await rounds(here, { stage, told, watch, rest, random: options.random }, options);
    return {
      strikes,
      missing,
      databases: stage.databases,
      orders: told.gids.length,
      confirmed: told.count('CONFIRMED'),
      cancelled: told.count('CANCELLED'),
      neverBegun: told.count('UNKNOWN'),
      looks: watch.looks,
    };
  } finally {
    await watch.stop();
  }
}

/** Every fault once in an order of chance, again and again until the time is over; what strikes several at once comes at the end. */
async function rounds(
  here: readonly Fault[],
  scene: Scene,
  { runMs, interrupted, tell }: CampaignOptions,
): Promise<Strike[]> {
  const strikes: Strike[] = [];
  const endMs = systemClock.monotonicMs() + runMs;
  for (let round = 0; round === 0 || systemClock.monotonicMs() < endMs; round += 1) {
    const order = shuffled(here, scene.random);
    const last = order.filter(({ isLast }) => isLast === true);
    for (const fault of [...order.filter((each) => !last.includes(each)), ...last]) {
      if (round > 0 && systemClock.monotonicMs() > endMs) return strikes;
      interrupted.throwIfAborted();
      const done = await strike(fault, round, strikes.length, scene);
      strikes.push(done);
      tell(done);
    }
    if (here.length === 0) return strikes;
  }
  return strikes;
}
