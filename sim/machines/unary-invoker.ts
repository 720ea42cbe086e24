import { status } from '@grpc/grpc-js';

import type { Outcome } from '../../src/engine/outcome';
import type { Invoker, ParticipantCall } from '../../src/invoker/invoker';
import { done, failure } from '../../src/invoker/outcome';
import type { Target, Targets } from '../../src/invoker/target';
import type { Clock, Timer } from '../../src/lib/clock';
import type { Answer } from '../../src/sdk/participant/answer';
import { statusName } from '../../src/wire/status';
import type { Machine } from '../kernel/machine';
import type { World } from '../world';

/** Calls participants at their addresses over the simulated wires; what an answer means is the real invoker's. */
export class SimulatedUnary implements Invoker {
  private readonly world: World;
  private readonly deps: { readonly machine: Machine; readonly clock: Clock; readonly targets: Targets };
  private readonly timers = new Set<Timer>();

  constructor(world: World, deps: SimulatedUnary['deps']) {
    this.world = world;
    this.deps = deps;
  }

  call(call: ParticipantCall): Promise<Outcome> {
    const { targets } = this.deps;
    const target = targets.pick(call.participant, call.action);
    if (target === undefined) return Promise.resolve(failure('UNAVAILABLE', `no live instance of ${call.participant}`));
    targets.began(target.key);
    return this.send(target, call).then((outcome) => {
      targets.ended(target.key, outcome.kind === 'done' || outcome.code !== 'UNAVAILABLE');
      return outcome;
    });
  }

  /** Nothing waits for an answer any more. */
  stop(): void {
    for (const timer of this.timers) timer.stop();
    this.timers.clear();
  }

  private send(target: Target, call: ParticipantCall): Promise<Outcome> {
    const { world } = this;
    const { machine, clock } = this.deps;
    const { gid, branchId, action, attempt, payload, timeoutMs, phase } = call;
    return new Promise((resolve) => {
      const timer = clock.startTimer(timeoutMs, () => {
        this.timers.delete(timer);
        world.coverage.reached('path: a call runs out of time');
        resolve(failure('DEADLINE_EXCEEDED', `no answer in ${timeoutMs} ms`));
      });
      this.timers.add(timer);
      world.network.ask<Answer>({
        from: machine,
        to: () => world.participantAt(target.address)?.machine,
        what: gid,
        serve: (_to, onGone) => {
          const node = world.participantAt(target.address);
          if (node === undefined) throw new Error('nobody is there');
          return node.handle(phase, { gid, branchId, action, attempt, remainingMs: timeoutMs, payload }, onGone);
        },
        answered: (answer) => {
          timer.stop();
          this.timers.delete(timer);
          resolve(outcomeOf(call, answer));
        },
      });
    });
  }
}

function outcomeOf(call: ParticipantCall, answer: Answer | undefined): Outcome {
  if (answer === undefined) return failure('UNAVAILABLE', 'the connection was lost');
  if (answer.kind === 'failed') {
    return { ...failure(statusName(status[answer.status]), answer.message), fence: answer.fence };
  }
  return done(call.phase, () => ({ payload: answer.payload, fence: answer.fence }), 1_000_000);
}
