// Runs jest and counts what it says.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endGroup, groupMembers, say } from './run.mjs';

/** After so many milliseconds the suites count as stuck. Far above what they take, below what a CI run may take. */
const STUCK_AFTER_MS = 14 * 60_000;

/** So many milliseconds after its results jest must have exited: whatever keeps it is a leak. */
const EXIT_WITHIN_MS = 15_000;

/** Jest's helpers may take so many milliseconds to go after it. */
const LEFT_BEHIND_AFTER_MS = 3_000;

/**
 * Runs the suites of the project in `root` under the Node program `node`. Resolves to { passed, failed, skipped };
 * a suite that could not run, a jest that does not exit and processes left behind count as one failure each.
 */
export async function runSuites({ root, node, args, env, signal }) {
  const folder = mkdtempSync(join(tmpdir(), 'tcc-jest-'));
  const results = join(folder, 'results.json');
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  const child = spawn(node, [jest, '--json', `--outputFile=${results}`, ...args], {
    cwd: root,
    env,
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  try {
    await once(child, 'spawn');
    const trouble = [await watch(child, results, signal), await leftovers(child.pid)].filter(Boolean);
    signal?.throwIfAborted();
    for (const line of trouble) say(line);
    return count(results, trouble.length, child.exitCode);
  } finally {
    if (child.pid !== undefined) await endGroup(child.pid, 'SIGTERM', 5_000);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits for jest's exit; when it is stuck or interrupted, ends it and says why. */
async function watch(child, results, signal) {
  const startMs = performance.now();
  let resultsSinceMs;
  while (child.exitCode === null && child.signalCode === null) {
    const nowMs = performance.now();
    if (existsSync(results)) resultsSinceMs ??= nowMs;
    const trouble =
      (signal?.aborted && 'interrupted') ||
      (nowMs - startMs > STUCK_AFTER_MS && `jest was not done after ${STUCK_AFTER_MS / 60_000} minutes`) ||
      (nowMs - resultsSinceMs > EXIT_WITHIN_MS && 'jest has its results and does not exit: a test left something open');
    if (trouble) {
      await endGroup(child.pid);
      return trouble;
    }
    await pause(100);
  }
  return undefined;
}

/** Jest has exited: what still lives of its process group was started by a test and not stopped. */
async function leftovers(pid) {
  for (let waitedMs = 0; waitedMs < LEFT_BEHIND_AFTER_MS; waitedMs += 100) {
    if (groupMembers(pid).length === 0) return undefined;
    await pause(100);
  }
  return `the suites left processes behind, which are ended now:\n  ${groupMembers(pid).join('\n  ')}`;
}

function count(results, troubles, exitCode) {
  if (!existsSync(results)) return { passed: 0, failed: Math.max(troubles, 1), skipped: 0 };
  const report = JSON.parse(readFileSync(results, 'utf8'));
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites + troubles;
  return {
    passed: report.numPassedTests,
    // Whatever else jest did not like, such as no test at all, is not a success.
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
