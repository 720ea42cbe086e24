import { writeFileSync } from 'node:fs';

import type { BenchOptions } from '../options';
import { Child } from '../lab/child';
import { addressIn, twoBranches } from '../lab/cluster';
import { atLeast, atMost, type Figure, informs, type Lab } from '../lab/lab';
import {
  cpuOf,
  type FlowPlan,
  inTurn,
  medianOf,
  type Meters,
  type Sample,
  sample,
  throughput,
  type Timing,
  warmUp,
} from '../lab/measure';
import { plot } from '../report/plot';
import { startDtm } from '../dtm/start';

type BenchLab = Lab & { readonly options: BenchOptions };

const IN_FLIGHT = [1, 64, 256, 1024];

/** Where a transaction takes seconds when much is in flight, a short look would see the ends of some by chance. */
const LONG_LOOK = { warmMs: 2_000, windowMs: 5_000 };

/** What was seen of one side at each number in flight. */
type Seen = ReadonlyMap<number, Readonly<Record<string, readonly Sample[]>>>;

/** Throughput and p99 over transactions in flight, on streams and on unary calls. */
export async function curve(lab: BenchLab): Promise<Figure[]> {
  const seen = await seeAll(lab, await ours(lab));
  draw(lab, seen);
  return rows(seen);
}

/** The same beside DTM, in the same run on the same database server. */
export async function againstDtm(lab: BenchLab): Promise<Figure[]> {
  const sides = { ...(await ours(lab)), ...(await theirs(lab)) };
  const seen = await seeAll(lab, sides);
  draw(lab, seen);
  const at = (inFlight: number, side: string) => seen.get(inFlight)?.[side] ?? [];
  const ratio = (side: string, of: (samples: readonly Sample[]) => number, inFlight: number) =>
    of(at(inFlight, side)) / of(at(inFlight, 'DTM'));
  const cpu = (samples: readonly Sample[]) => medianOf(samples, ({ cpuUs }) => cpuUs.coordinator);
  const p50 = (samples: readonly Sample[]) => medianOf(samples, ({ p50Ms }) => p50Ms);
  const note = 'the rows above';
  return [
    ...rows(seen),
    {
      name: 'throughput on streams / DTM, 256 in flight',
      ...atLeast(25, ratio('streams', throughput, 256)),
      unit: 'x',
      note,
    },
    {
      name: 'throughput on unary calls / DTM, 256 in flight',
      ...atLeast(2, ratio('unary', throughput, 256)),
      unit: 'x',
      note,
    },
    {
      name: 'coordinator CPU per transaction on streams / DTM',
      ...atMost(1 / 25, ratio('streams', cpu, 256)),
      unit: '',
      note,
    },
    { name: 'p50 at 1 in flight on streams / DTM', ...atMost(0.5, ratio('streams', p50, 1)), unit: '', note },
  ];
}

/** What is compared: what to run, how long to look at it, and whose costs count. */
interface Side {
  readonly plan: Omit<FlowPlan, 'inFlight'>;
  readonly timing: Timing;
  readonly meters: Meters;
}

async function ours({ processes, server, options: timing }: BenchLab): Promise<Record<string, Side>> {
  const load = await processes.load();
  const streams = await processes.tccd(server.urlOf(await server.create('streams')));
  const unary = await processes.tccd(server.urlOf(await server.create('unary')));
  const attached = await processes.participants([streams]);
  const called = await processes.participants([unary], { attach: false });
  return {
    streams: {
      plan: { load, target: twoBranches([streams]) },
      timing,
      meters: { coordinator: streams.child, participants: attached, server },
    },
    unary: {
      plan: { load, target: twoBranches([unary], 'unary') },
      timing: LONG_LOOK,
      meters: { coordinator: unary.child, participants: called, server },
    },
  };
}

async function theirs({ processes, server, options }: BenchLab): Promise<Record<string, Side>> {
  const { dtm: binary = '', dtmSchema } = options;
  const dtm = await startDtm(processes, server, { binary, ...(dtmSchema === undefined ? {} : { schema: dtmSchema }) });
  const participants = ['a', 'b'].map((name) =>
    processes.own(new Child({ name: `DTM's participant ${name}`, script: 'bench/dtm/participant.js' })),
  );
  const addresses = await Promise.all(participants.map((participant) => participant.line(addressIn)));
  const load = await processes.asked("DTM's load", 'bench/dtm/load.js');
  const target = { dtm: dtm.address, participants: addresses };
  return {
    DTM: { plan: { load, target }, timing: LONG_LOOK, meters: { coordinator: dtm.child, participants, server } },
  };
}

async function seeAll({ options }: BenchLab, sides: Readonly<Record<string, Side>>): Promise<Seen> {
  await warmUp(Object.values(sides).map(({ plan }) => plan));
  const seen = new Map<number, Record<string, Sample[]>>();
  for (const inFlight of IN_FLIGHT) {
    const here = Object.entries(sides).map(
      ([name, { plan, timing, meters }]) => [name, () => sample({ ...plan, inFlight }, timing, meters)] as const,
    );
    seen.set(inFlight, await inTurn(options.rounds, Object.fromEntries(here)));
  }
  return seen;
}

function rows(seen: Seen): Figure[] {
  return [...seen].flatMap(([inFlight, sides]) =>
    Object.entries(sides).map(([name, samples]) => ({
      name: `${name}, ${inFlight} in flight`,
      ...informs(throughput(samples)),
      unit: 'tx/s',
      note: noteOf(samples),
    })),
  );
}

function noteOf(samples: readonly Sample[]): string {
  const of = (field: (sample: Sample) => number, digits: number) => medianOf(samples, field).toFixed(digits);
  return (
    `p50 ${of(({ p50Ms }) => p50Ms, 1)} ms, p99 ${of(({ p99Ms }) => p99Ms, 1)} ms; ${cpuOf(samples)}; ` +
    `${of(({ roundTrips }) => roundTrips, 2)} round trips, ${of(({ commits }) => commits, 3)} commits`
  );
}

function draw({ options, server }: BenchLab, seen: Seen): void {
  if (options.plotFile === undefined) return;
  const names = Object.keys([...seen.values()][0] ?? {});
  const lines = names.map((name) => ({
    name,
    points: [...seen].map(([inFlight, sides]) => {
      const samples = sides[name] ?? [];
      return { inFlight, perSecond: throughput(samples), p99Ms: medianOf(samples, ({ p99Ms }) => p99Ms) };
    }),
  }));
  writeFileSync(options.plotFile.replace('SERVER', server.name), plot(lines, server.version));
}
