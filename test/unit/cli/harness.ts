import { main } from '../../../src/cli/main';
import { BEGAN_MS } from '../sdk/client/fake-coordinator';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Five minutes after the fake transactions began. */
export const NOW_MS = BEGAN_MS + 300_000;

/** Runs tccctl in this process. The time that it shows stands still. */
export async function run(
  args: readonly string[],
  world: {
    readonly env?: Record<string, string>;
    readonly isTTY?: boolean;
    readonly signal?: AbortSignal;
    readonly onStdout?: (text: string) => void;
  } = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const exitCode = await main(args, {
    stdout: {
      write: (text) => {
        stdout += text;
        world.onStdout?.(text);
      },
      isTTY: world.isTTY,
    },
    stderr: { write: (text) => (stderr += text) },
    env: world.env ?? {},
    nowMs: () => NOW_MS,
    signal: world.signal ?? new AbortController().signal,
  });
  return { exitCode, stdout, stderr };
}
