/**
 * The composition root: the only file that makes real things out of a config.
 * C1. Parts start in the order in which they depend on each other: journal, registry, invoker, server (bound last), coordinator,
 *     recovery, and only then the server takes calls and says SERVING.
 * C2. They stop in the reverse order: NOT_SERVING and no more watches; no more claims; what is in flight gets `drainMs`;
 *     the last replies leave and connections close; the journal closes after everything that could still write.
 */
import { Coordinator } from '../coordinator/coordinator';
import type { Rules } from '../engine/driven';
import { Registry } from '../invoker/registry';
import { Attachments } from '../invoker/attachments';
import { RoutingInvoker } from '../invoker/routing';
import { UnaryInvoker } from '../invoker/unary';
import { type OpenJournal, openJournal } from '../journal/open';
import type { StoredAction } from '../journal/participants';
import type { Clock } from '../lib/clock';
import { advertisedAddress } from '../lib/address';
import { ulidSource } from '../lib/ids';
import { Lifecycle, type Stoppable } from '../lib/lifecycle';
import type { Logger } from '../lib/logger';
import type { Random } from '../lib/random';
import { Peers } from '../recovery/peers';
import { Recovery } from '../recovery/recovery';
import { type RpcOptions, RpcServer } from '../rpc/server';
import type { Config } from './settings';
import { StartError, startJournal } from './start-journal';

export interface DaemonDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A coordinator that serves. */
export interface Daemon {
  /** host:port, with the port that was taken where 0 was asked for. */
  readonly address: string;
  /** The database host that takes writes now, as host:port, or the database file; undefined while none of several hosts does. */
  readonly databaseHost: string | undefined;
  /** Drains and stops. Safe to call again: it returns the same promise. */
  stop(): Promise<void>;
}

/**
 * Calls in flight for each transaction that may be open: one that waits for it, and one that reads or decides it. Beyond that
 * RESOURCE_EXHAUSTED protects the memory; the debug line's count of it would revise this.
 */
const CALLS_PER_OPEN_TRANSACTION = 2;

/** Retries in place are for hiccups: the next instance, a restarted connection. Longer pauses are the scanner's. */
const FAST_CAP_MS = 1_000;

/** Time for the replies of drained transactions to leave, in milliseconds. */
const CLOSE_MS = 1_000;

/**
 * Starts everything; rejects with what went wrong after having stopped what was started before. `signal` gives up waiting for
 * a database that cannot be reached.
 */
export async function startDaemon(config: Config, deps: DaemonDeps, signal: AbortSignal): Promise<Daemon> {
  const lifecycle = new Lifecycle();
  try {
    const { address, journal } = await startParts(lifecycle, config, deps, signal);
    return {
      address,
      get databaseHost() {
        return journal.host;
      },
      stop: () => lifecycle.stop(),
    };
  } catch (error) {
    await lifecycle.stop().catch(() => undefined);
    throw error;
  }
}

