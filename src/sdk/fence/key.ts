import { ID_PATTERN } from '../../lib/ids';
import type { FenceCall } from './words';

export const INVALID_KEY = 'gid and branch_id must be 1 to 64 characters of [A-Za-z0-9._:-]';

/** A key that a column would cut, or compare in another way than bytes, would fence the wrong branch. */
export function hasValidKey({ gid, branchId }: FenceCall): boolean {
  return ID_PATTERN.test(gid) && ID_PATTERN.test(branchId);
}
