/**
 * Whole days of bad luck: several coordinators with their scanners on one database, participants behind a fence, and
 * journals, participants, callers and coordinators that fail by (seeded) chance. Then faults stop, and everything must end.
 */
import { silentLogger } from '../../../src/lib/logger';
import { Coordinator } from '../../../src/coordinator/coordinator';
import type { Phase } from '../../../src/engine/model';
import type { Outcome } from '../../../src/engine/outcome';
import type { Invoker, ParticipantCall } from '../../../src/invoker/invoker';
import type { Journal } from '../../../src/journal/journal';
import { Recovery } from '../../../src/recovery/recovery';
import { away, MemoryJournal } from '../../support/memory-journal';
import { fails, ok, OpenDirectory, refused } from '../../support/scripted-invoker';
import { VirtualClock } from '../../support/virtual-clock';
import { rules } from '../engine/builders';

import { branchOf, execute, interactive } from './house';

/** A small generator whose whole state is its seed. */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Day {
  readonly clock = new VirtualClock();
  readonly journal = new MemoryJournal({ clock: this.clock });
  readonly chance: () => number;
  readonly broken: string[] = [];
  private faults = true;
  /** The participants' fence: what took effect, by gid and branch. */
  private readonly fence = new Map<string, 'TRIED' | 'CONFIRMED' | 'CANCELLED'>();
  private readonly coordinators: { readonly coordinator: Coordinator; readonly recovery: Recovery; alive: boolean }[] =
    [];
  private started = 0;

  constructor(seed: number) {
    this.chance = chanceOf(seed);
    const delay = () => new Promise<void>((resolve) => this.clock.startTimer(this.chance() * 300, resolve));
    this.journal.hooks.before = async () => {
      if (this.faults && this.happens(0.3)) await delay();
      if (this.faults && this.happens(0.05)) throw away();
    };
    this.journal.hooks.after = async () => {
      if (this.faults && this.happens(0.3)) await delay();
      if (!this.faults || !this.happens(0.1)) return undefined;
      if (this.happens(0.5)) throw away();
      return 'read back';
    };
    for (let i = 0; i < 3; i += 1) this.start();
  }

  async pass(): Promise<void> {
    for (let i = 0; i < 12; i += 1) {
      if (this.happens(0.6)) this.executeSomething(`e${i}`);
      else void this.runSomething(`i${i}`).catch(() => undefined);
      await this.clock.advance(this.chance() * 2_000);
      if (this.happens(0.2)) this.kill();
    }
    this.faults = false;
    // I11: the longest deadline, then lease, scan period and the largest backoff.
    await this.clock.advance(10_000 + 5_000 + 500 + 60_000 + 5_000);
  }

  /** Stops whoever is alive: nothing may be left in their hands that would have to be waited for (I13). */
  async end(): Promise<void> {
    for (const { recovery, coordinator } of this.coordinators.filter(({ alive }) => alive)) {
      if (coordinator.inHand > 0) this.broken.push(`I11: ${coordinator.inHand} in hand when everything is over`);
      const stopping = recovery.stop().then(() => coordinator.stop());
      await this.clock.advance(10_000);
      await stopping;
    }
  }

  /** What the books say that is not as the decision says. */
  books(): readonly string[] {
    return this.journal.all().flatMap(({ gid, state, branches }) =>
      branches.flatMap(({ branchId, triedBy }) => {
        const effect = this.fence.get(`${gid} ${branchId}`);
        const right =
          state.status === 'CONFIRMED'
            ? effect === 'CONFIRMED'
            : state.status === 'CANCELLED' && effect !== 'CONFIRMED' && effect !== 'TRIED';
        return right ? [] : [`${gid} ${branchId} (${triedBy}) is ${String(effect)} in a ${state.status} transaction`];
      }),
    );
  }

  private happens(probability: number): boolean {
    return this.chance() < probability;
  }

  private start(): void {
    const worker = `w${(this.started += 1)}`;
    const part = { alive: true };
    const { clock, chance } = this;
    // A dead coordinator's calls reach nobody, and nothing reaches it.
    const journal = new Proxy(this.journal, {
      get:
        (target, name: keyof Journal) =>
        (...all: unknown[]) =>
          part.alive
            ? guard((target[name] as (...rest: unknown[]) => Promise<unknown>)(...all), part)
            : new Promise(() => undefined),
    }) as Journal;
    bindAll(this.journal);
    const invoker: Invoker = {
      call: (call) => guard(part.alive ? this.call(call) : new Promise(() => undefined), part),
    };
    const shared = { journal, clock, random: chance, logger: silentLogger };
    const options = { worker, openTransactions: 100, maxBranches: 4, drainMs: 10_000, attentionAfter: 10, rules };
    const deps = { ...shared, invoker, directory: new OpenDirectory(), nowMs: clock.wallMs() };
    const coordinator = new Coordinator(options, deps);
    const recovery = new Recovery({ worker, leaseMs: 5_000, scanMs: 500, scanSize: 10 }, { ...shared, coordinator });
    recovery.start();
    this.coordinators.push(Object.assign(part, { coordinator, recovery }));
  }

  private kill(): void {
    const victim = this.any();
    victim.alive = false;
    this.start();
  }

  private any() {
    const alive = this.coordinators.filter(({ alive }) => alive);
    const one = alive[Math.floor(this.chance() * alive.length)];
    if (one === undefined) throw new Error('nobody is alive');
    return one;
  }

  private executeSomething(gid: string): void {
    const branches = ['a', 'b', 'c'].map((id) => branchOf(id));
    const tryOrder = this.happens(0.5) ? 'sequential' : 'parallel';
    const asked = execute({ gid, branches, tryOrder, timeoutMs: 3_000 });
    const times = this.happens(0.3) ? 2 : 1;
    for (let i = 0; i < times; i += 1) {
      const caller = new AbortController();
      this.any()
        .coordinator.execute(asked, 'finished', caller.signal)
        .catch(() => undefined);
      if (this.happens(0.2)) this.clock.startTimer(this.chance() * 1_000, () => caller.abort());
    }
    if (this.happens(0.1)) {
      const { coordinator } = this.any();
      this.clock.startTimer(this.chance() * 1_000, () => {
        coordinator.rollback(gid, 'by chance', 'decided', new AbortController().signal).catch(() => undefined);
      });
    }
  }

  private async runSomething(gid: string): Promise<void> {
    const { signal } = new AbortController();
    await this.any().coordinator.begin(interactive({ gid, timeoutMs: 5_000 }));
    const tries = ['a', 'b'].map((id) => this.any().coordinator.try(gid, branchOf(id), signal));
    if (this.happens(0.8)) await Promise.allSettled(tries);
    else void Promise.allSettled(tries);
    if (this.happens(0.1)) return;
    if (this.happens(0.7)) await this.any().coordinator.commit(gid, 'finished', signal);
    else await this.any().coordinator.rollback(gid, 'by chance', 'finished', signal);
  }

  private async call(call: ParticipantCall): Promise<Outcome> {
    this.check(call);
    const started = this.clock.monotonicMs();
    const wait = () => new Promise<void>((resolve) => this.clock.startTimer(this.chance() * 400, resolve));
    if (this.faults && this.happens(0.3)) await wait();
    if (this.faults && this.happens(0.15)) return fails('unknown', 'UNAVAILABLE');
    if (this.faults && call.phase === 'try' && this.happens(0.05)) return refused();
    const inTime = this.clock.monotonicMs() - started < call.timeoutMs;
    const outcome = call.phase === 'try' && !inTime ? fails('unknown', 'DEADLINE_EXCEEDED') : this.behindFence(call);
    if (this.faults && this.happens(0.1)) return fails('unknown', 'UNAVAILABLE', 'the reply was lost');
    return outcome;
  }

  private behindFence({ gid, branchId, phase }: ParticipantCall): Outcome {
    const key = `${gid} ${branchId}`;
    const row = this.fence.get(key);
    const next: Record<Phase, { from: unknown[]; to: 'TRIED' | 'CONFIRMED' | 'CANCELLED' }> = {
      try: { from: [undefined], to: 'TRIED' },
      confirm: { from: ['TRIED'], to: 'CONFIRMED' },
      cancel: { from: [undefined, 'TRIED'], to: 'CANCELLED' },
    };
    const { from, to } = next[phase];
    if (from.includes(row)) {
      this.fence.set(key, to);
      return ok();
    }
    if (row === to || (phase === 'try' && row === 'CONFIRMED')) return ok(undefined, 'REPEAT');
    if (phase !== 'try') this.broken.push(`${phase} of ${key}, which is ${String(row)} behind its fence`);
    return fails('refused', 'ABORTED', 'hanging');
  }

  /** I2, I3 and I4 at the moment of each call. */
  private check({ gid, branchId, phase }: ParticipantCall): void {
    const row = this.journal.peek(gid);
    const status = row?.state.status ?? 'nowhere';
    const durable = row?.branches.some((branch) => branch.branchId === branchId) ?? false;
    const allowed = { try: /./, confirm: /^CONFIRM/, cancel: /^CANCEL/ }[phase].test(status);
    if (!durable || !allowed) this.broken.push(`${phase} of ${gid} ${branchId}, which is ${status}`);
  }
}

