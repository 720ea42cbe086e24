import pino from 'pino';

import type { Logger, LogLine } from '../lib/logger';
import type { Config } from './settings';

/** The daemon's logger: also has the level for what the process does not survive. */
export interface DaemonLogger extends Logger {
  readonly fatal: LogLine;
}

/**
 * JSON lines on stderr, written before the call returns: nothing is lost when the process ends. Lines per transaction
 * are at debug, so that this costs nothing at the default level.
 */
export function createLogger(level: Config['log']['level'], coordinatorId: string): DaemonLogger {
  return pino(
    { level, base: { coordinatorId }, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}
