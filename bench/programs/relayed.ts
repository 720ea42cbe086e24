/** An Execute as the relay reads it. */
export interface RelayedExecute {
  readonly gid: string;
  readonly branches: readonly {
    readonly branchId: string;
    readonly participant: string;
    readonly action: string;
    readonly payload: { readonly data: Uint8Array; readonly contentType: string } | null;
  }[];
}

/** Enums are names in unary calls and numbers in streams. */
const CONFIRMED = {
  stream: { transaction: 3, branch: 5 },
  unary: { transaction: 'TRANSACTION_STATUS_CONFIRMED', branch: 'BRANCH_STATUS_CONFIRMED' },
} as const;

/** An answer of the same size as a coordinator's. */
export function relayedTransaction({ gid, branches }: RelayedExecute, carrier: 'stream' | 'unary'): object {
  const atMs = Date.now();
  return {
    gid,
    name: '',
    status: CONFIRMED[carrier].transaction,
    branches: branches.map(({ branchId, participant, action }) => ({
      branchId,
      participant,
      action,
      status: CONFIRMED[carrier].branch,
      registeredAtMs: atMs,
      triedAtMs: atMs,
      finishedAtMs: atMs,
    })),
    createdAtMs: atMs,
    deadlineAtMs: atMs,
    decidedAtMs: atMs,
    finishedAtMs: atMs,
  };
}

/** What a call lets the participant take, in milliseconds: as a coordinator's does. */
export const REMAINING_MS = 3_000;
