import type { NewBranch } from '../engine/model';
import { isTccError, TccError } from '../lib/errors';

/**
 * Passes a coordinator's promise on; when it rejects because a participant or an action is not known, adds the fields of the
 * request that name it. `fieldOf` gives the path of a branch by its index.
 */
export async function namingField<Result>(
  branches: readonly NewBranch[],
  fieldOf: (index: number) => string,
  running: Promise<Result>,
): Promise<Result> {
  try {
    return await running;
  } catch (error) {
    throw isUnknownTarget(error) ? withFields(error, branches, fieldOf) : error;
  }
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
