/** Names one branch of one transaction: the key of every row that a participant keeps about it. */
export interface BranchKey {
  readonly gid: string;
  readonly branchId: string;
}