function guard<Value>(promise: Promise<Value>, part: { readonly alive: boolean }): Promise<Value> {
  return new Promise((resolve, reject) => {
    promise.then(
      (value) => part.alive && resolve(value),
      (error: unknown) => part.alive && reject(error instanceof Error ? error : new Error(String(error))),
    );
  });
}

/** Methods taken off a journal must still know it. */
function bindAll(journal: MemoryJournal): void {
  const names = ['append', 'load', 'due', 'claim', 'renew', 'purge', 'attempts', 'list', 'now'] as const;
  for (const name of names) Object.assign(journal, { [name]: journal[name].bind(journal) });
}

const seeds = Array.from({ length: Number(process.env['TCC_TEST_DAYS'] ?? 40) }, (_, i) => i + 1);

const ends = new Set<string>();

test.each(seeds)(
  'day %d: every transaction ends, its books agree with its decision, and no call came too early',
  async (seed) => {
    const day = new Day(seed);
    await day.pass();
    expect(day.books()).toEqual([]);
    await day.end();
    expect(day.broken).toEqual([]);
    for (const { state } of day.journal.all()) ends.add('reason' in state ? state.reason.code : state.status);
  },
);

test('the days reach every end there is', () => {
  expect([...ends].sort()).toEqual(['CONFIRMED', 'REFUSED', 'ROLLED_BACK', 'TIMED_OUT', 'UNREACHABLE']);
});
