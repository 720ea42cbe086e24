import type { Coverage } from './kernel/coverage';
import { faultKinds } from './kernel/faults';

/** So many seeds reach everything; a run of fewer is not held to it. The rarest is reached about once in a hundred. */
export const ENOUGH_SEEDS = 1_000;

/** What a run of enough seeds must have reached, besides every fault. */
export const requiredPaths: readonly string[] = [
  'path: CONFIRMED',
  'path: CANCELLED',
  'path: cancelled because refused',
  'path: cancelled because timed out',
  'path: cancelled because unreachable',
  'path: cancelled because rolled back',
  'path: a Try arrives after its Cancel',
  'path: a batch of several calls',
  'path: a call finds too many before it',
  'path: a call runs out of time',
  'path: a fence row is purged',
  'path: a gid is taken',
  'path: a local transaction is run again',
  'path: a statement waits for a lock',
  'path: a participant finds a coordinator that another one has named',
  'path: a step fails',
  'path: a watcher sees the end',
  'path: calls of a branch wait for each other',
  'path: others go on beside a participant that fails every call',
  'path: others go on beside a participant that never answers',
  'path: parked, and made due by an operator',
  'path: purged',
  'path: the patience of a client runs out',
  'path: an application hears confirmed',
  'path: an application hears cancelled',
  'path: an application hears that it is accepted',
  ...['begin', 'register', 'answer', 'decide', 'postpone', 'finish', 'retry'].map((kind) => `step: ${kind} applied`),
  ...['begin', 'register', 'answer', 'decide', 'postpone', 'finish'].map((kind) => `step: ${kind} stands`),
  'answer: try done FRESH',
  'answer: try done REPEAT',
  'answer: try refused',
  'answer: try refused HANGING_REFUSED',
  'answer: try unknown',
  'answer: confirm done REPEAT',
  'answer: confirm refused',
  'answer: confirm unknown',
  'answer: cancel done FRESH',
  'answer: cancel done REPEAT',
  'answer: cancel done EMPTY_ROLLBACK',
  'answer: cancel unknown',
];

/** What was never reached. */
export function missingOf(coverage: Coverage): readonly string[] {
  return [...Object.keys(faultKinds), ...requiredPaths].filter((what) => !coverage.counts.has(what));
}