async function startParts(
  lifecycle: Lifecycle,
  config: Config,
  deps: DaemonDeps,
  signal: AbortSignal,
): Promise<{ readonly address: string; readonly journal: OpenJournal }> {
  const worker = workerName(config, deps.random);
  const { clock, random, logger } = deps;
  const child = (module: string) => ({ clock, random, logger: logger.child({ module }) });

  const opened = await lifecycle.start(() =>
    startJournal(() => openJournal(journalOptions(config), deps), config.database, child('journal'), signal),
  );
  const { journal } = opened;
  const registry = await lifecycle.start(async () => {
    const made = new Registry(registryOptions(config), { ...child('registry'), store: opened.participants });
    await made.start();
    return made;
  });
  const attachments = await lifecycle.start(() => new Attachments(clock));
  const unary = await lifecycle.start(
    () => new UnaryInvoker({ ...config.calls, ...config.limits }, { ...child('invoker'), targets: registry }),
  );
  const invoker = new RoutingInvoker(attachments, unary, registry);
  const coordinator = new Coordinator(
    { ...config.transactions, ...coordinatorLimits(config), worker, drainMs: config.drainMs, rules: rules(config) },
    { ...child('coordinator'), journal, invoker, directory: registry, nowMs: await journal.now() },
  );
  let peers: Peers | undefined;
  const server = await lifecycle.start(
    () =>
      new RpcServer(rpcOptions(config), {
        ...child('rpc'),
        transactions: coordinator,
        journal,
        registry,
        attachments,
        coordinatorId: worker,
        coordinators: () => peers?.addresses ?? [],
        newGid: ulidSource(),
      }),
  );
  await lifecycle.start(() => coordinator);
  await lifecycle.start(() => {
    const { openTransactions } = config.limits;
    const made = new Recovery(
      { ...config.transactions, openTransactions, worker },
      { ...child('recovery'), journal, coordinator },
    );
    made.start();
    return made;
  });
  let address = '';
  await lifecycle.start(async () => {
    address = await listen(server);
    return announcement(server);
  });
  await lifecycle.start(() => {
    const self = {
      coordinatorId: worker,
      address: config.advertise ?? advertisedAddress(config.listen, portOf(address)),
    };
    const { coordinators: store } = opened;
    peers = new Peers(self, { ...child('peers'), store, changed: () => server.announceCoordinators() });
    peers.start();
    return peers;
  });
  return { address, journal: opened };
}

/** A port that cannot be had is the operator's to settle, not a bug. */
async function listen(server: RpcServer): Promise<string> {
  try {
    return await server.listen();
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : 'the server cannot listen', { cause: error });
  }
}

/** What stops first of all: the word that this coordinator serves. */
function announcement(server: RpcServer): Stoppable {
  return {
    name: 'health',
    stop: () => {
      server.startDraining();
      return Promise.resolve();
    },
  };
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}

/** The coordinator's name with what tells this run from the one before it. */
function workerName(config: Config, random: Random): string {
  const run = Math.floor(random() * 36 ** 6);
  return `${config.coordinatorId}-${run.toString(36).padStart(6, '0')}`;
}

function journalOptions(config: Config) {
  return { ...config.database, databaseUrl: config.databaseUrl, retentionMs: config.transactions.retentionMs };
}

function registryOptions(config: Config) {
  const participants = config.participants.map(({ name, address, actions }) => ({
    name,
    address,
    actions: actions.map((action): StoredAction => ({ ...action, methods: action.methods })),
  }));
  return { callTimeoutMs: config.calls.timeoutMs, tryAttempts: config.calls.tryAttempts, participants };
}

function coordinatorLimits({ limits }: Config) {
  return { openTransactions: limits.openTransactions, maxBranches: limits.branches };
}

function rules({ transactions, calls }: Config): Rules {
  return {
    leaseMs: transactions.leaseMs,
    fastRetries: calls.fastRetries,
    fastBackoff: { ...calls.backoff, capMs: Math.min(FAST_CAP_MS, calls.backoff.capMs) },
    backoff: calls.backoff,
    parkAfterRefusals: transactions.parkAfterRefusals,
  };
}

function rpcOptions({ listen, limits, transactions, reflection }: Config): RpcOptions {
  return {
    listen,
    requests: {
      payloadBytes: limits.payloadBytes,
      branches: limits.branches,
      timeoutMs: limits.timeoutMs,
      defaultTimeoutMs: transactions.timeoutMs,
      // Half a message: the rest of a transaction, with its attempts and timeline, fits the other half.
      replyBytes: Math.floor(limits.messageBytes / 2),
    },
    messageBytes: limits.messageBytes,
    callsInFlight: limits.openTransactions * CALLS_PER_OPEN_TRANSACTION,
    watchers: limits.watchers,
    reflection,
    closeMs: CLOSE_MS,
  };
}
