import type { Attempt__Output } from '../../wire/generated/tcc/v1/Attempt';
import type { Participant__Output } from '../../wire/generated/tcc/v1/Participant';
import type { Phase__Output } from '../../wire/generated/tcc/v1/Phase';
import { tccV1 } from '../../wire/proto';
import { statusToProto, transactionFromProto } from './convert';
import type { Failover } from './failover';
import { CALL_MS, type ClientOptions, openFailover } from './options';
import type { TransactionStatus, TransactionView } from './views';
import { watchTransaction } from './watch';

const admin = tccV1.AdminService.service;
const registry = tccV1.RegistryService.service;

export type PhaseName = 'try' | 'confirm' | 'cancel';

/** One call that did not go well, or that the fence found to be more than a fresh one. */
export interface AttemptView {
  readonly branchId: string;
  readonly phase: PhaseName;
  /** From 1 within the phase. */
  readonly attempt: number;
  readonly code: string;
  readonly message: string;
  readonly atMs: number;
}

/** One thing that happened. */
export interface TimelineEventView {
  readonly atMs: number;
  readonly text: string;
  /** '' for the transaction itself. */
  readonly branchId: string;
}

export interface TransactionDetails {
  readonly transaction: TransactionView;
  readonly attempts: readonly AttemptView[];
  readonly timeline: readonly TimelineEventView[];
  /** The coordinator that worked on it last. */
  readonly worker: string;
}

/** Every field narrows the list; absent ones do not. */
export interface ListFilter {
  readonly statuses?: readonly TransactionStatus[] | undefined;
  readonly name?: string | undefined;
  readonly participant?: string | undefined;
  readonly olderThanMs?: number | undefined;
  readonly parked?: boolean | undefined;
  readonly minRounds?: number | undefined;
  readonly gidPrefix?: string | undefined;
}

export interface TransactionPage {
  /** Without branches. */
  readonly transactions: readonly TransactionView[];
  /** '' when this was the last page. */
  readonly nextPageToken: string;
}

export interface ParticipantView {
  readonly name: string;
  readonly actions: readonly {
    readonly name: string;
    readonly methods: { readonly try: string; readonly confirm: string; readonly cancel: string } | undefined;
    /** 0: the coordinator's default. */
    readonly callTimeoutMs: number;
    /** 0: the coordinator's default. */
    readonly tryAttempts: number;
  }[];
  readonly instances: readonly {
    readonly instanceId: string;
    readonly address: string;
    /** 0 for one of the config file, which never expires. */
    readonly expiresAtMs: number;
    readonly live: boolean;
  }[];
}

/** What an operator asks the coordinators. Rejects as TccClient does. */
export class AdminClient {
  private readonly failover: Failover;
  private readonly timeoutMs: number;

  /** `timeoutMs`: how long each call goes on trying, in all. */
  constructor(options: ClientOptions & { readonly timeoutMs: number }) {
    this.timeoutMs = options.timeoutMs;
    this.failover = openFailover(options);
  }

  getTransaction(gid: string, signal?: AbortSignal): Promise<TransactionDetails> {
    return this.failover.call({
      method: admin.GetTransaction,
      request: () => ({ gid }),
      read: ({ transaction, attempts, timeline, worker }) => ({
        transaction: transactionFromProto(transaction),
        attempts: attempts.map(attemptFromProto),
        timeline,
        worker,
      }),
      ...this.terms(signal),
      gid,
    });
  }

  /** `pageSize` from 1 to 1,000. */
  listTransactions(
    filter: ListFilter,
    page: { readonly pageSize: number; readonly pageToken: string },
    signal?: AbortSignal,
  ): Promise<TransactionPage> {
    const { statuses = [], name = '', participant = '', olderThanMs = 0, gidPrefix = '', minRounds = 0 } = filter;
    const { parked = false } = filter;
    const request = { name, participant, olderThanMs, parked, gidPrefix, minRounds, ...page };
    return this.failover.call({
      method: admin.ListTransactions,
      request: () => ({ ...request, statuses: statuses.map(statusToProto) }),
      read: ({ transactions, nextPageToken }) => ({
        transactions: transactions.map(transactionFromProto),
        nextPageToken,
      }),
      ...this.terms(signal),
    });
  }

  /** Makes an open transaction due now, and unparks it. */
  retryTransaction(gid: string, signal?: AbortSignal): Promise<TransactionView> {
    return this.failover.call({
      method: admin.RetryTransaction,
      request: () => ({ gid }),
      read: ({ transaction }) => transactionFromProto(transaction),
      ...this.terms(signal),
      gid,
    });
  }

  listParticipants(signal?: AbortSignal): Promise<readonly ParticipantView[]> {
    return this.failover.call({
      method: registry.ListParticipants,
      request: () => ({}),
      read: ({ participants }) => participants.map(participantFromProto),
      ...this.terms(signal),
    });
  }

  watch(gid: string, signal?: AbortSignal): AsyncGenerator<TransactionView, void, undefined> {
    return watchTransaction(this.failover, gid, { patienceMs: this.timeoutMs, signal });
  }

  close(): void {
    this.failover.close();
  }

  private terms(signal: AbortSignal | undefined) {
    return { patienceMs: this.timeoutMs, attemptMs: CALL_MS, changes: false, signal } as const;
  }
}

function attemptFromProto({ branchId, phase, attempt, code, message, atMs }: Attempt__Output): AttemptView {
  return { branchId, phase: phases[phase], attempt, code, message, atMs };
}

const phases: Readonly<Record<Phase__Output, PhaseName>> = {
  PHASE_UNSPECIFIED: 'try',
  PHASE_TRY: 'try',
  PHASE_CONFIRM: 'confirm',
  PHASE_CANCEL: 'cancel',
};

function participantFromProto({ name, actions, instances }: Participant__Output): ParticipantView {
  return {
    name,
    actions: actions.map(({ methods, ...action }) => ({ ...action, methods: methods ?? undefined })),
    instances,
  };
}
