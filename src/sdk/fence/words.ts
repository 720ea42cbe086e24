/** One of the three calls that a participant answers. */
export type Phase = 'try' | 'confirm' | 'cancel';

/**
 * What the fence found: `FRESH` the first call of its phase, the business code ran; `REPEAT` the phase had taken effect
 * before; `EMPTY_ROLLBACK` a Cancel without a Try before it; `HANGING_REFUSED` a Try that came after its Cancel.
 */
export type FenceOutcome = 'FRESH' | 'REPEAT' | 'EMPTY_ROLLBACK' | 'HANGING_REFUSED';

/** What the fence must know about a call. The participant server's BranchCall fits it, and so does a plain object. */
export interface FenceCall {
  /** The transaction's id: 1 to 64 characters of [A-Za-z0-9._:-]. */
  readonly gid: string;
  /** The branch's id within the transaction, of the same shape. */
  readonly branchId: string;
  readonly phase: Phase;
  /**
   * Milliseconds that are left for this call at the moment of asking. A Try that cannot commit within them is rolled
   * back. Default: no limit.
   */
  readonly remainingMs?: number | undefined;
}
