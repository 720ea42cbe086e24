import { execFile } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '..', '..', '..');

/** The simulation owns its process: time, immediates and microtasks. */
function sim(...args: string[]): Promise<{ readonly code: number; readonly out: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'sim', 'load.cjs'), ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (error, out) => resolve({ code: error === null ? 0 : 1, out }),
    );
  });
}

test('the same seed has the same trace each time, and another seed another one', async () => {
  const [once, again, other] = await Promise.all([sim('--seed', '7'), sim('--seed', '7'), sim('--seed', '8')]);
  const hashOf = ({ out }: { readonly out: string }) => /trace ([0-9a-f]{8})/.exec(out)?.[1];
  expect(hashOf(once)).toMatch(/^[0-9a-f]{8}$/);
  expect(again.out).toBe(once.out);
  expect(hashOf(other)).not.toBe(hashOf(once));
});

test('the fixed seeds hold every invariant', async () => {
  const { code, out } = await sim('--seeds', '150', '--from', '1');
  expect(code === 0 ? '' : out).toBe('');
});
