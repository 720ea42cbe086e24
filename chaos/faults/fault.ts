import type { Random } from '../../src/lib/random';
import type { Stage } from '../lab/stage';

/** What a strike did. */
export interface Struck {
  /** How often it was seen to bite: processes that died or stood still, bytes held back, replies lost. 0: it never struck. */
  readonly times: number;
  /** What was struck, for people. */
  readonly whom: string;
  /** How long the thing itself was away, in milliseconds: from the kill until it was ready again. */
  readonly ownMs?: number | undefined;
}

/** What is promised about the time without a successful order. */
export interface Goal {
  readonly words: string;
  /** Whether nobody asked for it, and the project set it itself. */
  readonly isOurs?: boolean;
  /** The longest time that is allowed, from the time that the thing itself was away. */
  readonly limitMs: (ownMs: number) => number;
}

export interface Blow {
  readonly stage: Stage;
  /** Which strike of this fault it is, from 0: takes them in turn. */
  readonly turn: number;
  readonly random: Random;
}

/** One kind of fault. It leaves the stage whole, and every process running. */
export interface Fault {
  readonly name: string;
  /** Whether it belongs to the short choice. */
  readonly isShort?: boolean;
  readonly goal?: Goal;
  /** Bytes added to each payload while it strikes. */
  readonly padding?: number;
  /** Whether it strikes only after the others: several at once. */
  readonly isLast?: boolean;
  /** Whether it strikes the cluster that holds the journal; all others strike where one server holds everything. */
  readonly needsCluster?: boolean;
  /** Why it cannot strike on this machine; undefined when it can. */
  readonly missing?: (stage: Stage) => string | undefined;
  readonly strike: (blow: Blow) => Promise<Struck>;
}
