import type { Context, Rules } from '../engine/driven';
import { tcc } from '../engine/pattern';
import type { Directory } from '../invoker/invoker';
import type { Random } from '../lib/random';

import type { DatabaseTime } from './database-time';

export interface CircumstancesDeps {
  readonly time: DatabaseTime;
  readonly random: Random;
  readonly directory: Directory;
  readonly rules: Rules;
  readonly worker: string;
}

/**
 * What the engine may know at the moment of an event. The engine keeps nothing of it, so that one object serves every event of
 * every transaction: a fresh one, several times per transaction, was a tenth of what the coordinator allocated.
 */
export class Circumstances {
  private readonly deps: CircumstancesDeps;
  private readonly context: { -readonly [Key in keyof Context]: Context[Key] };

  constructor(deps: CircumstancesDeps) {
    this.deps = deps;
    const { rules, worker, directory } = deps;
    this.context = {
      now: 0,
      chance: 0,
      worker,
      pattern: tcc,
      rules,
      tryAttempts: ({ participant, action }) => directory.policyOf(participant, action).tryAttempts,
    };
  }

  /** Good until the next call. */
  now(): Context {
    this.context.now = this.deps.time.now();
    this.context.chance = this.deps.random();
    return this.context;
  }
}
