/** The fence: makes Try, Confirm and Cancel safe against repeats, late calls and calls out of order. No driver, no gRPC. */
export type { FencedAnswer, FencedBatchWork } from './batch-run';
export { decide, type Decision, type FenceStatus, type Found } from './decision';
export type { FenceDialect } from './dialects';
export { CallExpired, Refused, type RefusalStatus } from './errors';
export {
  dollarPlaceholders,
  type ExecuteResult,
  type FenceExecutor,
  type LocalTransaction,
  type SqlParameter,
} from './executor';
export { createFence, Fence, type FencedWork, type FenceOptions, type FenceRunOptions } from './fence';
export { fenced, type FencedHandlers } from './fenced';
export {
  fencedBatch,
  type FencedBatchAction,
  type FencedBatchConfirmOrCancel,
  type FencedBatchHandlers,
  type FencedBatchTry,
} from './fenced-batch';
export type { RawPayload } from './payload';
export type { PurgeOptions, PurgeReport } from './purge';
export { FenceResult } from './result';
export type { FenceCall, FenceOutcome, Phase } from './words';
