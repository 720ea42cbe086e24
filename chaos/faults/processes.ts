import { sleep, systemClock } from '../../src/lib/clock';
import { isStopped } from '../lab/process-state';
import { LEASE_MS, serviceNames } from '../lab/stage';
import type { Fault, Goal } from './fault';

/**
 * What the client is promised when a coordinator is gone and another lives: the connection's end is the news, and the next
 * attempt goes to the other one.
 */
const CLIENT_MOVES_ON: Goal = { words: '<= 1 s', limitMs: () => 1_000 };

/**
 * A coordinator that hangs is given up by its clients after 2.5 s without a sign of life. Then come a call on the other one and, for
 * orders that the first one holds, the end of its lease. Nobody asked for this figure: it is what the design should be held to.
 */
export const CLIENT_GIVES_UP: Goal = { words: '<= 4 s', isOurs: true, limitMs: () => 4_000 };

/** Freezes of a participant and of the database: longer than a call's time, and shorter than an order's. */
const PAUSE_MS = 3_000;

/** A killed coordinator stays away for so long: the other one takes over what it held. */
const AWAY_MS = 2_500;

const coordinatorKilled: Fault = {
  name: 'coordinator kill -9, the other one lives',
  isShort: true,
  goal: CLIENT_MOVES_ON,
  async strike({ stage, turn }) {
    const victim = stage.coordinator(turn);
    await victim.tccd.kill();
    await sleep(systemClock, AWAY_MS);
    await stage.startCoordinator(victim);
    return { times: 1, whom: victim.name };
  },
};

function coordinatorFrozen(leases: number, isShort: boolean): Fault {
  return {
    name: `coordinator SIGSTOP, ${leases} x the lease of ${LEASE_MS / 1000} s`,
    isShort,
    goal: CLIENT_GIVES_UP,
    async strike({ stage, turn }) {
      const { name, tccd } = stage.coordinator(turn);
      tccd.freeze();
      await sleep(systemClock, leases * LEASE_MS);
      const times = isStopped(tccd.program.pid) ? 1 : 0;
      tccd.thaw();
      return { times, whom: name };
    },
  };
}

const participantKilled: Fault = {
  name: 'participant kill -9 and restart',
  isShort: true,
  goal: { words: '<= its own restart + 1 s', limitMs: (ownMs) => ownMs + 1_000 },
  async strike({ stage, turn }) {
    const name = serviceNames[turn % serviceNames.length] ?? 'inventory';
    const fromMs = systemClock.monotonicMs();
    await stage.service(name).kill();
    await stage.startService(name);
    return { times: 1, whom: name, ownMs: systemClock.monotonicMs() - fromMs };
  },
};

const participantFrozen: Fault = {
  name: `participant SIGSTOP, ${PAUSE_MS / 1000} s`,
  async strike({ stage, turn }) {
    const name = serviceNames[turn % serviceNames.length] ?? 'inventory';
    const service = stage.service(name);
    service.freeze();
    await sleep(systemClock, PAUSE_MS);
    const times = isStopped(service.program.pid) ? 1 : 0;
    service.thaw();
    return { times, whom: name };
  },
};

const databaseKilled: Fault = {
  name: 'database kill -9 and restart',
  isShort: true,
  goal: { words: '<= its own restart + 2 s', limitMs: (ownMs) => ownMs + 2_000 },
  async strike({ stage }) {
    const fromMs = systemClock.monotonicMs();
    await stage.database.kill();
    await stage.database.start();
    return { times: 1, whom: 'all databases', ownMs: systemClock.monotonicMs() - fromMs };
  },
};

const databaseFrozen: Fault = {
  name: `database SIGSTOP, ${PAUSE_MS / 1000} s`,
  async strike({ stage: { database } }) {
    database.freeze();
    await sleep(systemClock, PAUSE_MS);
    const times = database.isFrozen ? 1 : 0;
    database.thaw();
    return { times, whom: 'all databases' };
  },
};

export const processFaults: readonly Fault[] = [
  coordinatorKilled,
  coordinatorFrozen(0.5, false),
  coordinatorFrozen(2, true),
  coordinatorFrozen(10, false),
  participantKilled,
  participantFrozen,
  databaseKilled,
  databaseFrozen,
];
