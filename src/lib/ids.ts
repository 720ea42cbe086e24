import { monotonicFactory } from 'ulid';

/** Makes ids that nobody else makes. */
export type IdSource = () => string;

/** ULIDs: 26 characters that sort by the time of their making. */
export function ulidSource(): IdSource {
  const next = monotonicFactory();
  return () => next();
}

/** What a gid, branch_id, participant, action, instance id or transaction name may look like. */
export const ID_PATTERN = /^[A-Za-z0-9._:-]{1,64}$/;
