import { createClient } from 'tcc-coordinator/client';

import { receiveGoods } from '../samples/shop/inventory/stock';
import { sleep, systemClock } from '../src/lib/clock';
import type { Random } from '../src/lib/random';
import type { RestCheck } from './checks/rest';
import type { Watch } from './checks/watch';
import type { Fault, Struck } from './faults/fault';
import type { Stage } from './lab/stage';
import { Buyer } from './load/buyer';
import { longestGapMs } from './load/outage';
import type { Told } from './load/told';

/** So many orders are confirmed for every buyer before a fault strikes, and again after it. */
const CONFIRMED = 10;

/** Within so many milliseconds: before, and after a fault has stopped. */
const GETS_GOING_MS = 20_000;
const RECOVERS_MS = 30_000;

/** A strike comes at a moment of chance within so many milliseconds. */
const MOMENT_MS = 500;

/** Pieces of the item on sale in each strike: less than is ordered. */
const SALE_PIECES = 12;

/** Between two attempts of the run's own reading, in milliseconds. */
const AGAIN_MS = 1_000;

/** What became of one strike. */
export interface Strike {
  readonly fault: Fault;
  readonly struck: Struck;
  /** The longest time without a confirmed order at any buyer. */
  readonly gapMs: number;
  /** The same at the buyer that was better off: on a coordinator that was not struck, for one. */
  readonly luckierGapMs: number;
  /** Undefined: there is no goal. */
  readonly limitMs: number | undefined;
  readonly violations: readonly string[];
}

export interface Scene {
  readonly stage: Stage;
  readonly told: Told;
  readonly watch: Watch;
  readonly rest: RestCheck;
  readonly random: Random;
}

/**
 * One strike: two buyers get going, each at a coordinator of its own, the fault strikes, they go on, stop, and everything that
 * must hold at rest is looked at.
 */
export async function strike(fault: Fault, turn: number, number: number, scene: Scene): Promise<Strike> {
  const { stage, told, watch, rest, random } = scene;
  const violations: string[] = [];
  const saleSku = `sale-${number}`;
  await again(() => receiveGoods(stage.shop.inventory, { [saleSku]: SALE_PIECES }));
  const addresses = stage.coordinators.map(({ address }) => address);
  const buyers = [addresses, addresses.toReversed()].map(
    (own, index) =>
      new Buyer({ name: `s${number}-${index}`, addresses: own, saleSku, padding: fault.padding ?? 0 }, told),
  );
  if (!(await confirmed(buyers, GETS_GOING_MS))) violations.push(`orders did not get going within ${GETS_GOING_MS} ms`);
  await sleep(systemClock, random() * MOMENT_MS);
  const fromMs = systemClock.monotonicMs();
  let struck: Struck = { times: 0, whom: '' };
  try {
    struck = await fault.strike({ stage, turn, random });
  } catch (error) {
    violations.push(`the fault could not be carried out: ${said(error)}`);
  }
  violations.push(...(await stage.mend()));
  if (!(await confirmed(buyers, RECOVERS_MS)))
    violations.push(`no orders again within ${RECOVERS_MS} ms after the fault`);
  const toMs = systemClock.monotonicMs();
  const gapsMs = buyers.map(({ confirmedAtMs }) => longestGapMs(confirmedAtMs, fromMs, toMs));
  await Promise.all(buyers.map((buyer) => buyer.stop()));
  const ask = createClient({ addresses });
  const atRest = await again(() => rest.faults(ask)).catch((error: unknown) => [
    `the books cannot be read: ${said(error)}`,
  ]);
  violations.push(...atRest, ...watch.take());
  await ask.close();
  if (struck.times === 0) violations.push('it never struck');
  const limitMs = fault.goal?.limitMs(struck.ownMs ?? 0);
  return { fault, struck, gapMs: Math.max(...gapsMs), luckierGapMs: Math.min(...gapsMs), limitMs, violations };
}

/** A connection that a fault has left half dead is found out by using it. */
async function again<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch {
    await sleep(systemClock, AGAIN_MS);
    return work();
  }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function confirmed(buyers: readonly Buyer[], withinMs: number): Promise<boolean> {
  const each = await Promise.all(buyers.map((buyer) => buyer.confirms(CONFIRMED, withinMs)));
  return each.every(Boolean);
}
