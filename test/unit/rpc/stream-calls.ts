import type { TransactionApi } from '../../../src/coordinator/api';
import { TccError } from '../../../src/lib/errors';
import { decodeDetails } from '../../../src/wire/error-details';
import type { ExecuteStreamReply__Output } from '../../../src/wire/generated/tcc/v1/ExecuteStreamReply';
import { eventually } from '../../support/eventually';
import { executeRequest } from './requests';
import type { StreamHouse } from './stream-house';
import { transaction } from './transactions';

/** A transaction that has ended well. */
export const confirmed = (gid: string) =>
  transaction({ status: 'CONFIRMED', decidedAt: 1_200, finishedAt: 1_300 }, { gid });

/** Answers at once. */
export const atOnce: Partial<TransactionApi> = {
  execute: ({ gid }) => Promise.resolve(confirmed(gid)),
  begin: ({ gid }) => Promise.resolve(transaction({ status: 'TRYING' }, { gid, branches: [] })),
};

/** Answers when the test says so, and gives up when its signal says so, as the coordinator does. */
export function onDemand() {
  const waits = new Map<string, { answer: () => void; gaveUp: boolean }>();
  const api: Partial<TransactionApi> = {
    execute: ({ gid }, _, signal) =>
      new Promise((resolve, reject) => {
        const wait = { answer: () => resolve(confirmed(gid)), gaveUp: false };
        waits.set(gid, wait);
        signal.addEventListener('abort', () => {
          wait.gaveUp = true;
          reject(new TccError('WAIT_ABANDONED', 'given up'));
        });
      }),
  };
  const answer = (gid: string) => waits.get(gid)?.answer();
  const gaveUp = (gid: string) => waits.get(gid)?.gaveUp;
  return { api, waits, answer, gaveUp };
}

/** An entry that runs a transaction. */
export const execute = (id: number, gid = `order-${id}`, timeoutMs = 0) => ({
  id,
  timeoutMs,
  execute: executeRequest({ gid }),
});

/** The last reply to each entry. */
export const byId = (house: StreamHouse) => new Map(house.replies.map((reply) => [reply.id, reply]));
/** Why an entry failed, by its code. */
export const reasonOf = (reply: ExecuteStreamReply__Output | undefined) =>
  decodeDetails(reply?.failure?.details ?? Buffer.alloc(0)).reason;

/** Waits until so many entries are answered. */
export async function answered(house: StreamHouse, count: number): Promise<void> {
  await eventually(() => expect(house.replies).toHaveLength(count));
}
