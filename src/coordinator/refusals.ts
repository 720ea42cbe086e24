import { TccError } from '../lib/errors';
import type { Refusal } from '../engine/driven';
import { cancelReasonOf, type Transaction } from '../engine/model';

/** No transaction has this gid. */
export function missing(gid: string): TccError {
  return new TccError('TRANSACTION_NOT_FOUND', `there is no transaction ${gid}`, { metadata: { gid } });
}

/** The engine's refusal as the error that the caller sees. */
export function refused(refusal: Refusal): TccError {
  return new TccError(refusal.code, refusal.message, { metadata: refusal.metadata });
}

/** The decision went the other way. */
export function decidedOtherwise(transaction: Transaction): TccError {
  const { gid, state } = transaction;
  const reason = cancelReasonOf(state);
  const why = reason === undefined ? '' : ` (${reason.code}: ${reason.message})`;
  return new TccError('WRONG_STATE', `transaction ${gid} is ${state.status}${why}`, {
    metadata: {
      gid,
      status: state.status,
      ...(reason && { cancelCode: reason.code, cancelBranchId: reason.branchId, cancelMessage: reason.message }),
    },
  });
}

/** This coordinator is going away. */
export function draining(instead: string): TccError {
  return new TccError('DRAINING', `this coordinator is shutting down; ${instead}`);
}
