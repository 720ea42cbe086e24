import type { Wait } from '../coordinator/api';
import type { NewBranch, NewTransaction } from '../engine/model';
import type { IdSource } from '../lib/ids';
import type { BeginRequest__Output } from '../wire/generated/tcc/v1/BeginRequest';
import type { CommitRequest__Output } from '../wire/generated/tcc/v1/CommitRequest';
import type { ExecuteRequest__Output } from '../wire/generated/tcc/v1/ExecuteRequest';
import type { RollbackRequest__Output } from '../wire/generated/tcc/v1/RollbackRequest';
import { ownBytes } from '../wire/raw-bytes';
import { tryOrders, waits } from './enums';
import { checked, type RequestLimits, Violations } from './validate';

/**
 * Requests as either carrier decodes them: enums are names in unary calls and numbers in streams, and absent bytes may be an
 * empty list.
 */
export type ExecuteInput = Omit<ExecuteRequest__Output, 'branches' | 'tryOrder' | 'wait'> & {
  readonly branches: readonly BranchInput[];
  readonly tryOrder: string | number;
  readonly wait: string | number;
};
export type BeginInput = BeginRequest__Output;
export interface NewBranchInput {
  readonly gid: string;
  readonly branch: BranchInput | null;
}
export type CommitInput = Omit<CommitRequest__Output, 'wait'> & { readonly wait: string | number };
export type RollbackInput = Omit<RollbackRequest__Output, 'wait'> & { readonly wait: string | number };

interface BranchInput {
  readonly branchId: string;
  readonly participant: string;
  readonly action: string;
  readonly payload: { readonly data: Uint8Array | readonly never[]; readonly contentType: string } | null;
}

type TriedBy = NewBranch['triedBy'];

/** Each function takes a request as it came and returns what the coordinator takes, or throws INVALID_REQUEST. */
export function readExecute(
  request: ExecuteInput,
  limits: RequestLimits,
  newGid: IdSource,
): { transaction: NewTransaction; wait: Wait } {
  const violations = new Violations();
  checkHead(violations, request, limits);
  checkBranches(violations, request.branches, limits);
  const tryOrder = violations.known('try_order', request.tryOrder, tryOrders);
  const wait = violations.known('wait', request.wait, waits);
  violations.throwIfAny();
  const { gid, name, timeoutMs } = head(request, limits, newGid);
  const branches = request.branches.map((branch) => newBranch(branch, 'coordinator'));
  return {
    transaction: { gid, name, mode: 'execute', tryOrder: checked(tryOrder), timeoutMs, branches },
    wait: checked(wait),
  };
}

export function readBegin(request: BeginInput, limits: RequestLimits, newGid: IdSource): NewTransaction {
  const violations = new Violations();
  checkHead(violations, request, limits);
  violations.throwIfAny();
  return { ...head(request, limits, newGid), mode: 'interactive', tryOrder: 'parallel', branches: [] };
}

/** Try and RegisterBranch. */
export function readBranch(
  request: NewBranchInput,
  limits: RequestLimits,
  triedBy: TriedBy,
): { gid: string; branch: NewBranch } {
  const violations = new Violations();
  violations.id('gid', request.gid);
  if (request.branch === null) violations.add('branch', 'is required');
  else {
    violations.within('branch');
    checkBranch(violations, request.branch, limits);
  }
  violations.throwIfAny();
  return { gid: request.gid, branch: newBranch(checked(request.branch ?? undefined), triedBy) };
}

export function readCommit(request: CommitInput): { gid: string; wait: Wait } {
  const violations = new Violations();
  violations.id('gid', request.gid);
  const wait = violations.known('wait', request.wait, waits);
  violations.throwIfAny();
  return { gid: request.gid, wait: decidedAtLeast(checked(wait)) };
}

export function readRollback(request: RollbackInput): { gid: string; wait: Wait; reason: string } {
  const violations = new Violations();
  violations.id('gid', request.gid);
  const wait = violations.known('wait', request.wait, waits);
  violations.sentence('reason', request.reason);
  violations.throwIfAny();
  return { gid: request.gid, wait: decidedAtLeast(checked(wait)), reason: request.reason };
}

/** Get, Watch, GetTransaction, RetryTransaction. */
export function readGid(request: { gid: string }): string {
  const violations = new Violations();
  violations.id('gid', request.gid);
  violations.throwIfAny();
  return request.gid;
}

type Head = Pick<ExecuteInput, 'gid' | 'name' | 'timeoutMs'>;

function checkHead(violations: Violations, request: Head, limits: RequestLimits): void {
  violations.idOrEmpty('gid', request.gid);
  violations.idOrEmpty('name', request.name);
  violations.countOrZero('timeout_ms', request.timeoutMs, 1, limits.timeoutMs);
}

function head(request: Head, limits: RequestLimits, newGid: IdSource) {
  return {
    gid: request.gid === '' ? newGid() : request.gid,
    name: request.name,
    timeoutMs: request.timeoutMs === 0 ? limits.defaultTimeoutMs : request.timeoutMs,
  };
}

function checkBranches(violations: Violations, branches: readonly BranchInput[], limits: RequestLimits): void {
  if (branches.length === 0) violations.add('branches', 'must have at least one branch');
  if (branches.length > limits.branches) {
    violations.add('branches', `has ${branches.length} branches; at most ${limits.branches} are allowed`);
  }
  // A request of a million empty branches must not earn a reply of a million violations.
  for (const [index, branch] of branches.slice(0, limits.branches).entries()) {
    violations.within('branches', index);
    checkBranch(violations, branch, limits);
    const first = branches.findIndex(({ branchId }) => branchId === branch.branchId);
    if (first < index) violations.add('branch_id', `is the same as branches[${first}].branch_id`);
  }
  violations.within('');
}

function checkBranch(violations: Violations, branch: BranchInput, limits: RequestLimits): void {
  violations.id('branch_id', branch.branchId);
  violations.id('participant', branch.participant);
  violations.id('action', branch.action);
  if (branch.payload === null) return;
  violations.bytes('payload.data', branch.payload.data, limits.payloadBytes);
  violations.contentType('payload.content_type', branch.payload.contentType);
}

function newBranch(branch: BranchInput, triedBy: TriedBy): NewBranch {
  return {
    branchId: branch.branchId,
    participant: branch.participant,
    action: branch.action,
    payload: {
      data: ownBytes(branch.payload?.data ?? []),
      contentType: branch.payload?.contentType ?? '',
    },
    triedBy,
  };
}

/** The transaction is in the journal already: all that can be waited for is the decision. */
function decidedAtLeast(wait: Wait): Wait {
  return wait === 'accepted' ? 'decided' : wait;
}
