import { systemClock } from '../lib/clock';
import { exitCodes } from './exit-codes';
import { Stop } from './io';
import { main } from './main';

/** Runs tccctl as this process. The exit code is set, not forced, so that what is written gets out. */
export async function runProcess(): Promise<void> {
  const controller = new AbortController();
  // Once only: a second Ctrl-C ends the process at once.
  process.once('SIGINT', () => controller.abort(new Stop('interrupted', exitCodes.interrupted)));
  // `tccctl watch … | head -1`: the reader has what it wanted, which is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    controller.abort(new Stop('nobody reads the output', exitCodes.ok));
  });
  process.exitCode = await main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    nowMs: () => systemClock.wallMs(),
    signal: controller.signal,
  });
}
