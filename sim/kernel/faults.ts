import type { Chance } from './chance';
import type { Coverage } from './coverage';
import type { Scheduler } from './scheduler';
import type { Trace } from './trace';

/** Everything that goes wrong in the world, and what it does. */
export const faultKinds = {
  'database: statement fails': 'an error before anything is done',
  'database: dies in mid-batch': 'the connection breaks between the statements of a transaction',
  'database: reply lost': 'committed, and the reply to the commit is lost',
  'database: commit lost': 'the commit never arrives, and nobody says so',
  'database: commit late': 'the connection breaks, and the server commits later',
  'database: deadlock': 'error 1213: the transaction is rolled back',
  'database: lock wait': 'error 1205: the statement fails',
  'database: stall': 'a statement takes seconds, perhaps longer than its timeout',
  'database: away': 'the server is gone for a while',
  'network: request lost': 'a request never arrives',
  'network: reply lost': 'done, and the answer never arrives',
  'network: duplicate': 'a request arrives twice',
  'network: delay': 'a message arrives after its deadline',
  'network: cut': 'nothing goes one way between two machines for a while',
  'stream: breaks': 'a stream ends with calls on it',
  'stream: breaks in a frame': 'a stream ends in the middle of the entries of a frame',
  'stream: full': 'a stream takes nothing for a while',
  'participant: dies': 'a participant is killed and started again',
  'participant: handler fails': 'the business code throws after it has written',
  'participant: batch dies half-way': 'a batch handler throws when it has served some of its calls',
  'participant: commit reply lost': 'the local transaction is committed, and the handler hears an error',
  'participant: deadlock': 'the local transaction is the victim of a deadlock',
  'participant: stall': 'a local statement takes longer than the call may',
  'participant: breaks its promise': 'a Confirm or Cancel is refused',
  'coordinator: dies': 'killed at any await, and started again',
  'coordinator: dies soon': 'killed again soon after its start',
  'coordinator: pause': 'stands still for longer than its lease, and goes on',
  'coordinator: restart': 'is drained and started again',
  'application: dies': 'the caller is gone for ever',
  'clock: apart': "a machine's clock runs faster or slower and shows another time",
} as const;

export type FaultKind = keyof typeof faultKinds;

/** Faults that are left out of a run: whole kinds, or single strikes by their number within the kind. */
export interface Omitted {
  readonly kinds: ReadonlySet<FaultKind>;
  readonly strikes: ReadonlySet<string>;
}

export const nothingOmitted: Omitted = { kinds: new Set(), strikes: new Set() };

/** One fault that struck: `kind#number`. */
export interface Strike {
  readonly name: string;
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly where: string;
}

interface Plan {
  rate: number;
  readonly chance: Chance;
  asked: number;
}

/** How many of a kind's chances strike: drawn per seed, so that some seeds have none of a kind and some are drowned in it. */
function drawRate(chance: Chance): number {
  const share = chance.next();
  if (share < 0.45) return 0;
  if (share < 0.85) return chance.between(0.002, 0.02);
  if (share < 0.97) return chance.between(0.02, 0.08);
  return chance.between(0.08, 0.3);
}

/** Decides when something goes wrong, until it is healed. */
export class Faults {
  readonly struck: Strike[] = [];
  isHealed = false;
  private readonly plans: ReadonlyMap<FaultKind, Plan>;
  private readonly omitted: Omitted;
  private readonly deps: { readonly scheduler: Scheduler; readonly coverage: Coverage; readonly trace: Trace };

  constructor(
    chance: Chance,
    omitted: Omitted,
    deps: { readonly scheduler: Scheduler; readonly coverage: Coverage; readonly trace: Trace },
  ) {
    this.omitted = omitted;
    this.deps = deps;
    const kinds = Object.keys(faultKinds) as FaultKind[];
    this.plans = new Map(
      kinds.map((kind) => [kind, { rate: drawRate(chance), chance: chance.fork(kind), asked: 0 }] as const),
    );
  }

  rateOf(kind: FaultKind): number {
    return this.plan(kind).rate;
  }

  /** Makes a kind of fault at least so frequent. */
  raise(kind: FaultKind, rate: number): void {
    const plan = this.plan(kind);
    plan.rate = Math.max(plan.rate, rate);
  }

  /** Whether this kind of fault strikes here and now. `weight` makes it so many times as likely. */
  strikes(kind: FaultKind, where: string, weight = 1): boolean {
    if (this.isHealed) return false;
    const plan = this.plan(kind);
    if (plan.rate === 0) return false;
    plan.asked += 1;
    if (!plan.chance.happens(Math.min(0.9, plan.rate * weight))) return false;
    const name = `${kind}#${plan.asked}`;
    if (this.omitted.kinds.has(kind) || this.omitted.strikes.has(name)) return false;
    this.struck.push({ name, kind, atMs: this.deps.scheduler.nowMs, where });
    this.deps.coverage.reached(kind);
    this.deps.trace.note(where, `FAULT ${name}`);
    return true;
  }

  /** A number that belongs to a fault of this kind, such as how long it lasts. */
  draw(kind: FaultKind, from: number, to: number): number {
    return this.plan(kind).chance.between(from, to);
  }

  private plan(kind: FaultKind): Plan {
    const plan = this.plans.get(kind);
    if (plan === undefined) throw new Error(`no plan for ${kind}`);
    return plan;
  }
}
