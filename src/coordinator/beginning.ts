import type { NewTransaction } from '../engine/model';
import type { BeginStep } from '../engine/step';
import type { Clock } from '../lib/clock';
import { TccError } from '../lib/errors';
import type { Journal, Lease, StepResult, Submitter } from '../journal/journal';

import type { CatchUp } from './catch-up';
import type { DatabaseTime } from './database-time';

/** How often a repeated begin is looked at again when its transaction vanishes in between. */
const BEGIN_RACES = 3;

export interface BeginningDeps {
  readonly journal: Pick<Journal, 'submit'>;
  readonly clock: Clock;
  readonly time: DatabaseTime;
  readonly catchUp: CatchUp;
}

/** Makes a transaction durable, or finds the one that stands in its place. Rejects as Journal.append does. */
export function appendBegin(transaction: NewTransaction, lease: Lease, deps: BeginningDeps): Promise<StepResult> {
  return new Promise((resolve, reject) => {
    const step = { kind: 'begin', transaction, worker: lease.worker, dueInMs: lease.leaseMs } as const;
    deps.journal.submit(step, new Beginning(deps, resolve, reject));
  });
}

class Beginning implements Submitter {
  private readonly deps: BeginningDeps;
  private readonly resolve: (result: StepResult) => void;
  private readonly reject: (error: Error) => void;
  private readonly putAtMs: number;
  private races = 0;

  constructor(deps: BeginningDeps, resolve: (result: StepResult) => void, reject: (error: Error) => void) {
    this.deps = deps;
    this.resolve = resolve;
    this.reject = reject;
    this.putAtMs = deps.clock.monotonicMs();
  }

  stepped(step: BeginStep, result: StepResult): void {
    const { journal, time, catchUp } = this.deps;
    time.seen(result.atMs);
    catchUp.began(this.putAtMs);
    if (result.kind === 'applied' || result.current !== undefined) {
      this.resolve(result);
    } else if ((this.races += 1) < BEGIN_RACES) {
      journal.submit(step, this);
    } else {
      const { gid } = step.transaction;
      this.reject(
        new TccError('JOURNAL_UNAVAILABLE', `transaction ${gid} came and went while it was begun; try again`),
      );
    }
  }

  failed(_step: BeginStep, error: Error): void {
    this.deps.catchUp.failed(error);
    this.reject(error);
  }
}
