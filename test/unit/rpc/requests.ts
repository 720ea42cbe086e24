import type { RequestLimits } from '../../../src/rpc/validate';
import { type FieldViolation, isTccError } from '../../../src/lib/errors';
import type { ExecuteRequest__Output } from '../../../src/wire/generated/tcc/v1/ExecuteRequest';
import type { ListTransactionsRequest__Output } from '../../../src/wire/generated/tcc/v1/ListTransactionsRequest';
import type { NewBranch__Output } from '../../../src/wire/generated/tcc/v1/NewBranch';
import type { RegisterRequest__Output } from '../../../src/wire/generated/tcc/v1/RegisterRequest';

/** Small limits, so that a test can reach each of them. */
export const limits: RequestLimits = {
  payloadBytes: 16,
  branches: 4,
  timeoutMs: 60_000,
  defaultTimeoutMs: 30_000,
  replyBytes: 64,
};

export function branchRequest(changes: Partial<NewBranch__Output> = {}): NewBranch__Output {
  return { branchId: 'stock', participant: 'inventory', action: 'deduct', payload: null, ...changes };
}

export function executeRequest(changes: Partial<ExecuteRequest__Output> = {}): ExecuteRequest__Output {
  return {
    gid: 'order-1',
    name: 'place-order',
    branches: [branchRequest()],
    tryOrder: 'TRY_ORDER_UNSPECIFIED',
    wait: 'WAIT_UNSPECIFIED',
    timeoutMs: 0,
    ...changes,
  };
}

export function registerRequest(changes: Partial<RegisterRequest__Output> = {}): RegisterRequest__Output {
  return {
    participant: 'inventory',
    instanceId: 'inventory-1',
    address: '127.0.0.1:9000',
    actions: [{ name: 'deduct', methods: null, callTimeoutMs: 0, tryAttempts: 0 }],
    lifetimeMs: 0,
    ...changes,
  };
}

export function listRequest(changes: Partial<ListTransactionsRequest__Output> = {}): ListTransactionsRequest__Output {
  return {
    statuses: [],
    name: '',
    participant: '',
    olderThanMs: 0,
    parked: false,
    pageSize: 0,
    pageToken: '',
    gidPrefix: '',
    minRounds: 0,
    ...changes,
  };
}

/** The violations that a reader throws; none when it takes the request. */
export function violationsOf(read: () => unknown): readonly FieldViolation[] {
  try {
    read();
    return [];
  } catch (error) {
    if (isTccError(error, 'INVALID_REQUEST')) return error.violations;
    throw error;
  }
}

export function fieldsOf(read: () => unknown): readonly string[] {
  return violationsOf(read).map(({ field }) => field);
}
