import type { NewBranch } from '../../wire/generated/tcc/v1/NewBranch';
import { ID_PATTERN } from '../../lib/ids';
import { encodePayload } from './payload';

/** A branch that the application adds to a transaction. */
export interface BranchOptions {
  /** The participant's name as it is registered. */
  readonly participant: string;
  /** One of the participant's actions. */
  readonly action: string;
  /** Handed to the participant in each phase: any JSON value, or a RawPayload ({ bytes, contentType }). Default: none. */
  readonly payload?: unknown;
  /** Unique within the transaction. Default: `participant-action`, then `participant-action-2`, … */
  readonly branchId?: string | undefined;
}

/**
 * Names the branches of one transaction that have no name. The names depend on the order alone, so that the same
 * transaction sent again has the same ones.
 */
export class BranchNames {
  private readonly taken: Set<string>;

  constructor(taken: Iterable<string> = []) {
    this.taken = new Set(taken);
  }

  next(branch: Pick<BranchOptions, 'participant' | 'action' | 'branchId'>): string {
    const name = branch.branchId ?? this.free(baseName(branch.participant, branch.action));
    this.taken.add(name);
    return name;
  }

  private free(base: string): string {
    if (!this.taken.has(base)) return base;
    for (let repeat = 2; ; repeat += 1) {
      const name = `${base}-${repeat}`;
      if (!this.taken.has(name)) return name;
    }
  }
}

/** The branches of one Execute, named. */
export function branchesToProto(branches: readonly BranchOptions[]): NewBranch[] {
  const names = new BranchNames(branches.flatMap(({ branchId }) => (branchId === undefined ? [] : [branchId])));
  return branches.map((branch, index) => branchToProto(branch, names.next(branch), `branches[${index}].payload`));
}

export function branchToProto(branch: BranchOptions, branchId: string, field = 'branch.payload'): NewBranch {
  const { participant, action } = branch;
  return { branchId, participant, action, payload: encodePayload(branch.payload, field) };
}

/** Room for the longest suffix of a repeat within the 64 characters of an id. */
const BASE_LENGTH = 60;

function baseName(participant: string, action: string): string {
  const base = `${participant}-${action}`;
  // Two names of 64 characters do not fit into one id. A participant or action that is no id is refused by the coordinator
  // under its own field, so the name made of it must not be at fault first.
  return ID_PATTERN.test(base) ? base.slice(0, BASE_LENGTH) : 'branch';
}
