/**
 * tccd as it is, but for its journal: that one says "durable" at once and keeps nothing. What is left is the cost of everything
 * around the journal. The composition root takes openJournal from its module, so that is where it is exchanged.
 */
import { createRequire } from 'node:module';

import { main } from '../../src/daemon/main';
import { thisProcess } from '../../src/daemon/surroundings';
import type { Step } from '../../src/engine/step';
import type { Journal, StepResult } from '../../src/journal/journal';
import type { OpenJournal } from '../../src/journal/open';
import type { StoredInstance } from '../../src/journal/participants';

function applied(step: Step): StepResult {
  const atMs = Date.now();
  return { kind: 'applied', atMs, deadlineAt: step.kind === 'begin' ? atMs + step.transaction.timeoutMs : undefined };
}

const nothing: Journal = {
  append: (step) => Promise.resolve(applied(step)),
  submit: (step, submitter) => queueMicrotask(() => submitter.stepped(step, applied(step))),
  load: () => Promise.resolve(new Map()),
  due: () => Promise.resolve({ gids: [], nextInMs: undefined }),
  claim: () => Promise.resolve([]),
  renew: () => Promise.resolve(),
  purge: () => Promise.resolve(0),
  attempts: () => Promise.resolve([]),
  list: () => Promise.resolve([]),
  now: () => Promise.resolve(Date.now()),
};

const instances = new Map<string, StoredInstance>();

const opened: OpenJournal = {
  name: 'a journal that does nothing',
  label: 'nothing',
  host: undefined,
  journal: nothing,
  participants: {
    save: (instance, lifetimeMs) => {
      instances.set(`${instance.participant}/${instance.instanceId}`, {
        ...instance,
        expiresAt: Date.now() + lifetimeMs,
      });
      return Promise.resolve();
    },
    expire: (participant, instanceId) => {
      instances.delete(`${participant}/${instanceId}`);
      return Promise.resolve();
    },
    all: () => Promise.resolve({ nowMs: Date.now(), instances: [...instances.values()] }),
    forget: () => Promise.resolve(),
  },
  coordinators: {
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    addresses: () => Promise.resolve([]),
  },
  counters: { batches: 0, steps: 0, splits: 0, failed: 0, overflows: 0, queued: 0 },
  migrationStatus: () => Promise.resolve([]),
  stop: () => Promise.resolve(),
};

const open = createRequire(__filename)('../../src/journal/open') as { openJournal: () => Promise<OpenJournal> };
open.openJournal = () => Promise.resolve(opened);

void main(thisProcess()).then((code) => process.exit(code));
