import type { Branch, State, Transaction } from '../../../src/engine/model';

export function branch(changes: Partial<Branch> = {}): Branch {
  return {
    branchId: 'stock',
    participant: 'inventory',
    action: 'deduct',
    payload: { data: new Uint8Array(0), contentType: '' },
    triedBy: 'coordinator',
    status: 'REGISTERED',
    tryReply: undefined,
    attempts: 0,
    refusals: 0,
    lastError: '',
    registeredAt: 1_000,
    triedAt: undefined,
    finishedAt: undefined,
    ...changes,
  };
}

export function transaction(state: State, changes: Partial<Omit<Transaction, 'state'>> = {}): Transaction {
  return {
    gid: 'order-1',
    name: 'place-order',
    mode: 'execute',
    tryOrder: 'parallel',
    state,
    createdAt: 1_000,
    deadlineAt: 31_000,
    dueAt: 6_000,
    rounds: 0,
    epoch: 0,
    worker: 'tccd-1',
    branches: [branch()],
    ...changes,
  };
}

export const reason = { code: 'REFUSED', branchId: 'stock', message: 'no stock' } as const;

/** One of each state. */
export const states: Record<string, State> = {
  TRYING: { status: 'TRYING' },
  CONFIRMING: { status: 'CONFIRMING', decidedAt: 1_200, parked: true },
  CONFIRMED: { status: 'CONFIRMED', decidedAt: 1_200, finishedAt: 1_300 },
  CANCELLING: { status: 'CANCELLING', decidedAt: 1_200, parked: false, reason },
  CANCELLED: { status: 'CANCELLED', decidedAt: 1_200, finishedAt: 1_300, reason },
};
