/** Observing: windows of a running flow, in rounds that alternate between the sides that are compared. */
import type { Observed, Pace } from '../programs/flow';
import type { Child } from './child';
import type { Counters, DatabaseServer } from './database';

/** A flow that a load generator is to run. */
export interface FlowPlan extends Pace {
  readonly load: Child;
  readonly target: object;
}

/** How long a flow runs before it is looked at, and then is looked at, in milliseconds. */
export interface Timing {
  readonly warmMs: number;
  readonly windowMs: number;
}

/** What was observed of a flow, and what it cost. */
export interface Sample extends Observed {
  /** CPU time per transaction that ended well, in microseconds. */
  readonly cpuUs: Readonly<Record<'coordinator' | 'participants' | 'load' | 'database', number>>;
  readonly roundTrips: number;
  readonly commits: number;
}

/** Whose costs are counted. */
export interface Meters {
  readonly coordinator?: Child;
  readonly participants?: readonly Child[];
  readonly server?: DatabaseServer;
}

let lastFlow = 0;

/** Runs a flow beside `work`. */
export async function beside<Result>(plan: FlowPlan, work: (flow: string) => Promise<Result>): Promise<Result> {
  const { load, ...start } = plan;
  const flow = `flow-${(lastFlow += 1)}`;
  await load.ask('start', { flow, ...start });
  try {
    return await work(flow);
  } finally {
    await load.ask('stop', { flow });
  }
}

/** Looks at a running flow for a while, or as long as `work` takes. */
export async function look(load: Child, flow: string, during: number | (() => Promise<void>)): Promise<Observed> {
  await load.ask('reset', { flow });
  await (typeof during === 'number' ? pause(during) : during());
  return load.ask<Observed>('observed', { flow });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Runs a flow, warms it up, and looks at it. */
export async function sample(plan: FlowPlan, { warmMs, windowMs }: Timing, meters: Meters = {}): Promise<Sample> {
  return beside(plan, async (flow) => {
    await look(plan.load, flow, warmMs);
    const before = await readMeters(plan, meters);
    const observed = await look(plan.load, flow, windowMs);
    const after = await readMeters(plan, meters);
    const count = observed.perSecond * observed.seconds;
    const per = (of: (reading: Reading) => number) => (of(after) - of(before)) / count;
    return {
      ...observed,
      cpuUs: {
        coordinator: per(({ coordinatorMs }) => coordinatorMs) * 1000,
        participants: per(({ participantsMs }) => participantsMs) * 1000,
        load: per(({ loadMs }) => loadMs) * 1000,
        database: per(({ counters }) => counters?.cpuMs ?? NaN) * 1000,
      },
      roundTrips: per(({ counters }) => counters?.roundTrips ?? NaN),
      commits: per(({ counters }) => counters?.commits ?? NaN),
    };
  });
}

interface Reading {
  readonly coordinatorMs: number;
  readonly participantsMs: number;
  readonly loadMs: number;
  readonly counters: Counters | undefined;
}

async function readMeters({ load }: FlowPlan, { coordinator, participants, server }: Meters): Promise<Reading> {
  return {
    coordinatorMs: coordinator?.cpuMs() ?? NaN,
    participantsMs: participants?.reduce((sum, participant) => sum + participant.cpuMs(), 0) ?? NaN,
    loadMs: load.cpuMs(),
    counters: await server?.counters(),
  };
}

/** Where the CPU time went, in words. */
export function cpuOf(samples: readonly Sample[]): string {
  const parts = (['load', 'coordinator', 'participants', 'database'] as const)
    .map((part) => ({ part, us: medianOf(samples, ({ cpuUs }) => cpuUs[part]) }))
    .filter(({ us }) => Number.isFinite(us));
  return `CPU µs per transaction: ${parts.map(({ part, us }) => `${part} ${us.toFixed(0)}`).join(', ')}`;
}

/** Runs each side once without counting it, then all of them in turn, round after round. */
export async function inTurn<Side extends string, Result>(
  rounds: number,
  sides: Readonly<Record<Side, () => Promise<Result>>>,
): Promise<Record<Side, Result[]>> {
  const names = Object.keys(sides) as Side[];
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Side, Result[]>;
  for (const name of names) await sides[name]();
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : [...names].reverse()) results[name].push(await sides[name]());
  }
  return results;
}

/** What one transaction at a time would take minutes for: the programs' hot paths are compiled once they have run often. */
const WARM_UP = { inFlight: 64, ms: 2_500 } as const;

/** Runs these plans for a while, each with many transactions in flight. */
export async function warmUp(plans: readonly Omit<FlowPlan, 'inFlight'>[], ms: number = WARM_UP.ms): Promise<void> {
  for (const plan of plans) await beside({ ...plan, inFlight: WARM_UP.inFlight }, () => pause(ms));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The median of one field. */
export function medianOf<Of>(results: readonly Of[], field: (result: Of) => number): number {
  return median(results.map(field));
}

export function throughput(results: readonly Observed[]): number {
  return medianOf(results, ({ perSecond }) => perSecond);
}
