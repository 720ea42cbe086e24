import { eventually } from '../../support/eventually';
import { lastWords, running } from './program';

/** Every scenario has its own end, so that a stuck one still shows what the programs said. */
const SCENARIO_MS = 60_000;

/**
 * A test that shows the last words of every program when it fails. Its title is a fact, with the numbers of the
 * invariants that it shows.
 */
export function scenario(title: string, run: () => Promise<void>, timeoutMs = SCENARIO_MS): void {
  test(
    title,
    async () => {
      try {
        await within(timeoutMs, run());
      } catch (error) {
        process.stderr.write(`\n=== ${title}\n${lastWords(0)}\n===\n`);
        throw error;
      }
    },
    timeoutMs + 10_000,
  );
}

/** To be called once per file, before its other hooks: fails when the file leaves a process or a handle behind (I13). */
export function leavesNothingBehind(): void {
  let before: Record<string, number>;
  beforeAll(() => {
    before = handles();
  });
  afterAll(async () => {
    const left = running();
    for (const program of left) await program.kill();
    expect(left.map(({ name, pid }) => `${name} (pid ${pid})`)).toEqual([]);
    // Fewer is no leak: what an earlier file has closed may still have been on its way out.
    const more = () => Object.entries(handles()).filter(([kind, count]) => count > (before[kind] ?? 0));
    await eventually(() => expect(more()).toEqual([]), { timeoutMs: 20_000 });
  });
}

/** What a leak would leave: sockets, servers, pipes and processes of this process, by kind. */
function handles(): Record<string, number> {
  const kinds = ['TCPSocketWrap', 'TCPServerWrap', 'PipeWrap', 'ProcessWrap', 'GetAddrInfoReqWrap'];
  const counts = Object.fromEntries(kinds.map((kind) => [kind, 0]));
  for (const kind of process.getActiveResourcesInfo()) if (kind in counts) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

async function within(timeoutMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the scenario is not over after ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
