import { Flow, type Observed, type Pace, type RunOne } from './flow';
import { serve } from './serve';

/** What a flow is started with: its name, its pace, and what it drives, in the terms of the program. */
interface StartFlow extends Pace {
  readonly flow: string;
  readonly target: never;
}

interface Named {
  readonly flow: string;
}

/** Makes a load generator of this process: `start`, `reset` and `observed`, `finish` and `stop`, by the flow's name. */
export function serveFlows(open: (target: never) => RunOne | Promise<RunOne>): void {
  const flows = new Map<string, Flow>();
  const flowOf = (name: string): Flow => {
    const flow = flows.get(name);
    if (flow === undefined) throw new Error(`there is no flow ${name}`);
    return flow;
  };
  serve({
    start: async ({ flow, target, ...pace }: StartFlow) => {
      flows.set(flow, new Flow(await open(target), pace));
    },
    reset: ({ flow }: Named) => flowOf(flow).reset(),
    observed: ({ flow }: Named): Observed => flowOf(flow).observed(),
    finish: async ({ flow }: Named): Promise<Observed> => {
      const observed = flowOf(flow);
      await observed.finished();
      flows.delete(flow);
      return observed.observed();
    },
    stop: async ({ flow }: Named) => {
      await flowOf(flow).stop();
      flows.delete(flow);
    },
  });
}
