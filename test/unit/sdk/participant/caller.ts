import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';

import type { BranchCall } from '../../../../src/wire/generated/tcc/v1/BranchCall';
import type { BranchReply__Output } from '../../../../src/wire/generated/tcc/v1/BranchReply';
import { tccV1 } from '../../../../src/wire/proto';
import { statusName, type StatusName } from '../../../../src/wire/status';

/** What a call came to. */
export interface Outcome {
  readonly status: StatusName;
  readonly message: string;
  readonly fence: string | undefined;
  readonly reply: BranchReply__Output | null;
}

/** Calls a participant as a coordinator does. */
export class Caller {
  private readonly client: InstanceType<typeof tccV1.ParticipantService>;

  constructor(address: string) {
    this.client = new tccV1.ParticipantService(address, credentials.createInsecure());
  }

  call(
    method: 'try' | 'confirm' | 'cancel',
    call: BranchCall | null,
    options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Outcome> {
    const { deadlineMs = 5_000, signal } = options;
    return new Promise((resolve) => {
      const running = this.client[method](
        { call },
        new Metadata(),
        { deadline: Date.now() + deadlineMs },
        (error: ServiceError | null, response?: { reply: BranchReply__Output | null }) => {
          const [fence] = error?.metadata.get('tcc-fence') ?? [];
          resolve({
            status: statusName(error?.code ?? 0),
            message: error?.details ?? '',
            fence: fence?.toString(),
            reply: response?.reply ?? null,
          });
        },
      );
      signal?.addEventListener('abort', () => running.cancel());
    });
  }

  close(): void {
    this.client.close();
  }
}

/** A call with a JSON payload. */
export function branchCall(payload: unknown, extra: BranchCall = {}): BranchCall {
  return {
    gid: 'order-1',
    branchId: 'stock',
    action: 'deduct',
    attempt: 1,
    remainingMs: 5_000,
    payload: { data: Buffer.from(JSON.stringify(payload)), contentType: 'application/json' },
    ...extra,
  };
}
