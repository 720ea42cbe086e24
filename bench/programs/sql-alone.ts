/**
 * The journal's own steps of a transaction that is confirmed, driven by nothing but themselves: no gRPC, no coordinator, no
 * participant. What remains is what the database and the group commit can do.
 */
import { randomBytes } from 'node:crypto';

import { ulidSource } from '../../src/lib/ids';
import type { RunOne } from './flow';
import { serveFlows } from './serve-flows';
import { openSteps, type Steps } from './steps';

export interface SqlTarget {
  readonly databaseUrl: string;
  /** How far to take each: all the way, or leave it undecided or unconfirmed as a coordinator does that is killed. */
  readonly until?: 'finished' | 'begun' | 'decided';
}

const newGid = ulidSource();
const payload = { data: randomBytes(100), contentType: 'application/octet-stream' };
const opened = new Map<string, Promise<Steps>>();

serveFlows(async ({ databaseUrl, until = 'finished' }: SqlTarget): Promise<RunOne> => {
  const open = opened.get(databaseUrl) ?? openSteps(databaseUrl);
  opened.set(databaseUrl, open);
  const steps = await open;
  return async () => {
    const gid = newGid();
    await steps.begin(gid, [branch('a'), branch('b')]);
    if (until === 'begun') return 'CONFIRMED';
    await steps.decide(gid, 2);
    if (until === 'decided') return 'CONFIRMED';
    await steps.finish(gid);
    return 'CONFIRMED';
  };
});

function branch(participant: string) {
  return { branchId: `${participant}-work`, participant, action: 'work', payload, triedBy: 'coordinator' } as const;
}
