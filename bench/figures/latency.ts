import { twoBranches } from '../lab/cluster';
import { atMost, type Figure, informs, type Lab, stage } from '../lab/lab';
import { inTurn, medianOf, sample, warmUp } from '../lab/measure';

/** One transaction at a time: how much longer it takes than what it cannot do without. */
export async function latency(lab: Lab): Promise<Figure[]> {
  const { processes, server, options } = lab;
  const { coordinator, load } = await stage(lab);
  const alone = await processes.sqlAlone();
  const target = { databaseUrl: server.urlOf(await server.create('alone')) };
  const relay = await processes.relay();
  const once = await processes.relay(1);
  const committing = await processes.relay(1, server.urlOf(await server.create('relay')));
  await processes.participants([relay, once, committing]);
  const plans = {
    whole: { load, target: twoBranches([coordinator]) },
    commits: { load: alone, target },
    // One round trip each way: on the application's stream, and on those of both participants at once. Measured together: two
    // processes that only answer each other never sleep, and take half the time that a transaction's messages take.
    roundTrips: { load, target: twoBranches([once]) },
    relayed: { load, target: twoBranches([relay]) },
    // The same commits and round trip in a transaction's own rhythm: a commit that follows the one before at once finds everybody awake.
    inTurn: { load, target: twoBranches([committing]) },
  };
  await warmUp(Object.values(plans));
  const one = (plan: (typeof plans)[keyof typeof plans]) => () => sample({ ...plan, inFlight: 1 }, options);
  const results = await inTurn(options.rounds, {
    whole: one(plans.whole),
    commits: one(plans.commits),
    roundTrips: one(plans.roundTrips),
    relayed: one(plans.relayed),
    inTurn: one(plans.inTurn),
  });
  const p50 = (of: typeof results.whole) => medianOf(of, ({ p50Ms }) => p50Ms);
  const [whole, commits, roundTrips] = [p50(results.whole), p50(results.commits), p50(results.roundTrips)];
  const inTheirTurn = p50(results.inTurn);
  return [
    {
      name: 'p50 of one Execute / (three lone commits + a stream round trip each way)',
      ...atMost(1.3, whole / (commits + roundTrips)),
      unit: '',
      note: `${whole.toFixed(2)} / (${commits.toFixed(2)} + ${roundTrips.toFixed(2)}) ms; both phases through a bare relay ${p50(results.relayed).toFixed(2)} ms`,
    },
    {
      name: 'p50 of one Execute / (the same, each after the other as in a transaction)',
      ...informs(whole / inTheirTurn),
      unit: '',
      note: `${whole.toFixed(2)} / ${inTheirTurn.toFixed(2)} ms: a relay of one phase that waits for the three commits where tccd does`,
    },
  ];
}
