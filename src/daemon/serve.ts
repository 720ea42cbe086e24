import { systemClock } from '../lib/clock';
import { systemRandom } from '../lib/random';
import { startDaemon } from './compose';
import { maskUrl } from './config';
import { type ExitCode, exitCodes } from './exit-codes';
import { GrpcLog } from './grpc-log';
import type { DaemonLogger } from './log';
import type { Config } from './settings';
import { StartError } from './start-journal';
import type { Surroundings } from './surroundings';

/**
 * Serves until a signal comes, then drains. A second signal ends the process without waiting: what was promised is in the journal.
 * Rejects when it cannot start.
 */
export async function serve(
  config: Config,
  around: Pick<Surroundings, 'onSignal' | 'onGrpcLine' | 'exit' | 'version'>,
  logger: DaemonLogger,
): Promise<ExitCode> {
  const told = new AbortController();
  const grpcLog = new GrpcLog({ logger: logger.child({ module: 'grpc' }), clock: systemClock });
  const stopGrpcLines = around.onGrpcLine(grpcLog.line);
  const stopListening = around.onSignal((signal) => {
    if (told.signal.aborted) {
      logger.warn({ signal }, 'told to stop a second time; not waiting any longer');
      around.exit(exitCodes.forced);
      return;
    }
    logger.info({ signal, drainMs: config.drainMs }, 'told to stop; draining');
    told.abort();
  });
  try {
    const daemon = await startDaemon(config, { clock: systemClock, random: systemRandom, logger }, told.signal);
    const database = maskUrl(config.databaseUrl);
    const { address, databaseHost } = daemon;
    logger.info({ address, database, databaseHost, version: around.version, pid: process.pid }, 'listening');
    if (!isLoopback(daemon.address)) {
      logger.warn(
        { address: daemon.address },
        'listening beyond this machine without TLS: whoever reaches the port may run transactions',
      );
    }
    await aborted(told.signal);
    return await drain(daemon, logger);
  } catch (error) {
    if (error instanceof StartError && told.signal.aborted) return exitCodes.ok;
    throw error;
  } finally {
    stopListening();
    stopGrpcLines();
    grpcLog.stop();
  }
}

async function drain(daemon: { stop(): Promise<void> }, logger: DaemonLogger): Promise<ExitCode> {
  try {
    await daemon.stop();
    logger.info({}, 'stopped');
    return exitCodes.ok;
  } catch (error) {
    logger.error({ err: error }, 'stopped, but not cleanly');
    return exitCodes.failed;
  }
}

/** Whether only this machine reaches a host:port. */
export function isLoopback(address: string): boolean {
  return /^(127\.|localhost:|\[::1\]:)/.test(address);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}
