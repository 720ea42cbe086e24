import { TccClient } from './client';
import type { ClientOptions } from './options';

export type { BranchOptions } from './branches';
export { TccClient } from './client';
export {
  type Cancellation,
  CancelledError,
  RefusedError,
  TccClientError,
  TccRequestError,
  TimedOutError,
  UnavailableError,
} from './errors';
export type { ClientOptions } from './options';
export type {
  BeginOptions,
  BranchCallOptions,
  CallOptions,
  DecideOptions,
  ExecuteOptions,
  RollbackOptions,
  Wait,
} from './requests';
export type { RunOptions, RunResult, TransactionScope } from './run';
export type {
  BranchStatus,
  BranchView,
  CancelCode,
  CancelReasonView,
  RawPayload,
  TransactionStatus,
  TransactionView,
} from './views';

/**
 * A client of the coordinators at `addresses`; nothing is connected before the first call. Throws TypeError when there is
 * no address, and TccRequestError for an impossible timeout.
 */
export function createClient(options: ClientOptions): TccClient {
  return new TccClient(options);
}
