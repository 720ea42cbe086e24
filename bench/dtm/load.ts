/** An application of DTM's, as its SDK does a TCC transaction: prepare, then register and try branch by branch, then submit. */
import { randomBytes } from 'node:crypto';

import { Client, credentials, Metadata } from '@grpc/grpc-js';

import { ulidSource } from '../../src/lib/ids';
import { channelOptions } from '../../src/wire/channel';
import type { RunOne } from '../programs/flow';
import { serveFlows } from '../programs/serve-flows';
import { methodOf, serialiser, workMethods } from './messages';

export interface DtmTarget {
  readonly dtm: string;
  readonly participants: readonly string[];
}

const PAYLOAD = randomBytes(100);
const TCC = 'tcc';
const encodeRequest = serialiser('DtmRequest');
const encodeBranch = serialiser('DtmBranchRequest');
const newGid = ulidSource();
const clients = new Map<string, Client>();

serveFlows(({ dtm, participants }: DtmTarget): RunOne => {
  const coordinator = clientOf(dtm);
  return async () => {
    const Gid = newGid();
    const TransOptions = { WaitResult: true };
    const whole = encodeRequest({ Gid, TransType: TCC, TransOptions });
    await call(coordinator, methodOf('Prepare'), whole);
    for (const [index, address] of participants.entries()) {
      const BranchID = `0${index + 1}`;
      const Data = { confirm: `${address}${workMethods.confirm}`, cancel: `${address}${workMethods.cancel}` };
      const branch = { Gid, TransType: TCC, BranchID, Data, BusiPayload: PAYLOAD };
      await call(coordinator, methodOf('RegisterBranch'), encodeBranch(branch));
      await call(clientOf(address), workMethods.try, PAYLOAD, headers(Gid, BranchID));
    }
    await call(coordinator, methodOf('Submit'), whole);
    return 'CONFIRMED';
  };
});

function headers(gid: string, branchId: string): Metadata {
  const metadata = new Metadata();
  metadata.set('dtm-gid', gid);
  metadata.set('dtm-trans_type', TCC);
  metadata.set('dtm-branch_id', branchId);
  metadata.set('dtm-op', 'try');
  return metadata;
}

function call(client: Client, path: string, request: Buffer, metadata = new Metadata()): Promise<void> {
  const bytes = (value: Buffer): Buffer => value;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, bytes, bytes, request, metadata, (error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}

function clientOf(address: string): Client {
  let client = clients.get(address);
  if (client === undefined) {
    client = new Client(address, credentials.createInsecure(), channelOptions);
    clients.set(address, client);
  }
  return client;
}
