import type { BranchStatus, OpenStatus, Phase, TerminalStatus } from './model';

/**
 * Which call each open status drives, as data: the engine reads this table and names no phase itself. Another pattern
 * (a saga, a reliable message) is another table over the same engine and journal.
 */
export interface Stage {
  /** What is called on every branch that is not `done` yet. */
  readonly phase: Phase;
  /** The branch's status once the call is acknowledged. */
  readonly done: BranchStatus;
  /** The transaction's status once every branch is done; undefined where a decision comes in between. */
  readonly finishesAs: TerminalStatus | undefined;
}

export type Pattern = Readonly<Record<OpenStatus, Stage>>;

/** Try, then Confirm or Cancel. */
export const tcc: Pattern = {
  TRYING: { phase: 'try', done: 'TRIED', finishesAs: undefined },
  CONFIRMING: { phase: 'confirm', done: 'CONFIRMED', finishesAs: 'CONFIRMED' },
  CANCELLING: { phase: 'cancel', done: 'CANCELLED', finishesAs: 'CANCELLED' },
};
