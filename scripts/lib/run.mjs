// Runs commands to their end. Each has a process group of its own, so that an interruption ends its children too.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** How long a command that was told to end may take before it is killed, in milliseconds. */
const PATIENCE_MS = 10_000;

/** One line about what is happening, told apart from the output of the tools. */
export function say(line) {
  process.stdout.write(`» ${line}\n`);
}

/**
 * Runs a command and shows its output. Resolves to its exit code (1 when a signal ended it); rejects when it cannot be
 * started, and with the signal's reason when `signal` is aborted, after the whole group has ended.
 * `quiet` keeps the output and shows it only when the command fails.
 */
export async function run(command, args, { cwd, env, signal, quiet = false, uid, gid } = {}) {
  signal?.throwIfAborted();
  const output = quiet ? 'pipe' : 'inherit';
  const child = spawn(command, args, { cwd, env, uid, gid, detached: true, stdio: ['ignore', output, output] });
  const kept = [];
  child.stdout?.on('data', (chunk) => kept.push(chunk));
  child.stderr?.on('data', (chunk) => kept.push(chunk));
  const interrupt = () => void endGroup(child.pid);
  signal?.addEventListener('abort', interrupt);
  try {
    const code = await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (exitCode) => resolve(exitCode ?? 1));
    });
    if (code !== 0) process.stderr.write(Buffer.concat(kept));
    signal?.throwIfAborted();
    return code;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

/**
 * Runs a command that has its own hands on the end of its children: on this terminal, with its input, and told to end when
 * `signal` is aborted. Resolves to its exit code, 1 when a signal ended it.
 */
export function runInForeground(command, args, { cwd, env, signal }) {
  const child = spawn(command, args, { cwd, env, stdio: 'inherit' });
  signal.addEventListener('abort', () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** Runs a step that everything after it needs; rejects when it fails. */
export async function mustRun(name, command, args, { cwd, signal }) {
  say(name);
  if ((await run(command, args, { cwd, signal })) !== 0) throw new Error(`${name} failed`);
}

/** What a short command prints on standard output; undefined when it fails or is not there. */
export async function outputOf(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => {
    child.on('error', () => resolve(undefined));
    child.on('close', (code) => resolve(code === 0 ? output.trim() : undefined));
  });
}

/** The command lines of the living processes of a group; where there is no /proc, a stand-in for all of them. */
export function groupMembers(groupId) {
  try {
    process.kill(-groupId, 0);
  } catch {
    return [];
  }
  if (!existsSync('/proc/self/stat')) return ['(some process)'];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => describeMember(pid, groupId))
    .filter(Boolean);
}

/** A line for a process that is of this group and is not just waiting to be reaped. */
function describeMember(pid, groupId) {
  try {
    // After the command in parentheses: state, parent, group.
    const [state, , group] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    if (Number(group) !== groupId || state === 'Z') return undefined;
    return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`;
  } catch {
    return undefined;
  }
}

/** Asks every process of the group to end, and kills what is left after a while. */
export async function endGroup(pid, first = 'SIGTERM', patienceMs = PATIENCE_MS) {
  signalGroup(pid, first);
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 50) {
    if (groupMembers(pid).length === 0) return;
    await pause(50);
  }
  signalGroup(pid, 'SIGKILL');
}

function signalGroup(pid, name) {
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended already.
  }
}
