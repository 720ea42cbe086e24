import { clusterFaults } from './cluster';
import type { Fault } from './fault';
import { networkFaults } from './network';
import { processFaults } from './processes';
import { severalFaults } from './several';
import { surroundingFaults } from './surroundings';

/** In the order of the table. */
export const faults: readonly Fault[] = [
  ...processFaults,
  ...networkFaults,
  ...surroundingFaults,
  ...severalFaults,
  ...clusterFaults,
];
