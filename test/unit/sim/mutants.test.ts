import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** All of them take half a minute on two cores, and a minute and a half on one that is busy. */
const LONGEST_MS = 300_000;

test(
  'the simulation catches every mutant within its seeds, by the invariant that it breaks',
  async () => {
    const load = join(__dirname, '..', '..', '..', 'sim', 'load.cjs');
    const { code, out } = await new Promise<{ readonly code: number; readonly out: string }>((resolve) => {
      execFile(process.execPath, [load, '--mutants'], (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : 1, out: stdout + stderr });
      });
    });
    expect(code === 0 ? '' : out).toBe('');
  },
  LONGEST_MS,
);
