/** The application: runs transactions through the public client, as users do. */
import { randomBytes } from 'node:crypto';

import { createClient, type TccClient } from 'tcc-coordinator/client';

import type { RunOne } from './flow';
import { serveFlows } from './serve-flows';

export interface LoadTarget {
  readonly coordinators: readonly string[];
  /** Pipelined on a stream, or one call each. */
  readonly carrier: 'stream' | 'unary';
  /** One branch at each of these participants, action `work`; or the inventory's. */
  readonly participants: readonly string[];
  /** A branch at the sample inventory besides: one piece of this. */
  readonly sku?: string;
  readonly timeoutMs?: number;
}

const PAYLOAD_BYTES = 100;
const clients = new Map<string, TccClient>();

serveFlows((target: LoadTarget): RunOne => {
  const client = clientOf(target);
  const payload = { bytes: randomBytes(PAYLOAD_BYTES), contentType: 'application/octet-stream' };
  const branches = target.participants.map((participant) => ({ participant, action: 'work', payload }));
  const all =
    target.sku === undefined
      ? branches
      : [{ participant: 'inventory', action: 'deduct', payload: { sku: target.sku, quantity: 1 } }, ...branches];
  return async () => (await client.execute({ branches: all })).status;
});

function clientOf({ coordinators, carrier, timeoutMs = 30_000 }: LoadTarget): TccClient {
  const key = `${coordinators.join()} ${carrier} ${timeoutMs}`;
  const known = clients.get(key);
  if (known !== undefined) return known;
  const client = createClient({ addresses: coordinators, carrier, timeoutMs });
  clients.set(key, client);
  return client;
}
