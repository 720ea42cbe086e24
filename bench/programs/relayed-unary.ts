import { credentials } from '@grpc/grpc-js';

import { channelOptions } from '../../src/wire/channel';
import { tccV1 } from '../../src/wire/proto';
import type { Relayed } from './relay';
import { REMAINING_MS } from './relayed';

/** A participant at its address. */
export class RelayedUnary implements Relayed {
  private readonly client: InstanceType<typeof tccV1.ParticipantService>;

  constructor(address: string) {
    this.client = new tccV1.ParticipantService(address, credentials.createInsecure(), channelOptions);
  }

  call: Relayed['call'] = (phase, gid, { branchId, action, payload }) =>
    new Promise((resolve, reject) => {
      const call = { gid, branchId, action, attempt: 1, remainingMs: REMAINING_MS, payload };
      this.client[phase]({ call }, (error: Error | null) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
}
