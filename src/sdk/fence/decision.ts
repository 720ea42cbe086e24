import type { RefusalStatus } from './errors';
import type { FenceOutcome, Phase } from './words';

/** What a fence row says. There is no row before the first Try or Cancel. */
export type FenceStatus = 'TRIED' | 'CONFIRMED' | 'CANCELLED';

/**
 * What the phase's first statement met: `NEW` it took effect (the row was inserted by Try or Cancel, or moved from TRIED
 * by Confirm); a status: the row was there and said so; `MISSING` there is no row.
 */
export type Found = 'NEW' | 'MISSING' | FenceStatus;

/** What to do about it. */
export type Decision =
  /** Run the business code; `thenCancelled`: afterwards set the row to CANCELLED. */
  | { readonly kind: 'run'; readonly outcome: FenceOutcome; readonly thenCancelled: boolean }
  /** Answer OK without running anything; a Try answers its stored reply. */
  | { readonly kind: 'answer'; readonly outcome: FenceOutcome }
  | {
      readonly kind: 'refuse';
      readonly status: RefusalStatus;
      readonly message: string;
      readonly outcome: FenceOutcome | undefined;
    }
  /** The statements cannot find this. */
  | { readonly kind: 'impossible' };

const run: Decision = { kind: 'run', outcome: 'FRESH', thenCancelled: false };
const runAndCancel: Decision = { kind: 'run', outcome: 'FRESH', thenCancelled: true };
const runWithoutTry: Decision = { kind: 'run', outcome: 'EMPTY_ROLLBACK', thenCancelled: false };
const repeat: Decision = { kind: 'answer', outcome: 'REPEAT' };
const emptyRollback: Decision = { kind: 'answer', outcome: 'EMPTY_ROLLBACK' };
const hanging: Decision = {
  kind: 'refuse',
  status: 'ABORTED',
  message: 'this Try came after its Cancel',
  outcome: 'HANGING_REFUSED',
};
const impossible: Decision = { kind: 'impossible' };

function broken(message: string): Decision {
  return { kind: 'refuse', status: 'FAILED_PRECONDITION', message, outcome: undefined };
}

/** The fence's rules (I10): every phase and everything that it can find. */
const decisions: Readonly<Record<Phase, Readonly<Record<Found, Decision>>>> = {
  try: { NEW: run, TRIED: repeat, CONFIRMED: repeat, CANCELLED: hanging, MISSING: impossible },
  confirm: {
    NEW: run,
    TRIED: impossible,
    CONFIRMED: repeat,
    CANCELLED: broken('cannot confirm: the branch is cancelled'),
    MISSING: broken('cannot confirm: the branch was never tried'),
  },
  cancel: {
    NEW: emptyRollback,
    TRIED: runAndCancel,
    CONFIRMED: broken('cannot cancel: the branch is confirmed'),
    CANCELLED: repeat,
    MISSING: impossible,
  },
};

/** What to do when `phase` found this. `cancelWithoutTry`: a Cancel without a Try runs the business code too, once. */
export function decide(phase: Phase, found: Found, cancelWithoutTry = false): Decision {
  const decision = decisions[phase][found];
  return decision === emptyRollback && cancelWithoutTry ? runWithoutTry : decision;
}
