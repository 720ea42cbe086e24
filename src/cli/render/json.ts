import type { ParticipantView, TransactionDetails } from '../../sdk/client/admin';
import type { BranchView, TransactionView } from '../../sdk/client/views';

/**
 * The JSON that scripts rely on: fields are added, never renamed or removed. A field without a value is null; lists are
 * lists, also when they are empty. Every time is there twice: `…At` for people (ISO 8601, UTC) and `…AtMs` for programs.
 * Payloads and replies are left out: they are the participants' business.
 */

export function transactionJson(transaction: TransactionView) {
  const { gid, name, status, parked, cancelReason, branches, rounds } = transaction;
  return {
    gid,
    name,
    status,
    parked,
    cancelReason: cancelReason ?? null,
    ...moment('created', transaction.createdAtMs),
    ...moment('deadline', transaction.deadlineAtMs),
    ...moment('decided', transaction.decidedAtMs),
    ...moment('finished', transaction.finishedAtMs),
    ...moment('due', transaction.dueAtMs),
    rounds,
    branches: branches.map(branchJson),
  };
}

export function detailsJson({ transaction, attempts, timeline, worker }: TransactionDetails) {
  return {
    transaction: transactionJson(transaction),
    attempts: attempts.map(({ atMs, branchId, phase, attempt, code, message }) => ({
      ...instant(atMs),
      branchId,
      phase,
      attempt,
      code,
      message,
    })),
    timeline: timeline.map(({ atMs, branchId, text }) => ({
      ...instant(atMs),
      branchId: branchId === '' ? null : branchId,
      text,
    })),
    worker: worker === '' ? null : worker,
  };
}

export function listJson(transactions: readonly TransactionView[], nextPageToken: string) {
  return {
    // A list carries no branches; an empty list of them would say that there are none.
    transactions: transactions.map((transaction) => {
      const { branches, ...rest } = transactionJson(transaction);
      return branches.length === 0 ? rest : { ...rest, branches };
    }),
    nextPageToken: nextPageToken === '' ? null : nextPageToken,
  };
}

export function participantsJson(participants: readonly ParticipantView[]) {
  return {
    participants: participants.map(({ name, actions, instances }) => ({
      name,
      actions: actions.map((action) => ({
        name: action.name,
        methods: action.methods ?? null,
        callTimeoutMs: action.callTimeoutMs === 0 ? null : action.callTimeoutMs,
        tryAttempts: action.tryAttempts === 0 ? null : action.tryAttempts,
      })),
      instances: instances.map(({ instanceId, address, live, expiresAtMs }) => ({
        instanceId,
        address,
        live,
        ...moment('expires', expiresAtMs === 0 ? undefined : expiresAtMs),
      })),
    })),
  };
}

function branchJson(branch: BranchView) {
  const { branchId, participant, action, status, attempts, lastError } = branch;
  return {
    branchId,
    participant,
    action,
    status,
    attempts,
    lastError: lastError === '' ? null : lastError,
    ...moment('registered', branch.registeredAtMs),
    ...moment('tried', branch.triedAtMs),
    ...moment('finished', branch.finishedAtMs),
  };
}

type Moment<Name extends string> = { readonly [field in `${Name}At`]: string | null } & {
  readonly [field in `${Name}AtMs`]: number | null;
};

function moment<Name extends string>(name: Name, atMs: number | undefined): Moment<Name> {
  const iso = atMs === undefined ? null : new Date(atMs).toISOString();
  return { [`${name}At`]: iso, [`${name}AtMs`]: atMs ?? null } as Moment<Name>;
}

function instant(atMs: number) {
  return { at: new Date(atMs).toISOString(), atMs };
}
