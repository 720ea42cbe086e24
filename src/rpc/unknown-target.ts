import type { NewBranch } from '../engine/model';
import { isTccError, TccError } from '../lib/errors';

/**
 * What a coordinator's call failed with. When that is a participant or an action that is not known, with the fields of the
 * request that name it. `fieldOf` gives the path of a branch by its index.
 */
export function namingField(
  error: unknown,
  branches: readonly NewBranch[],
  fieldOf: (index: number) => string,
): unknown {
  return isUnknownTarget(error) ? withFields(error, branches, fieldOf) : error;
}

function isUnknownTarget(error: unknown): error is TccError {
  return isTccError(error, 'UNKNOWN_PARTICIPANT') || isTccError(error, 'UNKNOWN_ACTION');
}

function withFields(error: TccError, branches: readonly NewBranch[], fieldOf: (index: number) => string): TccError {
  const { participant, action } = error.metadata;
  const field = error.code === 'UNKNOWN_PARTICIPANT' ? 'participant' : 'action';
  const violations = branches.flatMap((branch, index) =>
    branch.participant === participant && (field === 'participant' || branch.action === action)
      ? [{ field: `${fieldOf(index)}.${field}`, description: error.message }]
      : [],
  );
  return new TccError(error.code, error.message, { metadata: error.metadata, violations, cause: error });
}
