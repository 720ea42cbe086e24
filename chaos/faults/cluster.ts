import { sleep, systemClock } from '../../src/lib/clock';
import type { JournalCluster } from '../lab/journal-cluster';
import { isStopped } from '../lab/process-state';
import type { PlacedCoordinator, Stage } from '../lab/stage';
import type { Fault, Goal } from './fault';

/** From the election on: the finder asks ten times a second, and what was held is committed on the new primary. */
const AFTER_ELECTION: Goal = { words: '<= the election + 2 s', limitMs: (electionMs) => electionMs + 2_000 };

/** The old primary comes back so long after the election: orders go on without it by then. */
const AWAY_MS = 2_500;

/** What befalls the primary and, if there is one, the coordinator. */
interface Harm {
  readonly word: string;
  readonly begin: (cluster: JournalCluster, primary: number, coordinator: PlacedCoordinator | undefined) => void;
  /** How many of them are seen to be struck. */
  readonly bites: (cluster: JournalCluster, primary: number, coordinator: PlacedCoordinator | undefined) => number;
  readonly end: (stage: Stage, primary: number, coordinator: PlacedCoordinator | undefined) => Promise<void>;
}

const killed: Harm = {
  word: 'kill -9, rejoined',
  begin(cluster, primary, coordinator) {
    cluster.kill(primary);
    coordinator?.tccd.killNow();
  },
  bites: (cluster, primary, coordinator) =>
    count(!cluster.isAlive(primary)) + count(coordinator?.tccd.program.isRunning === false),
  async end(stage, primary, coordinator) {
    if (coordinator !== undefined) await stage.startCoordinator(coordinator);
    await clusterOf(stage).rejoin(primary);
  },
};

const frozen: Harm = {
  word: 'SIGSTOP, thawed after the election',
  begin(cluster, primary, coordinator) {
    cluster.freeze(primary);
    coordinator?.tccd.freeze();
  },
  bites: (cluster, primary, coordinator) =>
    count(cluster.isFrozen(primary)) + count(coordinator !== undefined && isStopped(coordinator.tccd.program.pid)),
  end(stage, primary, coordinator) {
    clusterOf(stage).thaw(primary);
    coordinator?.tccd.thaw();
    return Promise.resolve();
  },
};

function primaryStruck({ word, begin, bites, end }: Harm, isWithCoordinator: boolean): Fault {
  return {
    name: `primary of a three-node cluster${isWithCoordinator ? ' and a coordinator' : ''} ${word}`,
    needsCluster: true,
    goal: AFTER_ELECTION,
    async strike({ stage, turn }) {
      const cluster = clusterOf(stage);
      const coordinator = isWithCoordinator ? stage.coordinator(turn) : undefined;
      const primary = await cluster.whole();
      const fromMs = systemClock.monotonicMs();
      begin(cluster, primary, coordinator);
      await cluster.elected(primary);
      const ownMs = systemClock.monotonicMs() - fromMs;
      await sleep(systemClock, AWAY_MS);
      const times = bites(cluster, primary, coordinator);
      await end(stage, primary, coordinator);
      // Under load until the group is whole: the way back is one more chance to go wrong.
      await cluster.whole();
      const whom = coordinator === undefined ? '' : ` and the ${coordinator.name} coordinator`;
      return { times, whom: `node ${primary}${whom}`, ownMs };
    },
  };
}

function clusterOf({ cluster }: Stage): JournalCluster {
  if (cluster === undefined) throw new Error('the journal is on no cluster');
  return cluster;
}

function count(isSo: boolean): number {
  return isSo ? 1 : 0;
}

export const clusterFaults: readonly Fault[] = [
  primaryStruck(killed, false),
  primaryStruck(frozen, false),
  primaryStruck(killed, true),
  primaryStruck(frozen, true),
];
